"""What signals do to a role."""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import TypeAlias

import pytest
from structlog.testing import capture_logs

from cli.errors import CommandFailed
from cli.process import FORCED, Stop, insist, run

Begin: TypeAlias = Callable[[asyncio.AbstractEventLoop], object]


class Ended(Exception):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def _no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(status: int) -> None:
        assert status in {FORCED, 1}
        raise Ended(status)

    monkeypatch.setattr(os, "_exit", end)


@pytest.mark.parametrize(
    ("first", "second", "after", "ends"),
    [
        (signal.SIGINT, signal.SIGINT, 0.1, False),
        (signal.SIGINT, signal.SIGINT, 1.0, True),
        (signal.SIGINT, signal.SIGTERM, 0.1, True),
        (signal.SIGTERM, signal.SIGTERM, 0.1, False),
        (signal.SIGTERM, signal.SIGTERM, 1.0, True),
    ],
    ids=["one Ctrl-C told twice", "a second Ctrl-C", "a supervisor that does not wait", "timeout", "a second SIGTERM"],
)
def test_a_second_signal(first: signal.Signals, second: signal.Signals, after: float, ends: bool) -> None:
    """It ends the process at once, unless it is the first one told again."""
    times = iter((0.0, after))
    begun: list[bool] = []
    stop = Stop(lambda: begun.append(True), lambda: next(times, after))
    stop(first)
    assert begun == [True]
    if ends:
        with pytest.raises(Ended):
            stop(second)
    else:
        stop(second)


def test_a_loop_that_is_held_after_a_signal_ends_the_process(capfd: pytest.CaptureFixture[str]) -> None:
    """One that turns, however slowly, does not; nor does one that was closed meanwhile."""
    loop = asyncio.new_event_loop()
    turning = threading.Thread(target=loop.run_forever)
    turning.start()
    insisting = threading.Thread(target=insist, args=(loop, 0.2))
    insisting.start()
    loop.call_soon_threadsafe(loop.call_later, 0.5, loop.stop)
    turning.join()
    loop.close()
    insisting.join()
    assert capfd.readouterr().err == ""
    held = asyncio.new_event_loop()
    with closing(held), pytest.raises(Ended):
        insist(held, 0.05)
    assert "0.05 s after something began to hold the process" in capfd.readouterr().err


async def _exits() -> None:
    raise SystemExit(7)


def _interrupts() -> None:
    raise KeyboardInterrupt


@pytest.fixture
def _collecting() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("_collecting")
@pytest.mark.parametrize(
    ("begin", "cause", "where"),
    [
        (lambda loop: loop.create_task(_exits()), "SystemExit", "_exits"),
        (lambda loop: loop.call_soon(_interrupts), "KeyboardInterrupt", "_interrupts"),
        (lambda loop: loop.stop(), "loop.stop() was called", None),
    ],
    ids=["a task exits", "a callback is interrupted", "the loop is stopped"],
)
def test_nothing_outside_of_an_attempt_ends_the_process(begin: Begin, cause: str, where: str | None) -> None:
    """The role goes on to its own end, and the line that tried is named."""
    begun: list[object] = []

    async def role(_stopping: asyncio.Event) -> int:
        begun.append(begin(asyncio.get_running_loop()))
        for _ in range(5):
            await asyncio.sleep(0)
        return 5

    with capture_logs() as logs:
        assert run(role) == 5
    [told] = [line for line in logs if line["event"] == "exit.refused"]
    assert told["cause"] == cause
    assert told["at"] is None if where is None else told["at"].endswith(f" in {where}")
    for task in begun:
        if isinstance(task, asyncio.Task):
            task.exception()


@pytest.mark.usefixtures("_collecting")
def test_who_cancels_everything_ends_the_process_with_a_reason() -> None:
    """Not with a traceback; the next start is a clean one."""

    async def role(_stopping: asyncio.Event) -> int:
        for task in asyncio.all_tasks():
            task.cancel()
        await asyncio.sleep(60)
        return 0

    with pytest.raises(CommandFailed, match="cancelled the tasks of this process"):
        run(role)


@pytest.mark.usefixtures("_collecting")
def test_a_role_may_end_itself() -> None:
    """Its own exit is not a stranger's."""

    async def role(_stopping: asyncio.Event) -> int:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        run(role)


def test_a_crash_of_native_code_tells_the_lines_of_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where plugins run, and nowhere else: nothing of ours crashes so."""
    told: list[object] = []
    monkeypatch.setattr("cli.process.faulthandler", SimpleNamespace(enable=told.append))
    monkeypatch.setattr("cli.process._leave", lambda: None)
    monkeypatch.setattr("cli.process._GRACE", 0)

    async def role(_stopping: asyncio.Event) -> int:
        return 0

    for plugins in (True, False):
        assert run(role, plugins=plugins) == 0
    assert told == [sys.__stderr__]
