"""How the entries of a role stand, in words."""

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


def at(time: datetime) -> str:
    """A moment, to the minute."""
    return f"{time:%Y-%m-%d %H:%M} UTC"
