"""Entries that are renamed, forgotten and rewound while nobody works for them, on both logs."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dispatcher import rewinding
from dispatcher.alone import partitions_of
from dispatcher.clock import SystemClock
from dispatcher.errors import ChangeRefused, GroupInUse
from dispatcher.forgetting import Forgetting
from dispatcher.registry import AnyHandler
from dispatcher.renaming import rename
from dispatcher.rewinding import Target
from dispatcher.settings import Entry
from dispatcher.worker import Phase
from eventlog.errors import LogUnavailable
from eventlog.sqlite import SqliteEventLog
from handlers.api import Context, Handler, handler
from schemas.events import Event, MessageCreated, Timer
from schemas.record import TopicPartition
from store.errors import StoreUnavailable
from store.stops import Stop
from tests.contract.clocks import later
from tests.contract.dispatchers import NOW, Rig, message, on_any, on_sqlite, quick, until
from tests.contract.eventlogs import Logs
from tests.contract.test_store_parked import to_park


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=2) as made:
        yield made


class Asks:
    """A handler with effects, and a timer an hour after each message."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.fired: list[str] = []
        self.effects: list[str] = []

        @handler("asks", on=(MessageCreated, Timer))
        async def asks(event: Event[MessageCreated | Timer], ctx: Context) -> None:
            if isinstance(event.data, Timer):
                self.fired.append(event.key)
                return
            self.given.append(event.data.message_id)
            await ctx.once("effect", lambda: self._effect(event.data.message_id))
            await ctx.schedule("ask", after="1h")

        self.handler: Handler = asks

    async def _effect(self, name: str) -> None:
        self.effects.append(name)

    def called(self, name: str) -> Entry:
        """An entry of it."""
        return quick(self.handler, name=name)


async def move(rig: Rig, entry: str, target: Target, **more: object) -> list[rewinding.Move]:
    """Rewind an entry as the command does."""
    group, partitions = f"{rig.topics.prefix}{entry}", await partitions_of(rig.log, [rig.conversations])
    moves = await rewinding.plan(rig.log, group, partitions, target)
    await rewinding.carry_out(rig.log, group, partitions, moves, store=rig.store.id, **more)
    return moves


def forgetting(rig: Rig) -> Forgetting:
    return Forgetting(log=rig.log, store=rig.store, topics=rig.topics, clock=SystemClock(), version="1.2.3")


async def test_a_renamed_entry_goes_on_where_it_was(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: nothing is given again, its timers fire, and the old name is as if it had never been."""
    eventlog.needs("forgetting")
    asks = Asks()
    async with on_any(eventlog, tmp_path) as rig:
        await rig.append(*(message(number, key=f"k{number}") for number in range(8)))
        await rig.settle(asks.called("before"))
        await rename(rig.log, rig.store, rig.topics, old="before", new="after", now=NOW)
        assert set((await rig.committed("before")).values()) == {None}
        await rig.append(message(8, key="k8"))
        async with rig.running(asks.called("after"), clock=later(2)) as dispatcher:
            await until(lambda: len(asks.fired) == 9, "all timers fire")
            assert dispatcher.states()["after"].reason == ""
    assert sorted(asks.given) == [f"m{number}" for number in range(9)]
    assert sorted(asks.fired) == [f"k{number}" for number in range(9)]


async def test_an_entry_that_works_is_not_renamed(rig: Rig) -> None:
    """Nothing is changed."""
    asks = Asks()
    await rig.append(message(0))
    async with rig.running(asks.called("before")):
        await rig.positioned("before")
        with pytest.raises(GroupInUse, match=r"others read for the group hookline\.before: stop all its workers"):
            await rename(rig.log, rig.store, rig.topics, old="before", new="after", now=NOW, within=1.0)
    assert not await rig.store.entry_rows.is_known("after")


async def test_an_entry_is_not_renamed_to_one_that_has_run(rig: Rig) -> None:
    """It says what to do; after that it can be."""
    asks = Asks()
    await rig.append(message(0))
    await rig.settle(asks.called("before"), asks.called("after"))
    with pytest.raises(ChangeRefused, match="`hookline handlers forget after` drops that"):
        await rename(rig.log, rig.store, rig.topics, old="before", new="after", now=NOW)
    await forgetting(rig).forget("after")
    assert (await rename(rig.log, rig.store, rig.topics, old="before", new="after", now=NOW)).positions == 2


async def test_what_never_was_is_not_renamed(rig: Rig) -> None:
    """A name that is mistyped."""
    with pytest.raises(ChangeRefused, match="nothing is known of befroe"):
        await rename(rig.log, rig.store, rig.topics, old="befroe", new="after", now=NOW)


async def test_a_renaming_that_is_broken_off_goes_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the marks, after the rows and after the positions; a worker that comes too early stops, and says why."""
    asks = Asks()
    await rig.append(*(message(number, key=f"k{number}") for number in range(4)))
    await rig.settle(asks.called("before"))
    rows, log = type(rig.store.entry_rows), type(rig.log)

    async def away(*_: object) -> None:
        raise StoreUnavailable("it went away")

    async def unreachable(*_: object) -> None:
        raise LogUnavailable("it went away")

    for owner, name, broken in ((rows, "_paged", away), (log, "forget", unreachable)):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, broken)
            with pytest.raises((StoreUnavailable, LogUnavailable), match="it went away"):
                await rename(rig.log, rig.store, rig.topics, old="before", new="after", now=NOW)
        if owner is rows:
            async with rig.running(asks.called("after")) as dispatcher:
                await until(lambda found=dispatcher: found.states()["after"].phase is Phase.FAILED, "it stops")
                assert "the log forgot the position" in dispatcher.states()["after"].reason
    await rename(rig.log, rig.store, rig.topics, old="before", new="after", now=NOW)
    assert set((await rig.committed("before")).values()) == {None}
    async with rig.running(asks.called("after"), clock=later(2)):
        await until(lambda: len(asks.fired) == 4, "its timers fire")
    assert len(asks.given) == 4


async def test_what_waits_for_a_forgotten_entry_becomes_dead_letters(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: timers and parked records byte for byte; afterwards it begins as if it had never been."""
    eventlog.needs("forgetting")
    asks = Asks()
    async with on_any(eventlog, tmp_path) as rig:
        await rig.append(*(message(number, key=f"k{number}") for number in range(3)))
        await rig.settle(asks.called("gone"))
        at, parked = TopicPartition("hookline.conversations", 3), to_park(7)
        # as a log can have them
        headers = parked.record.headers[:3]
        parked = replace(parked, record=replace(parked.record, headers=headers))
        epoch = (await rig.store.owners.claim("gone", [at], "another log"))[at]
        await rig.store.parked.park("gone", at, epoch, [parked], {}, bound=10, now=NOW)
        await rig.store.stops.stop(Stop(handler="gone", reason="paused", by="ann@here", at=NOW))
        assert (await forgetting(rig).forget("gone")).letters == 4
        letters = await rig.records("dead")
        told = [dict(letter.headers) for letter in letters]
        assert {(each["x-dlq-handler"], each["x-dlq-reason"]) for each in told} == {(b"gone", b"forgotten")}
        assert sorted(each["ce_type"] for each in told if "ce_type" in each) == [b"hookline.timer"] * 3
        [letter] = [letter for letter in letters if letter.value == parked.record.value]
        assert (letter.key, letter.timestamp) == (parked.record.key, parked.record.timestamp)
        assert letter.headers[: len(headers)] == headers
        death = dict(letter.headers[len(headers) :])
        assert (death["x-dlq-log"], death["__dlq.errors.offset"], death["x-dlq-attempts"]) == (
            b"another log",
            b"7",
            b"3",
        )
        assert not await rig.store.entry_rows.is_known("gone")
        assert set((await rig.committed("gone")).values()) == {None}
        await rig.settle(asks.called("gone"))
    assert sorted(asks.given) == ["m0", "m0", "m1", "m1", "m2", "m2"]


async def test_a_forgetting_that_is_broken_off_loses_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A letter may be written twice."""
    asks = Asks()
    await rig.append(*(message(number, key=f"k{number}") for number in range(3)))
    await rig.settle(asks.called("gone"))

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("it went away")

    with monkeypatch.context() as patched:
        patched.setattr(type(rig.store.entry_rows), "drop", away)
        with pytest.raises(StoreUnavailable):
            await forgetting(rig).forget("gone")
    assert (await forgetting(rig).forget("gone")).letters == 3
    keys = [letter.key for letter in await rig.records("dead")]
    assert sorted(keys, key=str) == [b"k0", b"k0", b"k1", b"k1", b"k2", b"k2"]


async def test_a_rewound_entry_is_given_the_events_again(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: effects are not repeated, and timers stay as they are."""
    asks = Asks()
    async with on_any(eventlog, tmp_path) as rig:
        await rig.append(*(message(number, key=f"k{number}") for number in range(6)))
        await rig.settle(asks.called("h"))
        moves = await move(rig, "h", "earliest")
        assert sum(each.repeats for each in moves) == 6
        await rig.settle(asks.called("h"))
        assert sorted(asks.given) == sorted([f"m{number}" for number in range(6)] * 2)
        assert sorted(asks.effects) == [f"m{number}" for number in range(6)]
        async with rig.running(asks.called("h"), clock=later(2)):
            await until(lambda: len(asks.fired) == 6, "each timer fires")
    assert sorted(asks.fired) == [f"k{number}" for number in range(6)]


@pytest.mark.parametrize(
    ("target", "given"),
    [
        (lambda _: "end", []),
        (lambda _: NOW + timedelta(hours=1), []),
        (lambda _: NOW - timedelta(hours=1), ["m0", "m2", "m4"]),
        (lambda rig: {TopicPartition(rig.conversations, 0): 2}, ["m4"]),
    ],
)
async def test_positions_are_set_where_they_are_wanted(
    tmp_path: Path, target: Callable[[Rig], Target], given: list[str]
) -> None:
    """To an end, a time or an offset."""
    asks = Asks()
    async with on_sqlite(tmp_path, partitions=1) as rig:
        await rig.append(*(message(number, key=f"k{number}") for number in (0, 2, 4)))
        await rig.settle(asks.called("h"))
        asks.given.clear()
        await move(rig, "h", target(rig))
        await rig.settle(asks.called("h"))
        assert asks.given == given


async def test_forward_means_that_events_are_never_given(rig: Rig) -> None:
    """And how many is told."""
    asks = Asks()
    await rig.append(message(0))
    await rig.settle(asks.called("h"))
    await rig.append(*(message(number) for number in range(1, 5)))
    assert sum(each.skips for each in await move(rig, "h", "end")) == 4
    await rig.settle(asks.called("h"))
    assert asks.given == ["m0"]


async def test_an_entry_that_works_is_not_rewound(rig: Rig) -> None:
    """Nothing is changed; nor is one that never ran, nor set to what the log does not have."""
    asks: AnyHandler = Asks().handler
    await rig.append(message(0))
    with pytest.raises(ChangeRefused, match="its entry never ran here"):
        await move(rig, "asks", "earliest")
    async with rig.running(asks) as dispatcher:
        await dispatcher.until_empty()
        with pytest.raises(GroupInUse):
            await move(rig, "asks", "earliest", within=1.0)
    with pytest.raises(ChangeRefused, match="has no offset 7: it has 0 to"):
        await move(rig, "asks", {TopicPartition(rig.conversations, 0): 7})


async def test_an_entry_whose_position_the_log_forgot_is_rewound(rig: Rig) -> None:
    """Which is what it stopped with as an advice; an entry that never began here stays one."""
    asks = Asks()
    await rig.append(message(0))
    await rig.settle(asks.called("one"))
    assert isinstance(rig.log, SqliteEventLog)
    await rig.log.forget("hookline.one")
    partitions = await partitions_of(rig.log, [rig.conversations])
    begun = await rig.store.owners.started("one", await rig.log.identity())
    moves = await rewinding.plan(rig.log, "hookline.one", partitions, "end", begun=begun)
    assert {(move.before, move.after.watermark) for move in moves} == {(None, 1), (None, 0)}
    await rewinding.carry_out(rig.log, "hookline.one", partitions, moves, store=rig.store.id)
    await rig.append(message(1))
    await rig.settle(asks.called("one"))
    assert await rig.store.owners.started("two", await rig.log.identity()) == frozenset()


async def test_an_entry_that_is_renamed_in_its_section_only_does_not_begin_anew(rig: Rig) -> None:
    """It stops before it takes anything, so that it can be renamed; one that began by itself is left alone."""
    asks = Asks()
    await rig.append(message(0))
    await rig.settle(quick(asks.handler))
    new = replace(quick(asks.handler, name="asks2"), start_said=False, former="asks")
    async with rig.running(new) as dispatcher:
        await until(lambda: dispatcher.states()["asks2"].phase is Phase.FAILED, "it is refused")
        assert dispatcher.states()["asks2"].reason.startswith(
            "asks2 is new here, and asks, of the same handler, has handled events of this log and does not run any "
            "more. If asks2 is asks under another name, stop all workers and run `hookline handlers rename asks asks2`"
        )
    await rename(rig.log, rig.store, rig.topics, old="asks", new="asks2", now=NOW)
    await rig.append(message(1))
    await rig.settle(new)
    assert asks.given == asks.effects == ["m0", "m1"]
    await rig.settle(quick(asks.handler, name="asks3"))
    await rig.settle(replace(quick(asks.handler, name="asks3"), start_said=False, former="asks2"))
    assert asks.given == ["m0", "m1", "m0", "m1"]


async def test_an_old_name_does_not_begin_anew(rig: Rig) -> None:
    """A handler that runs without a section, beside what it was renamed to, stops before it takes anything."""
    asks = Asks()
    await rig.append(message(0))
    await rig.settle(quick(asks.handler))
    await rename(rig.log, rig.store, rig.topics, old="asks", new="asks2", now=NOW)
    new, old = quick(asks.handler, name="asks2"), replace(quick(asks.handler), start_said=False)
    async with rig.running(new, old) as dispatcher:
        await until(lambda: dispatcher.states()["asks"].phase is Phase.FAILED, "it is refused")
        told = dispatcher.states()["asks"].reason
        await rig.append(message(1))
        await until(lambda: len(asks.given) == 2, "the other one goes on")
    assert told.startswith(f"asks was renamed to asks2 at {NOW:%Y-%m-%d %H:%M} UTC, with all its past")
    assert asks.given == asks.effects == ["m0", "m1"]
    await rig.settle(quick(asks.handler))
    assert asks.given == ["m0", "m1", "m0", "m1"]
