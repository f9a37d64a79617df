"""Whether a call is repeated at once, and when. A decision made by a pure function and carried out in `http.py`.

| repeated | what |
|---|---|
| always, when the request never left | no connection |
| only calls without an effect | 429 and 408, if the wait is short; connection lost, timed out, 5xx |
| never here | every other 4xx, 501, answers that cannot be understood, credit used up |

Longer waits are the caller's: it gets the error with `retry_after` and decides. So it is with a send that was answered:
a 429 says that nothing happened, and platforms that count too late are known to send and say so. Whoever repeats it can
look at the conversation first.
"""

from dataclasses import dataclass

from clients.errors import BadAnswer, ClientError


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often and how patiently one call is tried."""

    # The first try included.
    tries: int = 3
    # The first wait is drawn from zero to this many seconds, each next from twice as much.
    base: float = 0.25
    # No single wait is longer, in seconds; a platform that asks for more gets its error passed on.
    longest: float = 5.0


def next_wait(
    error: ClientError, tried: int, policy: Policy, *, repeatable: bool, left: float, jitter: float
) -> float | None:
    """Return how many seconds to wait before the next try, None to give up.

    Args:
        error: how the last try ended.
        tried: how many tries were made.
        policy: the bounds.
        repeatable: the call has no effect, so repeating it does no harm.
        left: seconds until the deadline of the whole call.
        jitter: a random number in [0, 1).
    """
    if tried >= policy.tries or not error.retryable or error.parked or isinstance(error, BadAnswer):
        return None
    if not (repeatable or (error.nothing_happened and error.status is None)):
        return None
    ours = jitter * min(policy.base * 2 ** (tried - 1), policy.longest)
    wait = max(ours, error.retry_after or 0.0)
    return wait if wait <= policy.longest and wait < left else None
