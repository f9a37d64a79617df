"""Rates and budgets."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.limits import Bucket, Budget, peer_of, retry_after


def test_bucket_gives_its_whole_rate_at_once() -> None:
    """After a quiet time a burst passes; then the wait is told."""
    bucket = Bucket(3, 60.0)
    assert [bucket.take(100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 20.0]


def test_bucket_fills_with_time() -> None:
    """One every twenty seconds."""
    bucket = Bucket(3, 60.0)
    for _ in range(3):
        bucket.take(0.0)
    assert (bucket.take(19.0) > 0, bucket.take(20.0), bucket.take(20.0) > 0) == (True, 0.0, True)


def test_bucket_survives_a_clock_that_goes_back() -> None:
    """Nothing is given for time that did not pass."""
    bucket = Bucket(1, 1.0)
    assert bucket.take(100.0) == 0.0
    assert bucket.take(50.0) > 0.0


@given(st.lists(st.floats(min_value=0, max_value=10), max_size=60))
def test_bucket_never_gives_more_than_its_rate(steps: list[float]) -> None:
    """Over any time: the burst, and the rate times the time."""
    bucket, now, given_out = Bucket(5, 10.0), 0.0, 0
    for step in steps:
        now += step
        given_out += bucket.take(now) == 0.0
    assert given_out <= 5 + now * 0.5 + 1e-6


@dataclass(eq=False)
class Sent:
    """A body that somebody sends."""

    peer: str = "a"
    held: int = 0
    gone: bool = False

    def give_way(self) -> None:
        self.gone = True


def sending(budget: Budget, *bodies: tuple[str, int]) -> list[Sent]:
    """Bodies of peers, so much of each arrived."""
    sent = [Sent(peer) for peer, _ in bodies]
    for body, (_, size) in zip(sent, bodies, strict=True):
        assert budget.enter(body)
        assert budget.grow(body, size)
    return sent


def test_budget_of_requests() -> None:
    """The last place is the last, for whoever is whole or would become so."""
    budget = Budget(max_requests=2, max_bytes=100)
    first, second, third = sending(budget, ("a", 1), ("a", 1), ("a", 1))
    assert [budget.complete(body) for body in (first, second, third)] == [True, True, False]
    assert not budget.enter(Sent())
    budget.leave(first, whole=True)
    assert (budget.requests, budget.open) == (1, 2)
    assert budget.enter(Sent())


def test_bodies_that_do_not_come_take_no_place() -> None:
    """A thousand declared and not sent: all bytes and all places are free."""
    budget = Budget(max_requests=1, max_bytes=100)
    for _ in range(1_000):
        assert budget.enter(Sent("attacker"))
    (honest,) = sending(budget, ("honest", 100))
    assert budget.complete(honest)


def test_unfinished_body_gives_way() -> None:
    """The oldest of the peer that holds the most; a peer that holds less keeps its own."""
    budget = Budget(max_requests=10, max_bytes=100)
    patient, old, young = sending(budget, ("honest", 30), ("attacker", 30), ("attacker", 40))
    (new,) = sending(budget, ("honest", 20))
    assert [body.gone for body in (patient, old, young, new)] == [False, True, False, False]
    assert (budget.bytes, old.held) == (90, 0)
    assert not budget.grow(old, 1)
    assert not budget.complete(old)


def test_whole_body_gives_no_way() -> None:
    """What may be proved already is kept; who comes is told to come again, and nobody is sent away in vain."""
    budget = Budget(max_requests=10, max_bytes=100)
    whole, unfinished = sending(budget, ("a", 80), ("a", 10))
    assert budget.complete(whole)
    new = Sent("b")
    assert budget.enter(new)
    assert not budget.grow(new, 40)
    assert (whole.gone, unfinished.gone) == (False, False)
    assert budget.grow(new, 20)


def test_budget_is_given_back() -> None:
    """Whole or not."""
    budget = Budget(max_requests=10, max_bytes=100)
    whole, unfinished = sending(budget, ("a", 60), ("a", 40))
    assert budget.complete(whole)
    budget.leave(whole, whole=True)
    budget.leave(unfinished, whole=False)
    assert (budget.requests, budget.bytes, budget.open) == (0, 0, 0)


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        (("192.0.2.7", 4711), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 4711, 0, 0), "20010db800010002"),
        (("fe80::1%eth0", 4711, 0, 3), "fe80000000000000"),
        (("::ffff:192.0.2.7", 4711, 0, 0), "::ffff:192.0.2.7"),
        ("", ""),
        (None, ""),
    ],
)
def test_peer_is_an_address_or_a_network(name: object, peer: str) -> None:
    """One host of IPv6 has addresses without number: they share alike."""
    assert peer_of(asyncio.Transport(extra={"peername": name})) == peer


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.1, "2"), (59.5, "60")])
def test_retry_after_is_whole_seconds(seconds: float, text: str) -> None:
    """Never zero: a sender that comes at once helps nobody."""
    assert retry_after(seconds) == text
