"""How the entries of a role stand, in words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from cli.entry_reports import Report
from cli.lags import Standing
from cli.suspects import crashed_with, suspects_told
from dispatcher.settings import Plan
from dispatcher.stops import advice
from store.stops import Stop


def configured(plan: Plan) -> frozenset[str]:
    """Every entry that the configuration names, those that do not run too."""
    return frozenset({*(entry.name for entry in plan.entries), *plan.disabled, *(one.entry for one in plan.problems)})


State: TypeAlias = Literal["enabled", "paused", "tripped", "lost", "failed", "crashing", "stuck", "away", ""]
"""How an entry that is configured to run stands; empty: neither the log nor the store told."""


def standing_of(standing: Standing | None, report: Report | None) -> tuple[State, str]:
    """How an entry stands, and why that is so; the worst, where several things are.

    Args:
        standing: what log and store know of it.
        report: what the workers that run here say of it.
    """
    standing, report = standing or Standing(None, 0), report or Report()
    stopped = _since(standing.stop) if standing.stop else ""
    paused = standing.stop is not None and standing.stop.reason == "paused"
    lost = standing.forgotten
    told: dict[State, str] = {
        "failed": report.failed,
        "lost": f"the log forgot its position in {lost} partition{'s' * (lost > 1)}" if lost else "",
        "paused" if paused else "tripped": stopped,
        "crashing": suspects_told(crashed_with(standing.noted, report)),
        "stuck": _stuck_since(report.stuck) if report.stuck else "",
        "away": away_told(report.away),
    }
    return next(((state, why) for state, why in told.items() if why), ("enabled" if standing.known else "", ""))


def told(stop: Stop) -> str:
    """Why an entry stands still, since when, by whom, and what to do."""
    how = "paused" if stop.reason == "paused" else "stopped"
    return f"{how} {_since(stop)}. {advice(stop)}"


def stuck_told(stuck: Mapping[str, datetime]) -> str:
    """Which attempts go on although they were cancelled, since when, and what to do.

    Args:
        stuck: event id → since when; where it is empty, so is what is told.
    """
    if not stuck:
        return ""
    return (
        f"stuck {_stuck_since(stuck)}. Its lane stands still until the process is started anew; before that mend the "
        "handler: it swallows CancelledError"
    )


def _stuck_since(stuck: Mapping[str, datetime]) -> str:
    event, since = min(stuck.items(), key=lambda each: each[1])
    more = f" (and {len(stuck) - 1} more)" if len(stuck) > 1 else ""
    return f"since {at(since)}: the attempt at {event}{more} was cancelled and goes on"


def away_told(away: Mapping[str, datetime]) -> str:
    """Which accounts' platforms are away, and since when.

    Args:
        away: account → since when; where it is empty, so is what is told.
    """
    told = [f"the platform of the account {name} is away since {at(since)}" for name, since in sorted(away.items())]
    return f"{', '.join(told)}: it asks again by itself" if told else ""


def _since(stop: Stop) -> str:
    why = f": {stop.detail}" if stop.detail else ""
    return f"since {at(stop.at)} by {stop.by}{why}"


def at(time: datetime) -> str:
    """A moment, to the minute."""
    return f"{time:%Y-%m-%d %H:%M} UTC"
