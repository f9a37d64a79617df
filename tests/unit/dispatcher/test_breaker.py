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
    """And stays so."""
    breaker = Breaker()
    opened = []
    for _ in range(7):
        breaker.failed(NOW)
        opened.append(breaker.is_open)
    assert opened == [False, False, False, False, True, True, True]


def test_it_knows_since_when() -> None:
    """From when it opened, not from the latest failure."""
    breaker = failing(5)
    breaker.failed(NOW + timedelta(hours=1))
    assert breaker.since == NOW


def test_probes_become_rarer() -> None:
    """Up to one a minute; what fails beside the probe changes nothing."""
    breaker = failing(5)
    waits = []
    for _ in range(8):
        waits.append(breaker.wait.total_seconds())
        breaker.failed(NOW, probe=True)
        breaker.failed(NOW)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_without_its_probe_it_closes_until_the_next_failure() -> None:
    """Nobody has answered: one failure is enough then, and probes are as rare as they were."""
    breaker = failing(5)
    breaker.failed(NOW, probe=True)
    breaker.unprobed()
    assert not breaker.is_open
    breaker.failed(NOW + timedelta(hours=1))
    assert (breaker.is_open, breaker.since, breaker.wait) == (True, NOW, timedelta(seconds=2))


@given(st.lists(st.sampled_from(["failed", "probe failed", "unprobed"])))
def test_it_is_open_only_after_enough_failures(steps: list[str]) -> None:
    """Whatever the order of what happens; and no wait is longer than a minute."""
    breaker = Breaker()
    for number, step in enumerate(steps):
        if step == "unprobed":
            breaker.unprobed()
        else:
            breaker.failed(NOW, probe=step == "probe failed")
        failures = [each for each in steps[: number + 1] if each != "unprobed"]
        assert breaker.is_open == (len(failures) >= OPENS_AFTER and step != "unprobed")
        assert timedelta(seconds=1) <= breaker.wait <= timedelta(minutes=1)
