"""Watches what plugins do to the process: attempts that do not end, and code that holds the event loop.

A task looks around a few times a second. A thread looks whether that task still does: while a handler holds the loop
nothing else of the process runs, no receiver and no other handler, and only a thread can tell whose code it is.
"""

import asyncio
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

import structlog

from dispatcher.attempts import Attempts, Running
from dispatcher.background import Background
from dispatcher.metrics import Metrics
from dispatcher.registry import FOLDER_PACKAGE

log = structlog.get_logger()

# Between two looks, in seconds.
_EVERY = 0.25
BLOCKED_AFTER = 1.0
"""Seconds after which a loop that does not turn is told of."""

_STUCK = (
    "the handler was cancelled and goes on: its lane stands still until the process ends. Look for `except "
    "BaseException`, a bare `except` or a `finally` that waits, and let CancelledError through"
)
_HELD = "nothing else of this process ran meanwhile. Await what waits, and call what blocks by `asyncio.to_thread`"
_FROZEN = (
    "no other thread ran meanwhile either: the process was frozen, or code held the interpreter, such as a regular "
    "expression or a C extension. One of the handlers under way may be it"
)


@dataclass(slots=True)
class Watch:
    """Of one process."""

    attempts: Attempts
    metrics: Metrics
    _task: Background = field(default_factory=lambda: Background("watch"))
    _ended: threading.Event = field(default_factory=threading.Event)
    # When the loop turned last, and the turn after which it was told that it does not.
    _turned: float = 0.0
    _told: float = 0.0

    def start(self) -> None:
        """Begin, in the running loop."""
        self._turned = monotonic()
        self._task.start(self._turn())
        asked = (asyncio.get_running_loop(), threading.get_ident())
        threading.Thread(target=self._guard, args=asked, name="watch", daemon=True).start()

    async def stop(self) -> None:
        """End."""
        self._ended.set()
        await self._task.stop()

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_EVERY)
            last, self._turned = self._turned, monotonic()
            late = self._turned - last - _EVERY
            self.metrics.lag.observe(max(0.0, late))
            if late > BLOCKED_AFTER and self._told != last:
                under_way = sorted({each.entry for each in self.attempts})
                log.warning("loop.blocked", seconds=round(late, 1), under_way=under_way, advice=_FROZEN)
            for each in self.attempts.newly_stuck(loop.time()):
                fields = {"handler": each.entry, "event_id": each.event_id, "source": each.source}
                log.error("attempt.stuck", **fields, advice=_STUCK)

    def _guard(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        looked = monotonic()
        while not self._ended.wait(_EVERY):
            now, turned = monotonic(), self._turned
            # when this thread did not run either, nobody knows yet whose fault it was
            blind, looked = now - looked > 2 * _EVERY, now
            if now - turned > BLOCKED_AFTER + _EVERY and turned != self._told and not blind:
                self._told = turned
                frame = sys._current_frames().get(thread)  # noqa: SLF001 - its name says "private", its page does not
                log.warning("loop.blocked", **_blame(frame, self._current(loop)), advice=_HELD)

    def _current(self, loop: asyncio.AbstractEventLoop) -> Running | None:
        return self.attempts.of(asyncio.current_task(loop))


def _blame(frame: FrameType | None, running: Running | None) -> dict[str, Any]:
    """Who holds the loop: the handler, and the innermost place in its own code."""
    package = FOLDER_PACKAGE if running is None else running.package
    frames = list(_outwards(frame))
    theirs = [each for each in frames if str(each.f_globals.get("__name__", "")).partition(".")[0] == package]
    at = next(iter([*theirs, *frames]), None)
    told: dict[str, Any] = {}
    if running is not None:
        told = {"handler": running.entry, "event_id": running.event_id, "source": running.source}
    if at is not None:
        told["at"] = f"{Path(at.f_code.co_filename).name}:{at.f_lineno} in {at.f_code.co_name}"
    return told


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
