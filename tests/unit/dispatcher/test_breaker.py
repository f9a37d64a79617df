"""When an account's platform counts as away."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dispatcher.breaker import OPENS_AFTER, Breaker

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def failing(times: int) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker.failed(NOW)
    return breaker


def test_it_opens_at_the_fifth_failure_in_a_row() -> None:
    """And says so once."""
    breaker = Breaker()
    assert [breaker.failed(NOW) for _ in range(7)] == [False, False, False, False, True, False, False]
    assert breaker.since == NOW


def test_an_answer_between_begins_the_count_anew() -> None:
    """A platform that fails now and then is there."""
    breaker = failing(4)
    assert breaker.answered() is False
    assert [breaker.failed(NOW) for _ in range(4)] == [False] * 4
    assert not breaker.is_open


def test_an_answer_closes_it() -> None:
    """Whoever made it answer."""
    breaker = failing(5)
    assert breaker.answered() is True
    assert not breaker.is_open


def test_probes_become_rarer() -> None:
    """Up to one a minute; what fails beside the probe changes nothing."""
    breaker = failing(5)
    waits = []
    for _ in range(8):
        waits.append(breaker.wait.total_seconds())
        breaker.failed(NOW, probe=True)
        breaker.failed(NOW)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_the_next_outage_begins_with_quick_probes() -> None:
    """An answer forgets how long the last one was."""
    breaker = failing(5)
    breaker.failed(NOW, probe=True)
    breaker.answered()
    for _ in range(5):
        breaker.failed(NOW)
    assert breaker.wait == timedelta(seconds=1)


def test_without_its_probe_it_closes_until_the_next_failure() -> None:
    """Nobody has answered: one failure is enough then, and probes are as rare as they were."""
    breaker = failing(5)
    breaker.failed(NOW, probe=True)
    breaker.unprobed()
    assert not breaker.is_open
    assert breaker.failed(NOW) is True
    assert breaker.wait == timedelta(seconds=2)


@given(st.lists(st.sampled_from(["failed", "probe failed", "answered", "unprobed"])))
def test_it_is_open_only_after_enough_failures_without_an_answer(steps: list[str]) -> None:
    """Whatever the order of what happens; and no wait is longer than a minute."""
    breaker = Breaker()
    row = 0
    for step in steps:
        match step:
            case "answered":
                breaker.answered()
                row = 0
            case "unprobed":
                breaker.unprobed()
            case _:
                breaker.failed(NOW, probe=step == "probe failed")
                row += 1
        assert not breaker.is_open or row >= OPENS_AFTER
        assert timedelta(seconds=1) <= breaker.wait <= timedelta(minutes=1)
