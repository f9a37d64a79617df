"""What lasts as long as the process."""

import asyncio

from structlog.testing import capture_logs

from dispatcher.background import Background


async def test_one_that_breaks_is_told_with_its_kind() -> None:
    """Nobody awaits it, so nobody else would."""

    async def broken() -> None:
        raise LookupError("no such row")

    task = Background("sweeping")
    with capture_logs() as told:
        task.start(broken())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [(line["event"], line["what"], "LookupError" in line["cause"]) for line in told] == [
        ("background.ended", "sweeping", True)
    ]
    await task.stop()


async def test_one_that_is_stopped_ends_in_silence() -> None:
    """That is how it is meant to end; and one that was never started can be stopped too."""
    task = Background("sweeping")
    await task.stop()
    with capture_logs() as told:
        task.start(asyncio.sleep(60))
        await asyncio.sleep(0)
        await task.stop()
    assert told == []
