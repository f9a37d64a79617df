"""`ctx.shared`: what handlers keep open from one attempt to the next, such as a session or a pool of connections.

A task of its own enters, holds and leaves each: the end of an attempt takes nothing away from the others, and a scope
that must be left by the task that entered it is.
"""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple

import structlog

from dispatcher.attempt import AttemptTimedOut, strangers_task
from dispatcher.errors import ContextMisused, describe

log = structlog.get_logger()

# So many of one entry: what is made for each event would be left by nobody.
_MOST = 100
# Seconds beyond the time to leave in that one may take to heed its cancellation.
_HEEDS = 1.0


class _Key(NamedTuple):
    """Whose it is and how it is made: equal keys are given the same."""

    entry: str
    make: Callable[..., Any]
    args: tuple[Any, ...]

    @property
    def name(self) -> str:
        """For people; the arguments may be secrets."""
        return self.make.__qualname__


@dataclass(slots=True, eq=False)
class _Held:
    """One that is being opened, or is open."""

    key: _Key
    value: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    # Where it failed; each who waits raises it from there.
    failed_at: TracebackType | None = None
    # Nobody waits until it is left: its task was cancelled.
    given_up: bool = False


@dataclass(slots=True)
class Shared:
    """What the entries of a process keep open."""

    # Seconds that one may take to be left.
    leaves: float = 5.0
    # The surroundings of its tasks: an attempt's are over before them.
    _context: Context = field(default_factory=copy_context)
    _held: dict[_Key, _Held] = field(default_factory=dict)
    _tasks: dict[asyncio.Task[None], _Held] = field(default_factory=dict)

    async def use(self, entry: str, make: Callable[..., Any], args: tuple[Any, ...], *, within: float) -> Any:
        """What `make(*args)` yields; whoever asks first has it opened, which may take so many seconds.

        Raises:
            ContextMisused: it would be another one each time, or cannot be entered.
            Exception: it could not be opened; whoever asks next has it tried again.
        """
        key = _Key(entry, make, args)
        try:
            held = self._held.get(key)
        except TypeError as unhashable:
            raise ContextMisused("ctx.shared(make, *args): args must have a hash: freeze the model") from unhashable
        if held is None:
            held = self._begin(key, within)
        if not held.value.done():
            await asyncio.wait({held.value})
        if (error := held.value.exception()) is not None:
            raise error.with_traceback(held.failed_at)
        return held.value.result()

    def let_go(self, entry: str) -> None:
        """Begin to leave what an entry has open, for none of its attempts is under way; the next one opens it anew."""
        for key in [key for key in self._held if key.entry == entry]:
            self._held.pop(key).leaving.set()

    async def left(self, entry: str, within: float) -> None:
        """Leave what an entry has open; what takes longer than so many seconds is cancelled and not waited for."""
        self.let_go(entry)
        if tasks := [task for task, held in self._tasks.items() if held.key.entry == entry]:
            _, late = await asyncio.wait(tasks, timeout=min(within, self.leaves + _HEEDS))
            for task in late:
                held = self._tasks[task]
                _tell(held.key, "it is not left in time, and waited for no longer")
                held.given_up = True
                task.cancel()

    def _begin(self, key: _Key, within: float) -> _Held:
        if "<locals>" in getattr(key.make, "__qualname__", "<locals>"):
            raise ContextMisused(
                "ctx.shared(…) was given what is another one in each attempt: give it a function of the module, and "
                "behind it what that is called with, ctx.shared(connected, ctx.config)"
            )
        if sum(each.entry == key.entry for each in self._held) >= _MOST:
            raise ContextMisused(
                f"ctx.shared(…) keeps {_MOST} things open for this handler: call it with the same arguments in each "
                "attempt, and nothing of the event's"
            )
        held = self._held[key] = _Held(key)
        task = asyncio.create_task(self._hold(held, within), context=self._context.copy())
        self._tasks[task] = held
        task.add_done_callback(self._tasks.pop)
        return held

    async def _hold(self, held: _Held, within: float) -> None:
        """From its opening until it has been left, all in this task."""
        try:
            with strangers_task(lambda: held.given_up) as caught:
                await self._open(held, asyncio.timeout(within))
            if caught.error is not None and held.value.done():
                _tell(held.key, describe(caught.error))
            elif caught.error is not None:
                held.failed_at = caught.error.__traceback__
                held.value.set_exception(caught.error)
                held.value.exception()  # nobody may be waiting any more
        finally:
            self._forget(held)
            held.value.cancel()

    async def _open(self, held: _Held, deadline: asyncio.Timeout) -> None:
        try:
            async with deadline, _manager(held.key) as value:
                deadline.reschedule(None)
                held.value.set_result(value)
                try:
                    await held.leaving.wait()
                finally:
                    # told to, or by something of its own that failed
                    self._forget(held)
                    deadline.reschedule(asyncio.get_running_loop().time() + self.leaves)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise AttemptTimedOut(
                f"{held.key.name} was not {'left' if held.value.done() else 'open'} in time"
            ) from error

    def _forget(self, held: _Held) -> None:
        if self._held.get(held.key) is held:
            del self._held[held.key]


def _manager(key: _Key) -> AbstractAsyncContextManager[Any]:
    made = key.make(*key.args)
    if isinstance(made, AbstractAsyncContextManager):
        return made
    if inspect.iscoroutine(made):
        made.close()
    raise ContextMisused(f"{key.name} returns no async context manager: yield, and put @asynccontextmanager over it")


def _tell(key: _Key, cause: str) -> None:
    log.warning("resource.failed", handler=key.entry, resource=key.name, cause=cause)
