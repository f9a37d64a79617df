"""How the entries of a role stand, in words."""

from collections.abc import Mapping
from datetime import datetime

from dispatcher.settings import Plan
from dispatcher.stops import advice
from store.stops import Stop


def configured(plan: Plan) -> frozenset[str]:
    """Every entry that the configuration names, those that do not run too."""
    return frozenset({*(entry.name for entry in plan.entries), *plan.disabled, *(one.entry for one in plan.problems)})


def told(stop: Stop) -> str:
    """Why an entry stands still, since when, by whom, and what to do."""
    how = "paused" if stop.reason == "paused" else "stopped"
    why = f": {stop.detail}" if stop.detail else ""
    return f"{how} since {at(stop.at)} by {stop.by}{why}. {advice(stop)}"


def stuck_told(stuck: Mapping[str, datetime]) -> str:
    """Which attempts go on although they were cancelled, since when, and what to do.

    Args:
        stuck: event id → since when; not empty.
    """
    event, since = min(stuck.items(), key=lambda each: each[1])
    more = f" (and {len(stuck) - 1} more)" if len(stuck) > 1 else ""
    return (
        f"stuck since {at(since)}: the attempt at {event}{more} was cancelled and goes on. Its lane stands still until "
        "the process is started anew; before that mend the handler: it swallows CancelledError"
    )


def at(time: datetime) -> str:
    """A moment, to the minute."""
    return f"{time:%Y-%m-%d %H:%M} UTC"
