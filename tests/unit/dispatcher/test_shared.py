"""What handlers keep open: opened once, given to all, and left by the task that opened it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from dispatcher.attempt import AttemptTimedOut, TriedToExit
from dispatcher.errors import ContextMisused, place
from dispatcher.shared import Shared

EVENT: ContextVar[str] = ContextVar("event", default="none")


@dataclass(eq=False)
class House:
    """Tells who went in and out, and may be hard to enter or to leave."""

    told: list[str] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    way_out: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[object] = field(default_factory=list)
    refuses: BaseException | None = None
    stays: bool = False

    def __post_init__(self) -> None:
        self.open.set()
        self.way_out.set()


@asynccontextmanager
async def inside(house: House, room: str = "hall") -> AsyncIterator[str]:
    house.told.append(f"into {room} for {EVENT.get()}")
    house.tasks.append(asyncio.current_task())
    await house.open.wait()
    if house.refuses is not None:
        raise house.refuses
    try:
        yield room
    finally:
        while True:
            try:
                await house.way_out.wait()
                break
            except asyncio.CancelledError:
                if not house.stays:
                    raise
        house.tasks.append(asyncio.current_task())
        house.told.append(f"out of {room}")


@asynccontextmanager
async def watched(house: House) -> AsyncIterator[str]:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fails(house))
        yield "watched"


async def fails(house: House) -> None:
    await house.open.wait()
    house.told.append("failed")
    raise ValueError


@asynccontextmanager
async def unleavable() -> AsyncIterator[str]:
    yield "unleavable"
    raise ValueError


async def no_manager() -> str:
    return "a coroutine"


async def use(shared: Shared, make: Callable[..., Any], *args: Any, entry: str = "h", within: float = 10) -> Any:
    return await shared.use(entry, make, args, within=within)


async def end(shared: Shared, entry: str = "h", within: float = 5) -> list[Any]:
    """Leave; what the log says of it."""
    with capture_logs() as logs:
        await shared.left(entry, within)
        # one step, for what was cancelled
        await asyncio.sleep(0)
    return [(one["event"], one["handler"], one["resource"], one["cause"]) for one in logs]


async def test_all_who_ask_at_once_are_given_the_same() -> None:
    """It is opened once, also for those who come later."""
    shared, house = Shared(), House()
    house.open.clear()
    asking = [asyncio.create_task(use(shared, inside, house)) for _ in range(3)]
    await asyncio.sleep(0)
    house.open.set()
    assert await asyncio.gather(*asking) == ["hall"] * 3
    assert await use(shared, inside, house) == "hall"
    assert house.told == ["into hall for none"]
    assert await end(shared) == []
    assert house.told == ["into hall for none", "out of hall"]


async def test_entries_and_arguments_have_their_own() -> None:
    """What ends with one entry goes on for another."""
    shared, house = Shared(), House()
    assert [await use(shared, inside, house, room) for room in ("hall", "attic", "hall")] == ["hall", "attic", "hall"]
    await use(shared, inside, house, entry="other")
    await end(shared)
    assert sorted(house.told[3:]) == ["out of attic", "out of hall"]
    await end(shared, "other")
    assert house.told.count("out of hall") == 2


async def test_the_task_that_enters_leaves() -> None:
    """And no attempt is that task, nor are its surroundings those of the attempt that came first."""
    shared, house = Shared(), House()
    EVENT.set("m1")
    await asyncio.create_task(use(shared, inside, house))
    await end(shared)
    assert house.tasks[0] is house.tasks[1] is not asyncio.current_task()
    assert house.told == ["into hall for none", "out of hall"]


async def test_what_cannot_be_opened_fails_all_who_wait_and_is_tried_again() -> None:
    """The error tells the plugin's line."""
    shared, house = Shared(), House(refuses=ConnectionRefusedError())
    found = await asyncio.gather(use(shared, inside, house), use(shared, inside, house), return_exceptions=True)
    assert [type(one) for one in found] == [ConnectionRefusedError] * 2
    assert "in inside" in place(found[0])
    house.refuses = None
    assert await use(shared, inside, house) == "hall"
    assert house.told.count("into hall for none") == 2
    await end(shared)


async def test_whoever_is_cancelled_takes_nothing_from_the_others() -> None:
    """Also if it was the first to ask."""
    shared, house = Shared(), House()
    house.open.clear()
    first, second = (asyncio.create_task(use(shared, inside, house)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    house.open.set()
    assert await second == "hall"
    assert len(house.tasks) == 1
    await end(shared)


async def test_an_exit_while_it_is_opened_is_an_error_of_the_attempt() -> None:
    """Nobody waits for ever."""
    shared = Shared()
    with pytest.raises(TriedToExit, match="SystemExit"):
        await use(shared, inside, House(refuses=SystemExit()))


async def test_what_takes_too_long_to_open_is_given_up() -> None:
    """The next who asks has it tried again."""
    shared, house = Shared(), House()
    house.open.clear()
    with pytest.raises(AttemptTimedOut, match="inside was not open in time"):
        await use(shared, inside, house, within=0.01)
    house.open.set()
    assert await use(shared, inside, house) == "hall"
    await end(shared)


async def test_whoever_asks_after_it_was_let_go_has_it_opened_anew() -> None:
    """The first is left by itself."""
    shared, house = Shared(), House()
    await use(shared, inside, house)
    shared.let_go("h")
    await use(shared, inside, house)
    await end(shared)
    assert sorted(house.told) == ["into hall for none"] * 2 + ["out of hall"] * 2


async def test_one_that_fails_by_itself_is_opened_anew() -> None:
    """The log says what it failed by."""
    shared, house = Shared(), House()
    house.open.clear()
    assert await use(shared, watched, house) == "watched"
    with capture_logs() as logs:
        house.open.set()
        async with asyncio.timeout(5):
            while not logs:  # noqa: ASYNC110 - the log tells nobody
                await asyncio.sleep(0)
    assert [(one["event"], one["resource"]) for one in logs] == [("resource.failed", "watched")]
    house.open.clear()
    assert await use(shared, watched, house) == "watched"
    assert house.told == ["failed"]
    await shared.left("h", 0)


async def test_an_error_of_leaving_is_told() -> None:
    """And nothing else comes of it."""
    shared = Shared()
    await use(shared, unleavable)
    [(event, entry, name, cause)] = await end(shared)
    assert (event, entry, name) == ("resource.failed", "h", "unleavable")
    assert cause.startswith("ValueError at test_shared.py:")


async def test_what_takes_too_long_to_leave_is_cancelled() -> None:
    """The drain goes on."""
    shared, house = Shared(leaves=0.01), House()
    house.way_out.clear()
    await use(shared, inside, house)
    [(_, _, _, cause)] = await end(shared)
    assert cause.startswith("inside was not left in time at test_shared.py:")


async def test_what_does_not_even_heed_that_is_waited_for_no_longer() -> None:
    """Its task stays behind, as an attempt's that is stuck."""
    shared, house = Shared(leaves=0.01), House(stays=True)
    house.way_out.clear()
    await use(shared, inside, house)
    try:
        async with asyncio.timeout(5):
            told = await end(shared, within=0.05)
    finally:
        house.way_out.set()
    assert told == [("resource.failed", "h", "inside", "it is not left in time, and waited for no longer")]
    assert await end(shared) == []


async def test_an_opening_that_nobody_waits_for_any_more_is_left_too() -> None:
    """The attempts were cancelled: it is not half open for ever."""
    shared, house = Shared(), House()
    house.open.clear()
    asking = asyncio.create_task(use(shared, inside, house))
    await asyncio.sleep(0)
    asking.cancel()
    shared.let_go("h")
    house.open.set()
    assert await end(shared) == []
    assert house.told == ["into hall for none", "out of hall"]


@pytest.mark.parametrize(
    ("make", "args", "words"),
    [
        (lambda: lambda: inside(House()), (), "a function of the module"),
        (unleavable, (), "a function of the module"),
        (lambda: inside, ([],), "must have a hash"),
        (lambda: no_manager, (), "returns no async context manager"),
    ],
    ids=["lambda", "manager", "list", "coroutine"],
)
async def test_what_cannot_be_shared_is_refused(make: Callable[[], Any], args: tuple[Any, ...], words: str) -> None:
    """The text says what to write instead."""
    with pytest.raises(ContextMisused, match=words):
        await use(Shared(), make(), *args)


async def test_one_for_each_event_is_refused_in_time() -> None:
    """They would all stay open; those of another entry are not counted."""
    shared, house = Shared(), House()
    for number in range(100):
        await use(shared, inside, house, f"room {number}")
    with pytest.raises(ContextMisused, match="nothing of the event's"):
        await use(shared, inside, house, "one more")
    assert await use(shared, inside, house, "one more", entry="other") == "one more"
    await asyncio.gather(end(shared), end(shared, "other"))
    assert len(house.told) == 202
