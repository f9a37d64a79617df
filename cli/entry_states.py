"""How the entries of a role stand, in words: for `/readyz`, `doctor` and `handlers list`."""

from collections.abc import Mapping
from datetime import datetime

from console.app import Found
from dispatcher.dispatcher import Dispatcher, EntryState
from dispatcher.settings import Plan
from dispatcher.stops import advice
from dispatcher.worker import Phase
from store.stops import Stop


def handlers_found(dispatcher: Dispatcher) -> Found:
    """Whether every entry runs and can read; what keeps several from it is told once.

    One that stands still because somebody wants it to, or because a platform is away, is as well as it can be: it is
    told, and the role is ready.
    """
    states = dispatcher.states().values()
    failing = _by_cause({state.entry: _failure(state) for state in states})
    standing = _by_cause({state.entry: _standstill(state) for state in states})
    return Found(not failing, "; ".join((*failing, *standing)))


def configured(plan: Plan) -> frozenset[str]:
    """Every entry that the configuration names, those that do not run too."""
    return frozenset({*(entry.name for entry in plan.entries), *plan.disabled, *(one.entry for one in plan.problems)})


def told(stop: Stop) -> str:
    """Why an entry stands still, since when, by whom, and what to do."""
    how = "paused" if stop.reason == "paused" else "stopped"
    why = f": {stop.detail}" if stop.detail else ""
    return f"{how} since {_at(stop.at)} by {stop.by}{why}. {advice(stop)}"


def _failure(state: EntryState) -> str:
    return state.reason if state.phase is Phase.FAILED else state.trouble


def _standstill(state: EntryState) -> str:
    away = [
        f"the platform of the account {name} is away since {_at(since)}: it asks again by itself"
        for name, since in sorted(state.away.items())
    ]
    return ", ".join([*([told(state.stop)] if state.stop else []), *away])


def _by_cause(causes: Mapping[str, str]) -> list[str]:
    entries: dict[str, list[str]] = {}
    for entry, cause in causes.items():
        if cause:
            entries.setdefault(cause, []).append(entry)
    return [f"{', '.join(names)}: {cause}" for cause, names in entries.items()]


def _at(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
