"""What becomes of an event after an attempt: a value, decided by a pure function and carried out elsewhere.

- returned: `Done`
- `GiveUp`, or a `ClientError` that cannot succeed later: `Dead`, rejected
- `EffectUncertain`: `Dead`, uncertain; a record the log will never take: `Dead`, oversize
- it ended the process several times (`caution.py`): `Dead`, crashed
- what it needs is away (`away.py`: the store, the event log, a platform, what it said is `Unavailable`): `Retry`, and
  the attempt does not count; `Dead` when that has gone on for the policy's `deadline`, which does not count either
- `RetryLater`, a timeout, anything else: `Retry` with backoff or its own wait; `Dead` when attempts are used up
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from clients.errors import ClientError
from dispatcher.away import is_away
from dispatcher.errors import EffectNotShown, EffectUncertain, describe
from eventlog.errors import RecordRefused
from handlers.api import GiveUp, RetryLater, Unavailable
from store.errors import StoreRefused

DeadReason: TypeAlias = Literal["rejected", "exhausted", "undecodable", "oversize", "uncertain", "crashed", "forgotten"]
"""Why an event went to the dead letters; the value of `x-dlq-reason`."""

_CREDIT_WAIT = timedelta(hours=1)
_MAX_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class Done:
    """The event is settled."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The event is tried again; its lane waits, others flow."""

    after: timedelta
    # What happened, safe to log.
    detail: str
    # False when it was not the event's fault: such an attempt does not use up the policy's.
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Dead:
    """The event goes to the dead letters."""

    reason: DeadReason
    # What happened, safe to log.
    detail: str
    # False when it was not the handler's fault: such a death does not bring the entry nearer to being stopped.
    counts: bool = True


Outcome: TypeAlias = Done | Retry | Dead


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often and how patiently an entry tries: `attempts`, `backoff`, `max_backoff`, `deadline` of its settings."""

    # Attempts in all that count, at least 1.
    attempts: int
    # The longest first wait; it doubles with every further attempt.
    backoff: timedelta
    # No wait is longer.
    max_backoff: timedelta
    # So long an event is tried again after failures that do not count.
    deadline: timedelta = timedelta(hours=24)

    def wait(self, attempt: int, jitter: float) -> timedelta:
        """Equal jitter: between half of the doubled backoff and all of it.

        Args:
            attempt: the number of the attempt that failed, from 1.
            jitter: a random number, 0 <= jitter < 1.
        """
        longest = self.backoff.total_seconds() * 2 ** min(attempt - 1, _MAX_DOUBLINGS)
        return (1 + jitter) / 2 * timedelta(seconds=min(longest, self.max_backoff.total_seconds()))


def decide(
    error: BaseException | None, *, attempt: int, counted: int, held_up: timedelta, policy: Policy, jitter: float
) -> Outcome:
    """Decide what becomes of an event.

    Args:
        error: what the attempt raised; None if it returned.
        attempt: the number of this attempt, from 1.
        counted: how many attempts counted so far, this one included.
        held_up: how long ago the first failure that does not count was.
        policy: the entry's.
        jitter: a random number, 0 <= jitter < 1.
    """
    if error is None:
        return Done()
    detail = describe(error)
    if (reason := _hopeless(error)) is not None:
        return Dead(reason, detail)
    if is_away(error):
        if held_up >= policy.deadline:
            told = f"it was held up for {held_up}, beyond its deadline, the last time: {detail}"
            return Dead("exhausted", told, counts=False)
        return Retry(_allowed_after(error, attempt, policy, jitter), detail, counts=False)
    if counted >= policy.attempts:
        return Dead("exhausted", f"{counted} attempts failed, the last: {detail}")
    return Retry(_own_wait(error) or policy.wait(counted, jitter), detail)


def _hopeless(error: BaseException) -> DeadReason | None:
    """Why no attempt can ever succeed; None if one might."""
    match error:
        case GiveUp() | ClientError(retryable=False) | StoreRefused():
            return "rejected"
        case EffectUncertain():
            return "uncertain"
        case RecordRefused():
            return "oversize"
    return None


def _own_wait(error: BaseException) -> timedelta | None:
    if isinstance(error, RetryLater):
        return error.after
    if isinstance(error, ClientError) and error.retry_after is not None:
        return timedelta(seconds=error.retry_after)
    return None


def _allowed_after(error: BaseException, attempt: int, policy: Policy, jitter: float) -> timedelta:
    if isinstance(error, EffectNotShown):
        return error.after
    wait = policy.wait(attempt, jitter)
    if isinstance(error, Unavailable) and error.after is not None:
        return error.after + wait
    if isinstance(error, ClientError):
        # The jitter comes on top: all lanes were told the same moment, and only so many may call then.
        if error.retry_after is not None:
            return timedelta(seconds=error.retry_after) + wait
        if error.parked:
            return _CREDIT_WAIT
    return wait
