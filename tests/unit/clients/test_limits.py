"""How often we may call."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from clients.errors import RateLimited
from clients.limits import Limiter, Rate, RateField, Window, longest_wait, rate
from clients.waits import Quota
from tests.unit.clients.clocks import FakeClock, settle


def _limiter(clock: FakeClock, *, calls: int = 2, max_wait: float = 100.0) -> Limiter:
    return Limiter({"chat": Rate(calls, 60.0), "data": Rate(1, 3600.0)}, max_wait=max_wait, clock=clock, what="support")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100/min", Rate(100, 60.0)),
        (" 1000 / h ", Rate(1000, 3600.0)),
        ("5/s", Rate(5, 1.0)),
        ("1/d", Rate(1, 86400.0)),
    ],
)
def test_rates_are_written_as_published(text: str, expected: Rate) -> None:
    """A rate is a count, a slash and a unit."""
    assert rate(text) == expected


@pytest.mark.parametrize("value", ["0/min", "100", "100/m", "-1/s", "1.5/s", "", 100, None, "\u0661/s", "99999999/s"])
def test_other_rates_are_refused_with_an_example(value: object) -> None:
    """What is no rate is refused with the right form."""
    with pytest.raises(ValidationError, match="Write a number of calls, a slash and s, min, h or d: 100/min"):
        TypeAdapter(RateField).validate_python(value)


def test_window_lets_the_full_count_through_at_once() -> None:
    """The published figure may be used as a burst."""
    window = Window(Rate(3, 60.0))
    assert [window.reserve(0.0) for _ in range(5)] == [0.0, 0.0, 0.0, 60.0, 60.0]


def test_window_slides() -> None:
    """A slot is free again when its call is a period old, not at the turn of a minute."""
    window = Window(Rate(2, 60.0))
    assert [window.reserve(0.0), window.reserve(50.0), window.reserve(59.0), window.reserve(59.0)] == [0, 50, 60, 110]


def test_given_back_slot_is_not_used_too_early() -> None:
    """Giving a future slot back frees no slot in the past of others."""
    window = Window(Rate(2, 60.0))
    window.reserve(0.0)
    window.reserve(30.0)
    window.give_back(window.reserve(40.0))
    assert window.reserve(41.0) == 60.0


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 40), st.booleans(), st.none() | st.integers(0, 4)), max_size=60),
)
def test_never_more_than_the_rate_in_any_period(calls: int, steps: list[tuple[float, bool, int | None]]) -> None:
    """Whatever is asked, given back and told, no period holds more calls than the rate allows."""
    window, now, used = Window(Rate(calls, 60.0)), 0.0, list[float]()
    for pause, keep, remaining in steps:
        now += pause
        slot = window.reserve(now)
        assert slot >= now
        if keep:
            used.append(slot)
        else:
            window.give_back(slot)
        if remaining is not None:
            window.learn(Quota(remaining, pause), now)
    assert all(later - earlier >= 60.0 - 1e-6 for earlier, later in zip(used, used[calls:], strict=False))


def test_platform_knows_better_that_nothing_is_left() -> None:
    """Another client used the same key: we wait for the reset although our own count is low."""
    window = Window(Rate(100, 60.0))
    window.reserve(0.0)
    window.learn(Quota(remaining=0, reset_in=42.0), 0.0)
    assert window.closed(0.0)
    assert window.reserve(0.0) == 42.0
    assert not window.closed(42.0)


def test_platform_knows_better_that_little_is_left() -> None:
    """Only as many calls as the platform says go out before the reset."""
    window = Window(Rate(100, 60.0))
    window.learn(Quota(remaining=2, reset_in=42.0), 0.0)
    assert [window.reserve(0.0) for _ in range(4)] == [0.0, 0.0, 42.0, 42.0]


def test_late_answer_does_not_give_calls_back() -> None:
    """An answer that was overtaken reports more than is left now and is not believed."""
    window = Window(Rate(100, 60.0))
    window.learn(Quota(remaining=1, reset_in=40.0), 0.0)
    window.learn(Quota(remaining=5, reset_in=40.5), 0.0)
    window.learn(Quota(remaining=9, reset_in=10.0), 0.0)
    assert [window.reserve(0.0) for _ in range(2)] == [0.0, 40.0]


def test_new_period_replaces_the_old_one() -> None:
    """After the reset the platform's new count holds."""
    window = Window(Rate(100, 60.0))
    window.learn(Quota(remaining=0, reset_in=10.0), 0.0)
    window.learn(Quota(remaining=50, reset_in=59.0), 11.0)
    assert window.reserve(11.0) == 11.0


def test_nobody_overtakes_who_waits() -> None:
    """When the platform corrects itself upwards, a new call still queues behind those that wait."""
    window = Window(Rate(100, 60.0))
    window.learn(Quota(remaining=0, reset_in=42.0), 0.0)
    assert window.reserve(0.0) == 42.0
    window.learn(Quota(remaining=5, reset_in=55.0), 0.0)
    assert window.reserve(0.0) == 42.0


@pytest.mark.parametrize(("text", "longest"), [("100/min", 60.0), ("9/d", 3600.0)])
def test_absurd_reset_closes_for_one_period_or_an_hour(text: str, longest: float) -> None:
    """A reset far in the future does not stop an account for a day."""
    window = Window(rate(text))
    window.learn(Quota(remaining=0, reset_in=86_400.0), 0.0)
    assert window.reserve(0.0) == longest


def test_429_shuts_for_as_long_as_it_says() -> None:
    """After a 429 nothing goes out before the time it named."""
    window = Window(Rate(100, 60.0))
    window.shut(90.0, now=0.0)
    assert [window.reserve(0.0), window.reserve(91.0)] == [90.0, 91.0]


@pytest.mark.parametrize(("text", "longest"), [("100/min", 900.0), ("1000/h", 3600.0), ("5/s", 900.0), ("9/d", 3600.0)])
def test_absurd_429_shuts_for_a_quarter_to_one_hour(text: str, longest: float) -> None:
    """One header of a year does not silence an account: it is asked again when its window has surely passed."""
    window = Window(rate(text))
    window.shut(31_536_000.0, now=0.0)
    assert window.reserve(0.0) == longest_wait(rate(text)) == longest


async def test_limiter_waits_for_its_turn() -> None:
    """A call beyond the limit waits until a slot is free."""
    clock = FakeClock(auto=True)
    limiter = _limiter(clock)
    for _ in range(3):
        await limiter.admit("chat")
    assert clock.slept == [60.0]


async def test_classes_do_not_share_a_limit() -> None:
    """A full chat window does not hold up data calls."""
    clock = FakeClock(auto=True)
    limiter = _limiter(clock)
    for name in ("chat", "chat", "data"):
        await limiter.admit(name)
    assert clock.slept == []


async def test_too_long_a_wait_is_an_error_with_its_length() -> None:
    """Beyond the bound the caller is told how long it would have been."""
    clock = FakeClock()
    limiter = _limiter(clock, calls=1, max_wait=5.0)
    await limiter.admit("chat")
    await clock.advance(20.0)
    with pytest.raises(RateLimited, match="support: the limit for chat calls is used up for another 40 s") as caught:
        await limiter.admit("chat")
    assert (caught.value.retry_after, caught.value.nothing_happened) == (40.0, True)


async def test_refused_call_takes_no_slot() -> None:
    """Who was told to go away does not lengthen the queue."""
    clock = FakeClock()
    limiter = _limiter(clock, calls=1, max_wait=5.0)
    await limiter.admit("chat")
    for _ in range(10):
        with pytest.raises(RateLimited):
            await limiter.admit("chat")
    await clock.advance(60.0)
    await limiter.admit("chat")


async def test_first_come_first_served() -> None:
    """Waiting calls go out in the order they came."""
    clock, order = FakeClock(), list[int]()
    limiter = _limiter(clock, calls=1, max_wait=1000.0)
    await limiter.admit("chat")

    async def call(number: int) -> None:
        await limiter.admit("chat")
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(call(number))
        await clock.advance(119.0)
        assert order == [0]
        await clock.advance(61.0)
    assert order == [0, 1, 2]


async def test_cancelled_wait_gives_its_slot_back() -> None:
    """Who gives up waiting leaves the slot to the next."""
    clock = FakeClock()
    limiter = _limiter(clock, calls=1, max_wait=100.0)
    await limiter.admit("chat")
    waiting = asyncio.create_task(limiter.admit("chat"))
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(RateLimited) as caught:
        await _all(limiter, 2)
    assert caught.value.retry_after == 120.0


async def test_window_closed_while_waiting_means_waiting_on() -> None:
    """An answer that closes the window reaches those who already wait."""
    clock, done = FakeClock(), list[float]()
    limiter = _limiter(clock, calls=1, max_wait=200.0)
    await limiter.admit("chat")

    async def call() -> None:
        await limiter.admit("chat")
        done.append(clock.time)

    async with asyncio.TaskGroup() as group:
        group.create_task(call())
        await clock.advance(30.0)
        limiter.shut("chat", 60.0)
        await clock.advance(40.0)
        assert done == []
        await clock.advance(40.0)
    assert done == [1090.0]


async def _all(limiter: Limiter, count: int) -> None:
    async with asyncio.timeout(5):
        waits = [asyncio.create_task(limiter.admit("chat")) for _ in range(count)]
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_EXCEPTION)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()
