"""When too many events die."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.dead_limit import DeadLimit


def after(ends: str) -> DeadLimit:
    """Ends of events: x is a death."""
    limit = DeadLimit()
    for end in ends:
        limit.ended(dead=end == "x")
    return limit


def test_the_twentieth_death_in_a_row_is_one_too_many() -> None:
    """Nineteen are buried."""
    assert not after("x" * 18).reached
    assert after("x" * 19).reached


def test_half_of_the_events_may_die() -> None:
    """More may not."""
    assert not after("xo" * 50).reached
    assert after("xo" * 50 + "x").reached


def test_old_ends_are_forgotten() -> None:
    """A hundred count."""
    assert after("o" * 1_000 + "x" * 50).reached
    assert not after("x" * 1_000 + "o" * 50).reached


def test_it_counts_anew() -> None:
    """After somebody has let the entry go on."""
    limit = after("x" * 19)
    limit.forget()
    assert not limit.reached


def test_it_says_what_happened() -> None:
    """With the event that is not buried."""
    assert str(after("o" + "x" * 19)) == "20 of the last 21 events died"


@given(st.text("xo", max_size=300))
def test_it_is_as_it_is_told(ends: str) -> None:
    """At least 20 dead, and more than half of the last 100."""
    last = (ends + "x")[-100:]
    assert after(ends).reached == (last.count("x") >= 20 and last.count("x") > len(last) / 2)


@pytest.mark.parametrize(("handled", "buried"), [(0, 19), (10, 19), (30, 30), (500, 50)])
def test_so_many_are_buried_until_then(handled: int, buried: int) -> None:
    """As the guarantees say: 19, and up to 50 where it had handled others before."""
    limit, count = after("o" * handled), 0
    while not limit.reached:
        limit.ended(dead=True)
        count += 1
    assert count == buried
