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

# What a shell reports for a process that a second Ctrl-C ended.
FORCED = 130


def run(main: Callable[[asyncio.Event], Coroutine[Any, Any, int]]) -> int:
    """Run a role until it ends or a signal asks it to; returns its exit status.

    The first SIGINT or SIGTERM sets the event: drain, then end. A second one ends the process at once.
    """

    async def supervised() -> int:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, _stop, stopping)
        return await main(stopping)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(supervised())


def _stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        sys.stderr.write("stopped at once: what was unfinished is repeated at the next start\n")
        sys.stderr.flush()
        os._exit(FORCED)
    stopping.set()
