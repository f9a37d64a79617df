"""What an exception group says of an attempt: as much as the one of its leaves that says most. Pure."""

from datetime import timedelta

from dispatcher.attempt import leaves
from dispatcher.hearing import AWAY
from dispatcher.outcome import Dead, Policy, Retry, decide
from store.errors import NotOwned

# One that adds nothing of its own: what is left is what the error asks for.
_NONE = Policy(attempts=2, backoff=timedelta(), max_backoff=timedelta())


def telling(error: Exception | None) -> Exception | None:
    """What an attempt failed by that ended so.

    Of a group, as `asyncio.TaskGroup` raises one, that is a leaf: whose event is dead by it, or else what is away, or
    else the one that asks for the longest wait.
    """
    return max(leaves(error), key=_weight) if isinstance(error, ExceptionGroup) else error


def _weight(leaf: Exception) -> tuple[int, bool, timedelta]:
    if isinstance(leaf, NotOwned):
        return 4, True, timedelta()
    outcome = decide(leaf, attempt=1, counted=1, held_up=timedelta(), policy=_NONE, jitter=0.0)
    if isinstance(outcome, Dead):
        return 3, outcome.reason == "uncertain", timedelta()
    if isinstance(outcome, Retry):
        return 1 if outcome.counts else 2, isinstance(leaf, AWAY), outcome.after
    return 0, False, timedelta()
