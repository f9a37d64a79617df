"""Whatever a handler raises is a value; cancellation passes through, and so does an exit outside of handlers."""

import asyncio
import os
from datetime import timedelta
from typing import Any, cast

import pytest

from dispatcher.attempt import AttemptTimedOut, CancelledItself, TriedToExit, attempt, strangers_code
from dispatcher.errors import place
from handlers.api import Context, GiveUp
from schemas.events import Event

EVENT = cast("Event", None)
CTX = cast("Context[Any]", None)
MINUTE = timedelta(minutes=1)


async def test_a_return_is_no_error() -> None:
    """None says that it is done."""

    async def run(event: Event, ctx: Context[Any]) -> None: ...

    assert await attempt(run, EVENT, CTX, MINUTE) is None


async def test_what_is_raised_comes_back() -> None:
    """With its traceback."""

    async def run(event: Event, ctx: Context[Any]) -> None:
        raise GiveUp("no")

    error = await attempt(run, EVENT, CTX, MINUTE)
    assert isinstance(error, GiveUp)
    assert error.__traceback__ is not None


async def test_the_place_is_the_handlers_own_also_after_it_waited() -> None:
    """Not that of what goes on with it."""

    async def run(event: Event, ctx: Context[Any]) -> None:
        await asyncio.sleep(0)
        raise ValueError

    error = await attempt(run, EVENT, CTX, MINUTE)
    assert error is not None
    assert place(error).startswith("test_attempt.py:")


async def test_a_timeout_of_the_attempt_is_told_from_one_of_the_handlers() -> None:
    """A TimeoutError of the handler's own stays what it is."""

    async def sleeps(event: Event, ctx: Context[Any]) -> None:
        await asyncio.sleep(60)

    async def raises(event: Event, ctx: Context[Any]) -> None:
        raise TimeoutError("its own")

    late = await attempt(sleeps, EVENT, CTX, timedelta(milliseconds=5))
    own = await attempt(raises, EVENT, CTX, MINUTE)
    assert isinstance(late, AttemptTimedOut)
    assert str(late) == "no result within 0.005 s"
    assert type(own) is TimeoutError


async def test_what_is_awaited_first_comes_to_the_handler() -> None:
    """A result, an error and a cancellation of it alike: it was begun before its timeout was set."""
    loop = asyncio.get_running_loop()
    seen: list[object] = []

    async def run(event: Event, ctx: Context[Any]) -> None:
        first: asyncio.Future[str] = loop.create_future()
        loop.call_soon(event, first)  # type: ignore[arg-type]  # stands in for what the event makes happen
        try:
            seen.append(await first)
        except (ValueError, asyncio.CancelledError) as error:
            seen.append(error)
        await asyncio.sleep(0)
        seen.append("went on")

    error = ValueError("no")
    for happens in (lambda one: one.set_result("yes"), lambda one: one.set_exception(error), lambda one: one.cancel()):
        assert await attempt(run, cast("Event", happens), CTX, MINUTE) is None
    assert seen[:4] == ["yes", "went on", error, "went on"]
    assert (type(seen[4]), seen[5]) == (asyncio.CancelledError, "went on")


async def test_who_never_waits_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout could not end it."""

    async def run(event: Event, ctx: Context[Any]) -> None: ...

    monkeypatch.setattr(asyncio, "timeout", None)
    assert await attempt(run, EVENT, CTX, MINUTE) is None


async def test_a_cancellation_of_the_worker_passes() -> None:
    """A revoked partition ends the attempt, and the worker sees the cancellation."""
    begun = asyncio.Event()

    async def run(event: Event, ctx: Context[Any]) -> None:
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(attempt(run, EVENT, CTX, MINUTE))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_of_the_handlers_own_is_an_error() -> None:
    """It awaited a task that somebody cancelled: nobody cancelled the worker."""

    async def run(event: Event, ctx: Context[Any]) -> None:
        inner = asyncio.create_task(asyncio.sleep(60))
        inner.cancel()
        await inner

    assert isinstance(await attempt(run, EVENT, CTX, MINUTE), CancelledItself)


async def test_a_cancellation_in_the_middle_of_a_timeout_passes() -> None:
    """Being told to stop wins over being late."""

    async def run(event: Event, ctx: Context[Any]) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)

    task = asyncio.create_task(attempt(run, EVENT, CTX, timedelta(milliseconds=5)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_exit_passes() -> None:
    """A plugin that ends the process is not stopped from it here."""
    with pytest.raises(SystemExit), strangers_code():
        raise SystemExit(3)


class Panic(BaseException):
    """What libraries raise that want to be caught by nobody: pyo3's PanicException, pytest's outcomes."""


@pytest.mark.parametrize(
    "exit_",
    [SystemExit(0), KeyboardInterrupt(), GeneratorExit(), Panic(), BaseExceptionGroup("several", [Panic()])],
    ids=lambda exit_: type(exit_).__name__,
)
async def test_a_handler_cannot_end_the_process(exit_: BaseException) -> None:
    """What would end a process is a failed attempt like any other."""

    async def run(event: Event, ctx: Context[Any]) -> None:
        raise exit_

    error = await attempt(run, EVENT, CTX, MINUTE)
    assert isinstance(error, TriedToExit)
    assert type(exit_).__name__ in str(error)
    assert place(error).startswith("test_attempt.py:")
    assert place(error).endswith(" in run")


@pytest.mark.parametrize(("raised", "status"), [(None, 0), (SystemExit(0), 0), (SystemExit(3), 3), (ValueError(), 1)])
async def test_a_child_that_a_handler_forked_ends_with_the_handlers_code(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException | None, status: int
) -> None:
    """Past it there would be two workers."""
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)

    async def run(event: Event, ctx: Context[Any]) -> None:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        if raised is not None:
            raise raised

    await attempt(run, EVENT, CTX, MINUTE)
    assert ended == [status]
