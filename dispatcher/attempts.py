"""The attempts under way in a process: whose they are, which run alone, and which should have ended by now."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog

log = structlog.get_logger()

STUCK_AFTER = 5.0
"""Seconds that a cancelled attempt may take to end before it is told of."""
# Whoever waits for a turn looks at least so often whether it still wants one, in seconds.
_GLANCE = 0.25


@dataclass(slots=True, eq=False, kw_only=True)
class Running:
    """One attempt under way."""

    entry: str
    event_id: str
    source: str
    # The handler's function.
    run: Callable[..., Any]
    # When it is cancelled, or was, by the clock of the loop.
    cancelled_at: float
    # It did not end when it was cancelled, and that was told.
    stuck: bool = False
    # Nobody waits for it any longer, and that was told.
    abandoned: bool = False
    # The task of the handler alone.
    task: asyncio.Task[Any] | None = None

    def runs_in(self, task: asyncio.Task[Any]) -> None:
        """The handler has begun."""
        self.task = task

    @property
    def package(self) -> str:
        """The outermost package of the handler's code."""
        return str(getattr(self.run, "__module__", "")).partition(".")[0]


@dataclass(slots=True)
class Attempts:
    """Every attempt of a process, by the task that makes it and waits for the handler's."""

    _running: dict[asyncio.Task[Any], Running] = field(default_factory=dict)
    # Who has a turn beside others, how many want one alone, and which task has it.
    _beside: set[asyncio.Task[Any]] = field(default_factory=set)
    _wanted: int = 0
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    # Set when a turn ended.
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self._running)

    def __iter__(self) -> Iterator[Running]:
        """Those under way; a copy, for another thread may ask."""
        return iter(list(self._running.values()))

    def begin(self, task: asyncio.Task[Any], running: Running) -> None:
        """A task begins an attempt."""
        self._running[task] = running

    def end(self, task: asyncio.Task[Any]) -> None:
        """Its attempt ended."""
        self._running.pop(task, None)

    def cancelled(self, task: asyncio.Task[Any], now: float) -> None:
        """A task was cancelled before its attempt's timeout."""
        if (running := self._running.get(task)) is not None:
            running.cancelled_at = min(running.cancelled_at, now)

    def abandon(self, tasks: Iterable[asyncio.Task[Any]] | None = None) -> None:
        """Tell that nobody waits any longer for the attempts of these tasks, or for any."""
        for each in filter(None, map(self.of, list(self._running if tasks is None else tasks))):
            if not each.abandoned:
                each.abandoned = True
                log.error("attempt.abandoned", handler=each.entry, event_id=each.event_id, source=each.source)

    def of(self, task: asyncio.Task[Any] | None) -> Running | None:
        """What a task runs, ours or the handler's."""
        ours = None if task is None else self._running.get(task)
        return ours or next((each for each in self if task is not None and each.task is task), None)

    def is_stuck(self, task: asyncio.Task[Any]) -> bool:
        """Whether a task's attempt goes on although it was cancelled."""
        return (running := self._running.get(task)) is not None and running.stuck

    def tasks_of(self, entry: str) -> list[asyncio.Task[Any]]:
        """The tasks that make attempts of an entry."""
        return [task for task, running in self._running.items() if running.entry == entry]

    def stuck(self, entry: str) -> list[Running]:
        """Those of an entry that go on although they were cancelled a while ago, and keep their lanes from going on."""
        return [each for each in self if each.stuck and not each.abandoned and each.entry == entry]

    def newly_stuck(self, now: float) -> list[Running]:
        """Those that were cancelled a while ago and have not ended, each once; not those that nobody waits for."""
        found = [each for each in self if not each.stuck and now - each.cancelled_at > STUCK_AFTER]
        for each in found:
            each.stuck = True
        return [each for each in found if not each.abandoned]

    def begin_beside(self) -> bool:
        """Take a turn beside others now; False if somebody has or wants one alone."""
        if not self._wanted:
            self._beside.add(_current())
        return not self._wanted

    def end_beside(self) -> None:
        """The turn is over."""
        self._beside.discard(_current())
        self._ended.set()

    @contextlib.asynccontextmanager
    async def beside(self, given_up: Callable[[], bool]) -> AsyncIterator[bool]:
        """A turn beside others, when nobody has or wants one alone; False if the caller gave up before."""
        while not (begun := self.begin_beside()) and not given_up():
            await self._glance()
        try:
            yield begun
        finally:
            if begun:
                self.end_beside()

    @contextlib.asynccontextmanager
    async def alone(self, given_up: Callable[[], bool]) -> AsyncIterator[bool]:
        """A turn that nobody of the process has one beside, but for attempts that are stuck; False as above."""
        self._wanted += 1
        try:
            while self._taken() and not given_up():
                await self._glance()
            if self._taken():
                yield False
                return
            async with self._alone:
                yield True
        finally:
            self._wanted -= 1
            self._ended.set()

    def _taken(self) -> bool:
        return self._alone.locked() or not all(self.is_stuck(task) for task in self._beside)

    async def _glance(self) -> None:
        self._ended.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GLANCE):
                await self._ended.wait()


def _current() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("unreachable: a coroutine runs in a task")
    return task
