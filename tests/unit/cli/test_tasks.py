"""Work that is broken off by the word to stop."""

import asyncio

import pytest

from cli.tasks import unless


async def ends(with_: int) -> int:
    await asyncio.sleep(0)
    return with_


async def test_work_that_ends_first_is_told_of() -> None:
    """Whatever comes later."""
    assert await unless(asyncio.Event(), ends(7)) == 7


async def test_work_is_broken_off_when_told_to_stop() -> None:
    """At once, and it has ended by then."""
    stopping, ended = asyncio.Event(), asyncio.Event()

    async def waits_for_ever() -> bool:
        try:
            return await asyncio.Event().wait()
        finally:
            ended.set()

    asyncio.get_running_loop().call_soon(stopping.set)
    assert await unless(stopping, waits_for_ever()) is None
    assert ended.is_set()


async def test_what_goes_wrong_is_raised() -> None:
    """A store that is not migrated, for instance."""

    async def fails() -> None:
        raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        await unless(asyncio.Event(), fails())


async def test_work_that_somebody_else_cancels_was_not_told_to_stop() -> None:
    """A plugin that cancels all tasks: the process must not seem to have ended well."""

    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await unless(asyncio.Event(), cancelled())
