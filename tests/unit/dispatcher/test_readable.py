"""Whatever a handler raises becomes an outcome, and everything that is told of it can be told."""

import asyncio
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from clients.errors import ClientError, PlatformDown, RateLimited
from dispatcher.attempt import attempt, leaves, readable
from dispatcher.effects import proves_nothing_happened
from dispatcher.errors import describe, frames
from dispatcher.outcome import Dead, Outcome, Policy, Retry, decide
from dispatcher.telling import telling
from handlers.api import Context, GiveUp, RetryLater, Unavailable
from schemas.durations import LONGEST
from schemas.events import Event

POLICY = Policy(attempts=3, backoff=timedelta(seconds=4), max_backoff=timedelta(minutes=1))
OWN = timedelta(seconds=2)
"""The policy's own first wait."""


def decided(error: BaseException) -> Outcome:
    return decide(error, attempt=1, counted=1, held_up=timedelta(), policy=POLICY, jitter=0.0)


class NoSuper(RetryLater):
    def __init__(self) -> None:
        Exception.__init__(self, "later")


class NoSuperClient(ClientError):
    retryable = True

    def __init__(self) -> None:
        Exception.__init__(self, "odd")


class NoSuperAway(Unavailable):
    def __init__(self) -> None:
        Exception.__init__(self, "away")


class StrRaises(GiveUp):
    def __str__(self) -> str:
        raise ValueError


class StrExits(RateLimited):
    def __str__(self) -> str:
        raise SystemExit(3)


class StrIsNone(GiveUp):
    def __str__(self) -> str:
        return cast("str", 5)


class Nameless(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in {"__module__", "__qualname__", "__name__", "__mro__"}:
            raise RuntimeError
        return super().__getattribute__(name)


class OddType(Exception, metaclass=Nameless):
    pass


class OddCause(Exception):
    @property
    def __cause__(self) -> BaseException | None:  # type: ignore[override]  # what a plugin could write
        raise RuntimeError


class Unwritable(RateLimited):
    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError


class OddTruth(Exception):
    def __bool__(self) -> bool:
        raise RuntimeError


def after(error: Any, value: object) -> Exception:
    error.after = value
    return cast("Exception", error)


def limited(seconds: Any) -> Exception:
    return RateLimited("x", retry_after=seconds)


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


ODD: dict[str, tuple[Callable[[], BaseException], Outcome]] = {
    "RetryLater without super": (NoSuper, Retry(OWN, "")),
    "ClientError without super": (NoSuperClient, Retry(OWN, "")),
    "Unavailable without super": (NoSuperAway, Retry(OWN, "", counts=False)),
    "a text that raises": (lambda: StrRaises("x"), Dead("rejected", "")),
    "a text that exits": (lambda: StrExits("x"), Retry(OWN, "", counts=False)),
    "a text that is none": (lambda: StrIsNone("x"), Dead("rejected", "")),
    "a type without a name": (OddType, Retry(OWN, "")),
    "a cause that raises": (OddCause, Retry(OWN, "")),
    "a cause without a truth": (lambda: caused(ValueError(), OddTruth()), Retry(OWN, "")),
    "a cause without a name": (lambda: caused(GiveUp("x"), OddType()), Dead("rejected", "")),
    "attributes that cannot be set": (lambda: Unwritable.__new__(Unwritable), Retry(OWN, "", counts=False)),
    "a text as seconds": (lambda: limited("30"), Retry(OWN, "", counts=False)),
    "not a number": (lambda: limited(math.nan), Retry(OWN, "", counts=False)),
    "for ever": (lambda: limited(math.inf), Retry(OWN, "", counts=False)),
    "nearly for ever": (lambda: limited(1e300), Retry(LONGEST + OWN, "", counts=False)),
    "a number beyond floats": (lambda: limited(10**400), Retry(OWN, "", counts=False)),
    "back in time": (lambda: limited(-3600.0), Retry(OWN, "", counts=False)),
    "later, back in time": (lambda: RetryLater("x", after=timedelta(days=-3000)), Retry(OWN, "")),
    "later, in no words": (lambda: RetryLater("x", after="soon"), Retry(OWN, "")),
    "later, in no words of ours": (lambda: RetryLater("x", after=cast("str", object())), Retry(OWN, "")),
    "away, beyond the calendar": (lambda: Unavailable("x", after=timedelta.max), Retry(OWN, "", counts=False)),
    "later, in words": (lambda: after(RetryLater("x"), "10s"), Retry(timedelta(seconds=10), "")),
    "later, in seconds": (lambda: after(RetryLater("x"), 10), Retry(OWN, "")),
    "away, in no words": (lambda: after(Unavailable("x"), object()), Retry(OWN, "", counts=False)),
    "beyond the calendar": (lambda: after(RetryLater("x"), timedelta.max), Retry(OWN, "")),
    "no Exception": (lambda: BaseException("x"), Retry(OWN, "")),
    "half a character": (lambda: GiveUp("\ud800\x00\n"), Dead("rejected", "")),
}


@pytest.mark.parametrize("name", ODD)
async def test_whatever_is_raised_becomes_an_outcome(name: str) -> None:
    """And a line, a traceback and a type for its dead letter."""
    make, expected = ODD[name]

    async def run(event: Event, ctx: Context[Any]) -> None:
        await asyncio.sleep(0)
        raise make()

    error = await attempt(run, cast("Event", None), cast("Context[Any]", None), timedelta(minutes=1))
    assert error is not None
    outcome = decided(error)
    assert describe(error)
    assert "in run" in (trace := frames(error, limit=10_000))
    assert f"{type(error).__module__}.{type(error).__qualname__}" in trace
    if isinstance(expected, Dead):
        assert isinstance(outcome, Dead)
        assert outcome.reason == expected.reason
    else:
        assert isinstance(outcome, Retry)
        assert isinstance(expected, Retry)
        assert (outcome.after, outcome.counts) == (expected.after, expected.counts)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RetryLater("no stock", after="soon"), "no stock"),
        (RetryLater("no stock", after=timedelta(seconds=-1)), "no stock"),
        (Unavailable("crm", "it answered 503", after="soon"), "crm is away: it answered 503"),
    ],
)
def test_a_wait_that_is_none_leaves_the_reason_and_is_told_of(error: Exception, reason: str) -> None:
    """Without what was given: it may hold anything."""
    told = " (its `after` is no wait, which the policy decides then: write 500ms, 20s, 10m, 6h or 7d)"
    assert describe(error) == reason + told
    assert getattr(error, "reason", "no stock") == "no stock"


def test_a_sane_error_stays_itself() -> None:
    """With what it asks for."""
    error = PlatformDown("away", retry_after=7, nothing_happened=True)
    assert readable(error) is error
    assert (error.retry_after, error.nothing_happened, error.account) == (7, True, "")


def test_a_strangers_own_text_is_read_by_nobody_else() -> None:
    """An error whose text raises stays of its type: that may say that something is away."""

    class Mute(ConnectionError):
        def __str__(self) -> str:
            raise ValueError

    error = Mute()
    assert readable(error) is error
    assert decided(error) == Retry(OWN, "Mute", counts=False)


def test_what_stands_in_has_the_name_and_proves_nothing() -> None:
    """That nobody can read an error is no proof of what happened."""
    stands_in = readable(StrExits("x"))
    assert isinstance(stands_in, RateLimited)
    assert type(stands_in).__name__ == "StrExits"
    assert not stands_in.nothing_happened


class ReadsOnce(GiveUp):
    """Its text is there for the first who asks."""

    asked = 0

    def __str__(self) -> str:
        self.asked += 1
        if self.asked > 1:
            raise RuntimeError
        return "no such plan"


def test_a_text_is_read_once() -> None:
    """And told as often as it is to be."""
    error = readable(ReadsOnce("x"))
    assert type(error) is ReadsOnce
    assert [describe(error), describe(error)] == ["no such plan", "no such plan"]


class Busy(RetryLater):
    """What it asks for is computed."""

    def __init__(self) -> None:
        Exception.__init__(self, "busy")

    @property
    def after(self) -> timedelta:  # type: ignore[override]  # what a plugin could write
        return timedelta(minutes=5)


def test_what_is_computed_is_computed_once() -> None:
    """By a property of the author's own."""
    error = readable(Busy())
    assert (describe(error), decided(error)) == ("busy", Retry(timedelta(minutes=5), "busy"))


class OddText(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError

    def split(self, *_: object) -> Any:
        raise RuntimeError


class OddSpan(timedelta):
    def total_seconds(self) -> float:
        raise RuntimeError


class OddNumber(float):
    def __lt__(self, other: object) -> bool:
        raise RuntimeError


class SaysOddly(GiveUp):
    def __str__(self) -> str:
        return OddText("no such plan")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SaysOddly("x"), Dead("rejected", "no such plan")),
        (after(RetryLater("x"), OddSpan(seconds=10)), Retry(timedelta(seconds=10), "x")),
        (limited(OddNumber(10)), Retry(timedelta(seconds=12), describe(limited(10)), counts=False)),
    ],
)
def test_values_of_odd_classes_become_plain_ones(error: Exception, expected: Outcome) -> None:
    """Nobody behind meets what they override."""
    assert decided(readable(error)) == expected


class NoClass(Exception):
    @property
    def __class__(self) -> Any:
        raise RuntimeError

    @__class__.setter
    def __class__(self, value: Any) -> None: ...


class NoTraceback(Exception):
    __traceback__ = property(lambda _: 1 / 0)


class NoExit(BaseException):
    @property
    def __class__(self) -> Any:
        raise RuntimeError

    @__class__.setter
    def __class__(self, value: Any) -> None: ...


ODD_TYPES: dict[str, Callable[[], BaseException]] = {
    "no class": NoClass,
    "no class, and no Exception": NoExit,
    "no traceback": NoTraceback,
    "no name": OddType,
    "no cause": OddCause,
    "no truth": OddTruth,
}


@pytest.mark.parametrize("name", ODD_TYPES)
@pytest.mark.parametrize("where", ["itself", "in a group", "a cause"])
async def test_what_python_asks_of_an_error_is_not_asked_of_a_strangers(name: str, where: str) -> None:
    """Wherever the odd one stands."""

    async def run(event: Event, ctx: Context[Any]) -> None:
        error = ODD_TYPES[name]()
        if where == "in a group":
            raise BaseExceptionGroup("g", [error])
        raise error if where == "itself" else caused(ValueError(), error)

    error = telling(await attempt(run, cast("Event", None), cast("Context[Any]", None), timedelta(minutes=1)))
    assert error is not None
    assert isinstance(decided(error), Retry)
    assert describe(error)
    assert frames(error, limit=10_000)


def test_of_many_leaves_those_that_nobody_looked_at_prove_nothing() -> None:
    """A hundred are looked at, however many there are."""
    refused = [ConnectionRefusedError() for _ in range(50_000)]
    assert proves_nothing_happened(ExceptionGroup("g", refused[:100]))
    assert not proves_nothing_happened(ExceptionGroup("g", refused))
    assert len(leaves(ExceptionGroup("g", refused))) == 101


def test_of_many_causes_the_first_are_told() -> None:
    """Fifty of them."""
    error: Exception = ValueError()
    for _ in range(60_000):
        error = caused(KeyError(), error)
    assert frames(readable(error), limit=10_000).count("KeyError") == 50
