"""Runs a stranger's code so that whatever it raises is a value: the dispatcher's one place that catches everything."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from dispatcher.readable import held_by, kept, name_of, read
from handlers.api import Context
from schemas.events import Event

# Of a group so many errors are looked at, and so many groups in it.
_MOST_LEAVES, _MOST_GROUPS = 100, 10_000


@dataclass(slots=True)
class Caught:
    """What a stranger's code raised, made readable; None if it ended well."""

    error: Exception | None = None


class CancelledItself(Exception):
    """The handler ended by a cancellation that nobody asked for, of a task of its own for instance."""


class MoreErrors(Exception):
    """Stands for the errors of a group that are too many to be looked at."""


class AttemptTimedOut(Exception):
    """The handler took longer than its timeout and was cancelled."""


class TriedToExit(Exception):
    """The handler raised what is no `Exception`: `sys.exit()` in a library, for instance, or a panic of Rust code."""


@contextmanager
def strangers_code() -> Iterator[Caught]:
    """Run code we did not write; an exception ends the block and is kept. Cancellation and exit pass through."""
    caught = Caught()
    try:
        yield caught
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and nothing of it may stop the others
        caught.error = readable(error)


@contextmanager
def strangers_module() -> Iterator[Caught]:
    """The same around an import; what would end the process there is an error too."""
    with strangers_code() as caught:
        try:
            yield caught
        except Exception:
            raise
        except BaseException as error:
            raise TriedToExit(f"it raised {type(error).__name__}, which would end the process") from error


@contextmanager
def strangers_task(asked: Callable[[], bool]) -> Iterator[Caught]:
    """The same around code that waits, in a task of ours; a cancellation that we did not ask for is an error too.

    One that we asked for passes through. A process that the code forked ends here.

    Args:
        asked: whether we cancelled this task; the task does not know, for the code may do so itself.
    """
    caught, began = Caught(), os.getpid()
    try:
        yield caught
    except BaseException as error:
        end_if_forked(began, error)
        if issubclass(type(error), asyncio.CancelledError) and asked():
            raise
        caught.error = readable(_as_error(error))
    else:
        end_if_forked(began, None)


def _as_error(error: BaseException) -> Exception:
    if issubclass(type(error), Exception):
        return cast("Exception", error)
    told: Exception = TriedToExit(f"the handler raised {name_of(error)}, which would end the process")
    if issubclass(type(error), asyncio.CancelledError):
        told = CancelledItself("the handler was cancelled by something of its own")
    told.__cause__ = error
    return told


def readable(error: BaseException) -> Exception:
    """The error itself, mended if need be, or one that stands in for it: whoever reads it does not fail."""
    try:
        found = read(error)
    except BaseException:  # noqa: BLE001 - a stranger's property may raise anything, `SystemExit` too
        return kept(error, None)
    return kept(error, found)


def leaves(error: Exception) -> list[Exception]:
    """What an exception group holds, through all its levels, each readable; an error that is no group is the only one.

    `asyncio.TaskGroup` raises what its tasks raised as a group. Of too many, one that says nothing stands for the rest.
    """
    found: list[Exception] = []
    left, groups = [error], 0
    while left and len(found) < _MOST_LEAVES and groups < _MOST_GROUPS:
        each = left.pop()
        if (held := held_by(each)) is None:
            found.append(readable(each))
        else:
            left += reversed(held[: _MOST_LEAVES + 1])
            groups += 1
    return [*found, MoreErrors()] if left else found


async def attempt(
    run: Callable[[Event[Any], Context[Any]], Awaitable[None]],
    event: Event,
    ctx: Context[Any],
    timeout: timedelta,
    begun: Callable[[asyncio.Task[Any]], object] = lambda _: None,
) -> Exception | None:
    """Run a handler once, in a task that is the attempt's alone.

    So nothing that the handler does to its task, then or later, meets anything else: not the next event, and nothing of
    ours. Who cancels the current task instead is us.

    Args:
        run: the handler's function.
        event: what it is given.
        ctx: what it may use.
        timeout: after which it is cancelled.
        begun: called with its task.

    Returns:
        What it raised; None if it returned.

    Raises:
        asyncio.CancelledError: the current task was cancelled.
    """
    owner = asyncio.current_task()
    if owner is None:
        raise AssertionError("unreachable: a coroutine runs in a task")
    task = asyncio.create_task(_ended(lambda: run(event, ctx), timeout, owner))
    begun(task)
    error: BaseException | None
    try:
        error = await task
    except asyncio.CancelledError as cancelled:
        # it never began, or was cancelled by its own code as it returned
        error = cancelled
    if error is None:
        return None
    if issubclass(type(error), asyncio.CancelledError) and owner.cancelling():
        raise error
    return readable(_as_error(error))


async def _ended(
    begin: Callable[[], Awaitable[None]], timeout: timedelta, owner: asyncio.Task[Any]
) -> BaseException | None:
    """What a handler raised, as a value: a task that raises `SystemExit` ends the loop."""
    began, deadline = os.getpid(), None
    try:
        if (rest := _begun(begin())) is not None:
            deadline = asyncio.timeout(timeout.total_seconds())
            async with deadline:
                await rest
    except BaseException as error:  # noqa: BLE001 - a value ends the attempt only, `SystemExit` the loop
        end_if_forked(began, error)
        if deadline is None or not deadline.expired() or not _is_of_time(error, owner):
            return error
        late = AttemptTimedOut(f"no result within {timeout.total_seconds():g} s")
        late.__cause__ = error
        return late
    end_if_forked(began, None)
    return None


def _is_of_time(error: BaseException, owner: asyncio.Task[Any]) -> bool:
    """Whether a timeout that passed may have raised it; a handler that cancels itself confuses `asyncio.timeout`."""
    return issubclass(type(error), TimeoutError) or (
        issubclass(type(error), asyncio.CancelledError) and not owner.cancelling()
    )


def end_if_forked(began: int, error: BaseException | None) -> None:
    """At the end of a stranger's code: end this process if that forked it, for it would go on as a second worker.

    Nothing of the parent's is flushed or closed.

    Args:
        began: the process in which the code began.
        error: what it raised.
    """
    if os.getpid() != began:
        code = error.code if isinstance(error, SystemExit) else error
        os._exit(code if isinstance(code, int) else int(code is not None))


def _begun(awaitable: Awaitable[None]) -> "_Begun | None":
    """Begin something; None if it ended without waiting, as most handlers do that an event does not concern.

    A timeout would cost more than such an attempt and do nothing: what never waits cannot be cancelled.
    """
    steps = awaitable.__await__()
    try:
        return _Begun(steps, next(steps))
    except StopIteration:
        return None


class _Begun(Generator[Any, Any, None]):
    """The rest of something that was begun and waits: to await it is to go on."""

    def __init__(self, steps: Generator[Any, Any, None], awaited: Any) -> None:
        self._steps = steps
        # What it waits for, until the loop is told.
        self._awaited = [awaited]

    def __await__(self) -> Generator[Any, Any, None]:
        return self

    def __next__(self) -> Any:
        # That of the base class would stand in a handler's traceback as code that is nobody's.
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Tell the loop what is waited for, or go on."""
        return self._awaited.pop() if self._awaited else self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        """It is cancelled."""
        return self._steps.throw(*error)
