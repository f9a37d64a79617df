"""Whether the handlers and pollers of a role are ready: for `/readyz`."""

from collections.abc import Mapping, Sequence

from cli.entry_states import away_told, stuck_told, told
from cli.suspects import suspects_told
from console.app import Found
from dispatcher.dispatcher import Dispatcher, EntryState
from dispatcher.worker import Phase
from receiver.polling.poller import Poller


def handlers_found(dispatcher: Dispatcher) -> Found:
    """Whether every entry runs and can read; what keeps several from it is told once.

    One that stands still because somebody wants it to, or because a platform is away, is as well as it can be, and of
    one with an attempt that does not end the other lanes go on: it is told, and the role is ready.
    """
    states = dispatcher.states().values()
    failing = _by_cause({state.entry: _failure(state) for state in states})
    standing = _by_cause({state.entry: _standstill(state) for state in states})
    return Found(not failing, "; ".join((*failing, *standing)))


def polled_found(polling: Sequence[Poller]) -> Found:
    """Whether the news of every polled source is fresh, or another process sees to it."""
    stale = "; ".join(filter(None, (poller.stale for poller in polling)))
    return Found(not stale, stale)


def _failure(state: EntryState) -> str:
    return state.reason if state.phase is Phase.FAILED else state.trouble


def _standstill(state: EntryState) -> str:
    stop = told(state.stop) if state.stop else ""
    return ", ".join(filter(None, [stop, suspects_told(state.noted), stuck_told(state.stuck), away_told(state.away)]))


def _by_cause(causes: Mapping[str, str]) -> list[str]:
    entries: dict[str, list[str]] = {}
    for entry, cause in causes.items():
        if cause:
            entries.setdefault(cause, []).append(entry)
    return [f"{', '.join(names)}: {cause}" for cause, names in entries.items()]
