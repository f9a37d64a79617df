"""One long-running process: its loop, its signals, its end."""

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from cli.errors import CommandFailed
from cli.garbage import collect_less

log = structlog.get_logger()

if sys.platform == "win32":
    new_event_loop = asyncio.new_event_loop
else:
    from uvloop import new_event_loop

# One signal may come twice: a terminal tells every process of its foreground, and a wrapper passes it on; `timeout`
# tells its process, and then the group. In seconds.
_ONE = 0.5
# Seconds that tasks and threads may take to end when the role has ended: a plugin's may never.
_GRACE = 3.0
# Seconds that the loop may stand still after a signal: code that blocks it keeps everything from ending.
_STILL = 20.0
# What a shell reports for a process that a second Ctrl-C ended.
FORCED = 130


def run(main: Callable[[asyncio.Event], Coroutine[Any, Any, int]], *, plugins: bool = False) -> int:
    """Run a role until it ends or a signal asks it to; returns its exit status.

    The first SIGINT or SIGTERM sets the event: drain, then end. A second one ends the process at once, and so does code
    that holds the loop for long after the first.

    Args:
        main: the role; it is given the event.
        plugins: whether it runs plugins: tasks and threads of theirs that do not end with the role are not waited for
            for ever, and the process ends with 1.

    Raises:
        CommandFailed: something cancelled the role that was not a signal.
    """
    # Whether signals are ours: then a KeyboardInterrupt is not a signal but somebody's code.
    installed = False

    async def supervised() -> int:
        nonlocal installed
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop = Stop(lambda: threading.Thread(target=insist, args=(loop,), daemon=True).start(), time.monotonic)
        with contextlib.suppress(NotImplementedError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stopping.set)
                # beside the loop's own, which wakes it up: this one is called also while the loop is held
                signal.signal(number, stop)
            installed = True
        return await main(stopping)

    collect_less()
    if plugins and sys.__stderr__ is not None:
        # a crash of native code then tells the lines of Python that led there; no values
        faulthandler.enable(sys.__stderr__)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        if plugins:
            _mind_children(runner.get_loop())
        status = _to_its_end(runner, runner.get_loop().create_task(supervised()), lambda: installed)
        if plugins:
            leaving = threading.Timer(_GRACE, _leave)
            leaving.daemon = True
            leaving.start()
        return status


def _to_its_end(runner: asyncio.Runner, role: asyncio.Task[int], ours: Callable[[], bool]) -> int:
    """Run the loop until the role has ended, again where a plugin's task or callback broke it off.

    asyncio hands `SystemExit` and `KeyboardInterrupt` of any task or callback to whoever runs the loop, and so ends
    `loop.stop()`. The loop is whole after that: only the task that raised it is over.
    """
    began = os.getpid()
    while not role.done():
        try:
            runner.run(_ended(role))
        except asyncio.CancelledError:
            continue
        except (SystemExit, KeyboardInterrupt, RuntimeError) as error:
            if not ours() or runner.get_loop().is_closed():
                raise
            _end_if_forked(began, error)
            if not role.done():
                _refuse(error)
    try:
        return role.result()
    except asyncio.CancelledError as error:
        raise CommandFailed(
            "something cancelled the tasks of this process, its role among them: a handler that cancels "
            "asyncio.all_tasks(), most likely. What was unfinished is repeated at the next start"
        ) from error


async def _ended(role: asyncio.Task[int]) -> None:
    try:
        await asyncio.wait({role})
    except asyncio.CancelledError:
        role.cancel()
        await asyncio.wait({role})
        raise


def _end_if_forked(began: int, error: BaseException) -> None:
    from dispatcher.attempt import end_if_forked  # noqa: PLC0415 - as below

    end_if_forked(began, error)


def _mind_children(loop: asyncio.AbstractEventLoop) -> None:
    from cli.children import Threads, let_go_of_ports  # noqa: PLC0415 - as below

    loop.set_default_executor(Threads(thread_name_prefix="asyncio"))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=let_go_of_ports)


def _refuse(error: BaseException) -> None:
    from dispatcher.errors import place  # noqa: PLC0415 - hardly ever needed, and every command starts here

    if isinstance(error, RuntimeError):
        log.error("exit.refused", cause="loop.stop() was called", at=None)
    else:
        log.error("exit.refused", cause=type(error).__name__, at=place(error))


def _leave() -> None:
    """Still here: the loop waits for a task that swallows its cancellation, or Python for a thread."""
    _end("ended without tasks or threads of handlers that do not end: what was unfinished is repeated", 1)


def insist(loop: asyncio.AbstractEventLoop, still: float = _STILL) -> None:
    """End the process if the loop stands still for so many seconds before it is closed. Runs in a thread."""
    while not loop.is_closed():
        turned = threading.Event()
        with contextlib.suppress(RuntimeError):  # closed just now
            loop.call_soon_threadsafe(turned.set)
        if not turned.wait(still) and not loop.is_closed():
            _end(f"ended {still:g} s after something began to hold the process (loop.blocked in the log names it)", 1)
        time.sleep(min(still, 1.0))


def _end(why: str, status: int) -> None:
    # not by sys.stderr: whoever was interrupted may hold it
    os.write(2, f"{why}\n".encode())
    os._exit(status)


class Stop:
    """What a signal does: the first one begins the end, a later one ends the process."""

    def __init__(self, begin: Callable[[], None], now: Callable[[], float]) -> None:
        """Args: begin: is called by the first one. now: seconds of a clock."""
        self._begin = begin
        self._now = now
        self._first: tuple[float, int] | None = None

    def __call__(self, number: int, _frame: object = None) -> None:
        """A signal came."""
        if self._first is None:
            self._first = self._now(), number
            self._begin()
            return
        came, first = self._first
        if number != first or self._now() - came > _ONE:
            _end("stopped at once: what was unfinished is repeated at the next start", FORCED)
