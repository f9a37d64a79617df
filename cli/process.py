"""One long-running process: its loop, its signals, its end."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

if sys.platform == "win32":
    new_event_loop = asyncio.new_event_loop
else:
    from uvloop import new_event_loop

# One Ctrl-C may come twice: a terminal tells every process of its foreground, and a wrapper passes it on. In seconds.
_ONE = 0.5
# What a shell reports for a process that a second Ctrl-C ended.
FORCED = 130


def run(main: Callable[[asyncio.Event], Coroutine[Any, Any, int]]) -> int:
    """Run a role until it ends or a signal asks it to; returns its exit status.

    The first SIGINT or SIGTERM sets the event: drain, then end. A second one ends the process at once.
    """

    async def supervised() -> int:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop = Stop(stopping, loop.time)
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop, number)
        return await main(stopping)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(supervised())


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
