"""One long-running process: its loop, its signals, its end."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

if sys.platform == "win32":
    new_event_loop = asyncio.new_event_loop
else:
    from uvloop import new_event_loop

# One Ctrl-C may come twice: a terminal tells every process of its foreground, and a wrapper passes it on. In seconds.
_ONE = 0.5
# Seconds that tasks and threads may take to end when the role has ended: a plugin's may never.
_GRACE = 3.0
# What a shell reports for a process that a second Ctrl-C ended.
FORCED = 130


def run(main: Callable[[asyncio.Event], Coroutine[Any, Any, int]], *, plugins: bool = False) -> int:
    """Run a role until it ends or a signal asks it to; returns its exit status.

    The first SIGINT or SIGTERM sets the event: drain, then end. A second one ends the process at once.

    Args:
        main: the role; it is given the event.
        plugins: whether it runs plugins: tasks and threads of theirs that do not end with the role are not waited for
            for ever, and the process ends with 1.
    """

    async def supervised() -> int:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop = Stop(stopping, loop.time)
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop, number)
        return await main(stopping)

    collect_less()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        status = runner.run(supervised())
        if plugins:
            leaving = threading.Timer(_GRACE, _leave)
            leaving.daemon = True
            leaving.start()
        return status


def collect_less() -> None:
    """Look for garbage in circles less often: each event makes many objects, hardly any of them in a circle.

    Python's defaults look after every 700 objects, which took a twelfth of the receiver's CPU (`bench/receiver.py`).
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _leave() -> None:
    """Still here: the loop waits for a task that swallows its cancellation, or Python for a thread."""
    sys.stderr.write("ended without tasks or threads of handlers that do not end: what was unfinished is repeated\n")
    sys.stderr.flush()
    os._exit(1)


class Stop:
    """What a signal does: the first one asks to stop, a later one ends the process."""

    def __init__(self, stopping: asyncio.Event, now: Callable[[], float]) -> None:
        """Args: stopping: is set by the first one. now: seconds of a clock."""
        self._stopping = stopping
        self._now = now
        self._first: float | None = None

    def __call__(self, number: signal.Signals) -> None:
        """A signal came."""
        if self._first is None:
            self._first = self._now()
            self._stopping.set()
        elif number != signal.SIGINT or self._now() - self._first > _ONE:
            sys.stderr.write("stopped at once: what was unfinished is repeated at the next start\n")
            sys.stderr.flush()
            os._exit(FORCED)
