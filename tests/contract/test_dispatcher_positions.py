"""Where an entry starts, how it goes on, and when it refuses to guess."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dispatcher.dispatcher import Dispatcher
from dispatcher.metadata import decode
from dispatcher.worker import Phase
from eventlog.errors import LogUnavailable
from eventlog.log import Commit
from eventlog.sqlite import SqliteEventLog
from handlers.api import Context, handler
from schemas.events import ContactCreated, Event, MessageCreated
from schemas.topics import TopicSettings
from tests.contract.dispatchers import NOW, Rig, event, message, on_any, on_sqlite, quick, store_position, until
from tests.contract.eventlogs import Logs
from tests.contract.stores import opened


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


@handler("h", on=MessageCreated)
async def h(event: Event[MessageCreated], ctx: Context) -> None: ...


def handled(rig: Rig) -> list[str]:
    return [each.event_id.removeprefix("message.created:") for each in rig.attempts]


async def failure(rig: Rig) -> str:
    """Run `h` until it stops by itself, and say why."""
    async with rig.running(h) as dispatcher:
        await until(lambda: dispatcher.states()["h"].phase is Phase.FAILED, "it stops")
        return dispatcher.states()["h"].reason


async def test_a_new_entry_begins_with_the_earliest_record(rig: Rig) -> None:
    """By default nothing that was kept is skipped."""
    await rig.append(message(0))
    await rig.settle(quick(h))
    assert handled(rig) == ["m0"]


async def test_an_entry_that_starts_now_skips_what_was_before(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: `start = "now"` means the moment the entry is first seen."""
    eventlog.needs("times")
    async with on_any(eventlog, tmp_path, partitions=1) as rig:
        before = replace(message(0), received_at=NOW - timedelta(minutes=5))
        await rig.append(before)
        async with rig.running(quick(h, start="now")):
            await rig.positioned("h")
            await rig.append(replace(message(1), received_at=NOW + timedelta(minutes=5)))
            await until(lambda: bool(handled(rig)), "the new one is handled")
    assert handled(rig) == ["m1"]


async def test_an_entry_can_start_at_a_time(rig: Rig) -> None:
    """The first record at or after the time is the first that is handled."""
    for number in range(4):
        await rig.append(replace(message(number), received_at=NOW + timedelta(hours=number)))
    await rig.settle(quick(h, start=(NOW + timedelta(hours=2)).isoformat()))
    assert handled(rig) == ["m2", "m3"]


async def test_an_entry_starts_once(rig: Rig) -> None:
    """What `start` says later does not count: a topic that comes later begins where the entry began."""
    await rig.append(event(ContactCreated(contact_id="u1"), key="u1", identity="contact"))
    await rig.settle(quick(h, start="earliest"))

    @handler("h", on=(MessageCreated, ContactCreated))
    async def wider(event: Event[MessageCreated | ContactCreated], ctx: Context) -> None: ...

    await rig.settle(quick(wider, start="now"))
    assert handled(rig) == ["contact"]


async def test_the_start_is_committed_with_the_stores_id(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: before the first record is read, the position says whose work this is."""
    async with on_any(eventlog, tmp_path, partitions=1) as rig:
        async with rig.running(quick(h)):
            commit = await rig.positioned("h")
        found = decode(commit.metadata, commit.offset)
        assert found is not None
        assert (commit.offset, found.store) == (0, rig.store.id)


async def test_another_store_is_refused(eventlog: Logs, tmp_path: Path) -> None:
    """On every log: a worker that has not the timers and effects of the group must not read on."""
    eventlog.needs("sharing")
    async with on_any(eventlog, tmp_path, partitions=1) as rig:
        await rig.append(message(0))
        await rig.settle(h)
        first = rig.store.id
        await rig.append(message(1))
        async with opened(f"sqlite:///{tmp_path / 'other.db'}") as other:
            rig.store = other
            reason = await failure(rig)
            assert first in reason
            assert other.id in reason
    assert "Workers of one handler share one store" in reason
    assert handled(rig) == ["m0"]


async def test_a_forgotten_position_stops_the_handler(rig: Rig) -> None:
    """The log forgot where the group was: starting over would repeat everything, so a person decides."""
    await rig.append(message(0))
    await rig.settle(h)
    assert isinstance(rig.log, SqliteEventLog)
    await rig.log.forget("hookline.h")
    reason = await failure(rig)
    assert "hookline.h" in reason
    assert "no position is stored, the log begins at 0" in reason
    assert "hookline handlers rewind h --to earliest" in reason
    assert handled(rig) == ["m0"]
    assert await failure(rig) == reason


async def test_a_crash_before_the_start_was_committed_is_no_lost_position(rig: Rig) -> None:
    """Whoever comes next commits the start: nothing was read yet."""
    await rig.append(message(0))

    class Crash(Exception):
        pass

    original = SqliteEventLog.member

    def crashing(self: SqliteEventLog, *args: object) -> object:
        member = original(self, *args)  # type: ignore[arg-type]  # passed on as it came

        async def commit(commits: object) -> None:
            raise Crash

        member.commit = commit  # type: ignore[method-assign]  # the crash
        return member

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteEventLog, "member", crashing)
        dispatcher = Dispatcher([quick(h)], rig.equipment())
        dispatcher.start()
        await until(lambda: dispatcher.states()["h"].phase is Phase.FAILED, "it crashes")
        await dispatcher.stop(timedelta(seconds=6))
    await rig.settle(h)
    assert handled(rig) == ["m0"]


async def test_a_position_behind_retention_stops_the_handler(rig: Rig) -> None:
    """Records it had not read are gone: the gap is named."""
    await rig.append(*(message(number) for number in range(3)))
    await rig.settle(h)
    await store_position(rig, "h", Commit(70))
    reason = await failure(rig)
    assert "it was to go on at 70" in reason


async def test_a_position_moved_by_a_tool_counts(rig: Rig) -> None:
    """A tool leaves no metadata, or stale metadata: the offset alone says where to go on."""
    await rig.append(*(message(number) for number in range(3)))
    await rig.settle(h)
    stale = (await rig.committed("h"))[0]
    assert stale is not None
    await store_position(rig, "h", Commit(1, stale.metadata))
    rig.happened.clear()
    await rig.settle(h)
    assert handled(rig) == ["m1", "m2"]


async def test_an_absent_log_is_waited_for(rig: Rig) -> None:
    """The worker tries again until the positions can be asked."""
    await rig.append(message(0))
    failures = 2
    original = rig.log.offsets

    class Away:
        def __getattr__(self, name: str) -> object:
            return getattr(rig.log, name)

        async def offsets(self, *args: object) -> object:
            nonlocal failures
            if failures:
                failures -= 1
                raise LogUnavailable("away")
            return await original(*args)  # type: ignore[arg-type]  # passed on as it came

    async with rig.running(h, log=Away()):
        await until(lambda: handled(rig) == ["m0"], "it is handled")
    assert failures == 0


async def test_a_topic_that_does_not_exist_yet_is_waited_for(tmp_path: Path) -> None:
    """Creating it later is enough."""
    async with on_sqlite(tmp_path, partitions=1) as rig:
        rig.topics = replace(rig.topics, prefix="late.")
        async with rig.running(h):
            await asyncio.sleep(0.2)
            await rig.log.create({"late.conversations": TopicSettings(partitions=2)})
            await rig.append(message(0))
            await until(lambda: handled(rig) == ["m0"], "it is handled")
