"""What signals do to a role."""

import asyncio
import os
import signal

import pytest

from cli.process import FORCED, Stop


class Ended(Exception):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def _no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(status: int) -> None:
        assert status == FORCED
        raise Ended

    monkeypatch.setattr(os, "_exit", end)


@pytest.mark.parametrize(
    ("second", "after", "ends"),
    [(signal.SIGINT, 0.1, False), (signal.SIGINT, 1.0, True), (signal.SIGTERM, 0.1, True)],
    ids=["one Ctrl-C told twice", "a second Ctrl-C", "a supervisor that does not wait"],
)
def test_a_second_signal(second: signal.Signals, after: float, ends: bool) -> None:
    """It ends the process at once, unless it is the first one told again."""
    times = iter((0.0, after))
    stopping = asyncio.Event()
    stop = Stop(stopping, lambda: next(times, after))
    stop(signal.SIGINT)
    assert stopping.is_set()
    if ends:
        with pytest.raises(Ended):
            stop(second)
    else:
        stop(second)
