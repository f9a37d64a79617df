"""What becomes of an event is decided by a pure function."""

import socket
from datetime import timedelta

import aiohttp
import httpx
import pytest

from clients.errors import (
    BadAnswer,
    ConnectionLost,
    NotFound,
    OutOfCredit,
    PlatformDown,
    RateLimited,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from dispatcher.attempt import AttemptTimedOut
from dispatcher.errors import EffectUncertain
from dispatcher.outcome import Dead, Done, Outcome, Policy, Retry, decide
from eventlog.errors import LogUnavailable, RecordRefused
from handlers.api import GiveUp, RetryLater, Unavailable
from store.errors import StoreRefused, StoreUnavailable

SECOND = timedelta(seconds=1)
POLICY = Policy(attempts=3, backoff=SECOND, max_backoff=timedelta(seconds=10))


def decided(
    error: BaseException | None,
    *,
    attempt: int = 1,
    counted: int | None = None,
    held_up: timedelta = timedelta(),
    jitter: float = 0.5,
) -> Outcome:
    return decide(
        error,
        attempt=attempt,
        counted=attempt if counted is None else counted,
        held_up=held_up,
        policy=POLICY,
        jitter=jitter,
    )


def test_a_return_is_done() -> None:
    """A handler that returns has settled its event."""
    assert decided(None) == Done()


def test_give_up_is_dead_at_once() -> None:
    """The author knows that no attempt can succeed."""
    assert decided(GiveUp("no such plan")) == Dead("rejected", "no such plan")


def test_retry_later_waits_as_long_as_it_says() -> None:
    """The author's own time wins over the policy's."""
    assert decided(RetryLater("asleep", after="10m")) == Retry(timedelta(minutes=10), "asleep")


def test_retry_later_without_a_time_waits_by_the_policy() -> None:
    """Without a time the backoff decides."""
    assert decided(RetryLater("asleep")) == Retry(0.75 * SECOND, "asleep")


def test_retry_later_uses_up_attempts() -> None:
    """Asking for ever is not possible: nothing is retried without an end."""
    assert decided(RetryLater("asleep"), attempt=3) == Dead("exhausted", "3 attempts failed, the last: asleep")


def test_anything_else_is_retried() -> None:
    """An error nobody foresaw gets the policy's attempts; its text, which may hold a payload, is not kept."""
    assert decided(ValueError("visitor@example.org")) == Retry(0.75 * SECOND, "ValueError")


def test_anything_else_is_dead_when_attempts_are_used_up() -> None:
    """The last attempt of the policy is the last."""
    assert decided(ValueError(), attempt=3) == Dead("exhausted", "3 attempts failed, the last: ValueError")


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (60, 10)])
def test_the_backoff_doubles_up_to_its_bound(attempt: int, seconds: int) -> None:
    """The wait is at least half of the doubled backoff, never next to nothing."""
    assert POLICY.wait(attempt, 0.998) == 0.999 * seconds * SECOND
    assert POLICY.wait(attempt, 0.0) == 0.5 * seconds * SECOND


def test_an_answer_that_names_a_time_is_waited_for() -> None:
    """`retry_after` of a client's error wins over the backoff, and the attempt counts."""
    outcome = decided(BadAnswer("html", retry_after=7))
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.counts) == (timedelta(seconds=7), True)


AWAY = [
    Unreachable("refused"),
    ConnectionLost("reset"),
    TimedOut("slow"),
    PlatformDown("502"),
    Unavailable("crm"),
    ConnectionResetError(104, "reset"),
    socket.gaierror(-2, "no such name"),
    aiohttp.ServerDisconnectedError(),
    httpx.ConnectError("refused"),
    httpx.RemoteProtocolError("disconnected"),
]


@pytest.mark.parametrize("error", AWAY)
def test_what_is_away_uses_up_no_attempt(error: Exception) -> None:
    """An outage says nothing about the event, however often it is met."""
    outcome = decided(error, attempt=50, counted=50, held_up=timedelta(hours=23))
    assert isinstance(outcome, Retry)
    assert outcome.counts is False


@pytest.mark.parametrize("error", [*AWAY, RateLimited("slow down"), OutOfCredit("top up"), StoreUnavailable("away")])
def test_nothing_is_held_up_for_ever(error: Exception) -> None:
    """After a day a person should look."""
    outcome = decided(error, attempt=50, counted=0, held_up=timedelta(hours=24))
    assert isinstance(outcome, Dead)
    assert (outcome.reason, outcome.detail[:29]) == ("exhausted", "it was held up for 1 day, 0:0")
    assert outcome.counts is False


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        OSError(28, "no space left"),
        FileNotFoundError(),
        aiohttp.ServerTimeoutError(),
        httpx.ConnectTimeout("slow"),
        httpx.UnsupportedProtocol("no scheme"),
        RetryLater("not yet"),
    ],
)
def test_what_may_be_the_handlers_own_fault_uses_up_attempts(error: Exception) -> None:
    """Whoever knows better says `Unavailable`."""
    outcome = decided(error, attempt=3)
    assert isinstance(outcome, Dead)
    assert outcome.counts is True


def test_what_is_away_may_ask_to_be_left_alone() -> None:
    """The jitter comes on top, as with a rate limit; what is told is what the author said."""
    outcome = decided(Unavailable("crm", "it answered 503", after="1m"))
    assert outcome == Retry(timedelta(seconds=60.75), "crm is away: it answered 503", counts=False)


def test_a_bug_does_not_live_on_after_an_outage() -> None:
    """The deadline is for failures that do not count; the others have their attempts, before it and after it."""
    assert isinstance(decided(ValueError(), attempt=9, counted=1, held_up=timedelta(hours=30)), Retry)
    assert isinstance(decided(ValueError(), attempt=3), Dead)


def test_an_attempt_that_takes_too_long_counts() -> None:
    """The handler's own time is not the platform's: it may never end in time."""
    assert isinstance(decided(AttemptTimedOut("no result within 30 s"), attempt=3), Dead)


@pytest.mark.parametrize("error", [NotFound("gone"), Unauthorized("key"), StoreRefused("too large")])
def test_what_can_never_succeed_is_dead_at_once(error: Exception) -> None:
    """Repeating a request that is wrong as it stands helps nobody."""
    outcome = decided(error)
    assert isinstance(outcome, Dead)
    assert outcome.reason == "rejected"


def test_a_rate_limit_uses_up_no_attempt() -> None:
    """A limit says nothing about the event; the jitter spreads lanes that were told the same moment."""
    outcome = decided(RateLimited("slow down", retry_after=20), attempt=9, counted=9, jitter=0.2)
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.counts) == (timedelta(seconds=26), False)


def test_used_up_credit_waits_an_hour() -> None:
    """A person must act: trying every minute would not help."""
    outcome = decided(OutOfCredit("top up"))
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.counts) == (timedelta(hours=1), False)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), LogUnavailable("away")])
def test_our_own_outages_use_up_no_attempt(error: Exception) -> None:
    """An event is not dead because our database was restarted."""
    outcome = decided(error, attempt=50, counted=50)
    assert isinstance(outcome, Retry)
    assert outcome.counts is False


def test_attempts_that_do_not_count_leave_the_others() -> None:
    """Nine attempts of which seven did not count leave one."""
    assert isinstance(decided(ValueError(), attempt=9, counted=2), Retry)


def test_an_uncertain_effect_is_dead() -> None:
    """Nobody but a person can tell."""
    outcome = decided(EffectUncertain("send", "no probe"))
    assert isinstance(outcome, Dead)
    assert outcome.reason == "uncertain"


def test_what_the_log_will_never_take_is_dead() -> None:
    """A record that is refused for ever does not hold up its lane."""
    outcome = decided(RecordRefused("too large", topic="t"))
    assert outcome == Dead("oversize", "too large")
