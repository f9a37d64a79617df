"""What only the embedded log does: bounds, retention, leases by a clock, faults of its file."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventlog.errors import LogFull, LogMisconfigured, LogUnavailable, NotOwner, PositionLost, RecordRefused
from eventlog.log import Commit
from eventlog.sqlite import SqliteEventLog
from eventlog.sqlite_schema import connect
from schemas.record import TopicPartition
from schemas.topics import TopicSettings
from tests.unit.eventlog.sqlite_logs import AT, DAY, STOPS, TOPIC, Clock, Taker, append, record, running, until

KIB = 1024
SHORT = TopicSettings(partitions=1, retention=timedelta(days=3))


async def test_retention_drops_what_is_settled_and_old(tmp_path: Path) -> None:
    """The group's position decides what may go, the clock what must."""
    clock = Clock()
    async with running(tmp_path, clock=clock, create=SHORT) as log:
        await append(log, 5)
        taker = await Taker(log).joined()
        await taker.commit(3)
        clock.now += 4 * DAY
        await log.trim()
        assert await log.offsets([AT], "earliest") == {AT: 3}
        taker.member.seek(AT, 3)
        assert [each.offset for each in await taker.take()] == [3, 4]


async def test_a_reader_that_retention_overtook_is_told(tmp_path: Path) -> None:
    """A position below what is left names the gap and the first offset there is."""
    clock = Clock()
    async with running(tmp_path, clock=clock, create=SHORT) as log:
        await append(log, 5)
        clock.now += 4 * DAY
        await log.trim()
        taker = await Taker(log).joined()
        with pytest.raises(PositionLost) as lost:
            await taker.take()
        assert (lost.value.at, lost.value.wanted, lost.value.earliest) == (AT, 0, 5)
        assert str(lost.value) == "retention dropped offset 0 of t partition 0: 5 offsets up to 5 are lost"


async def test_a_forgotten_group_holds_nothing(tmp_path: Path) -> None:
    """After its members stopped, a group can be dropped, and retention goes on."""
    clock = Clock()
    async with running(tmp_path, clock=clock, create=SHORT) as log:
        await append(log, 5)
        taker = await Taker(log).joined()
        await taker.commit(0)
        clock.now += 4 * DAY
        await log.trim()
        assert await log.groups() == {"g"}
        with pytest.raises(NotOwner, match="a member still reads as g: stop it, then forget the group"):
            await log.forget("g")
        await taker.member.stop(STOPS)
        await log.forget("g")
        await log.trim()
        assert await log.groups() == frozenset()
        assert await log.offsets([AT], "earliest") == {AT: 5}


async def test_fetch_passes_over_what_compaction_dropped(tmp_path: Path) -> None:
    """Gaps are no loss: the position goes on behind them, also at the end."""
    clock, kept = Clock(), TopicSettings(partitions=1, retention=None, compact=True)
    async with running(tmp_path, clock=clock, create=kept) as log:
        for value in (b"1", b"2", b"3"):
            await log.append(record(value, key=b"a"), partition=0).offset()
        await log.append(record(b"x", key=b"b"), partition=0).offset()
        clock.now += 2 * DAY
        await log.trim()
        taker = await Taker(log).joined()
        assert [(each.offset, each.value) for each in await taker.take()] == [(2, b"3"), (3, b"x")]
        assert taker.member.position(AT) == 4
        assert [each.offset async for each in log.read({AT: 0}, follow=False)] == [2, 3]


async def test_compacted_topics_need_keys(tmp_path: Path) -> None:
    """As a broker has it."""
    async with running(tmp_path, create=TopicSettings(partitions=1, retention=None, compact=True)) as log:
        with pytest.raises(RecordRefused, match="t is compacted: its records need a key"):
            log.append(record(key=None))


async def crowd(log: SqliteEventLog) -> None:
    """Append more than fits."""
    for _ in range(100):
        await append(log, size=8 * KIB)


async def test_a_full_log_refuses_and_recovers(tmp_path: Path) -> None:
    """At the bound appends fail with the laggard's name, commits work, and settling makes room."""
    async with running(tmp_path, max_bytes=300 * KIB, create=SHORT) as log:
        taker = await Taker(log).joined()
        await taker.commit(0)
        with pytest.raises(LogFull):
            await crowd(log)
        [end] = (await log.offsets([AT], "end")).values()
        await log.trim()
        with pytest.raises(LogFull, match="held back by what g did not read yet: run or forget them, or raise max_byt"):
            await append(log, size=8 * KIB)
        assert log.health().ok is False
        await taker.commit(end)
        await log.trim()
        assert await append(log, size=8 * KIB) == [end]
        assert log.health().ok is True


async def test_a_full_log_makes_room_by_itself(tmp_path: Path) -> None:
    """What every group has settled goes before its age, so that a small file goes round."""
    async with running(tmp_path, max_bytes=300 * KIB, create=SHORT) as log:
        refused = 0
        for _ in range(200):
            try:
                await append(log, size=8 * KIB)
            except LogFull:
                refused += 1
                await log.trim()
        [first] = (await log.offsets([AT], "earliest")).values()
        assert first > 100
        assert refused < 20
        assert (tmp_path / "events.db").stat().st_size < 400 * KIB


async def test_a_full_log_says_when_nothing_can_go(tmp_path: Path) -> None:
    """Without retention there is nobody to blame but the bound."""
    async with running(tmp_path, max_bytes=300 * KIB, create=TopicSettings(partitions=1, retention=None)) as log:
        with pytest.raises(LogFull, match="nothing in it is old enough to go"):
            await crowd(log)


async def test_what_waits_is_bounded(tmp_path: Path) -> None:
    """Appending faster than the disk ends in a refusal, not in all the memory; what was taken is written."""
    async with running(tmp_path) as log:
        taken = [log.append(record(bytes(KIB * KIB)), partition=0) for _ in range(63)]
        with pytest.raises(LogFull, match="too many records wait to be written"):
            log.append(record(bytes(KIB * KIB)), partition=0)
        assert [await each.offset() for each in taken] == list(range(63))


async def test_topics_of_another_process_are_noticed(tmp_path: Path) -> None:
    """A topic created elsewhere takes records here."""
    async with running(tmp_path) as one, running(tmp_path) as two:
        await one.create({"new": TopicSettings(partitions=2)})
        await until(lambda: "new" in two._file.watch.topics)
        assert await two.append(record(), partition=0).offset() == 0
        assert await two.partitions(["new", "absent"]) == {"new": 2}


async def test_new_topics_are_assigned_to_a_member(tmp_path: Path) -> None:
    """A member that waits for a topic gets its partitions when it is created."""
    async with running(tmp_path) as log:
        taker = Taker(log)
        taker.member = log.member("g", ["later", TOPIC], taker)
        await taker.joined()
        assert taker.mine == {AT}
        await log.create({"later": TopicSettings(partitions=2)})
        await until(lambda: len(taker.mine) == 3)
        assert taker.mine == {AT, TopicPartition("later", 0), TopicPartition("later", 1)}


async def test_retention_follows_the_configuration(tmp_path: Path) -> None:
    """What the log is given at its start is how existing topics are kept; their partitions stay."""
    clock = Clock()
    async with running(tmp_path, clock=clock, create=TopicSettings(partitions=1, retention=None)) as log:
        await append(log)
    clock.now += 4 * DAY
    changed = TopicSettings(partitions=9, retention=timedelta(days=3))
    async with running(tmp_path, clock=clock, topics={TOPIC: changed}) as log:
        await log.trim()
        assert await log.offsets([AT], "earliest") == {AT: 1}
        assert await log.partitions([TOPIC]) == {TOPIC: 1}


async def test_no_such_partition(tmp_path: Path) -> None:
    """The refusal says which there are."""
    async with running(tmp_path) as log:
        with pytest.raises(RecordRefused, match="t has the partitions 0 to 0, not 1"):
            log.append(record(), partition=1)


async def test_no_such_partition_to_read(tmp_path: Path) -> None:
    """A reader is told, too; a typo is no empty stream."""
    async with running(tmp_path) as log:
        with pytest.raises(PositionLost) as lost:
            log.read({TopicPartition("absent", 2): 5}, follow=False)
        assert str(lost.value) == f"there is no absent partition 2 in {tmp_path}/events.db"
        assert (lost.value.wanted, lost.value.earliest) == (5, 0)


@pytest.mark.parametrize(("microseconds", "offset"), [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2)])
async def test_a_time_between_two_milliseconds(tmp_path: Path, microseconds: int, offset: int) -> None:
    """A record of an earlier millisecond is before it."""
    began = datetime(2026, 11, 21, 12, 0, 0, 123_000, tzinfo=UTC)
    async with running(tmp_path) as log:
        for later in (0, 1):
            await append(log, timestamp=1_795_262_400_123 + later)
        assert await log.offsets([AT], began + timedelta(microseconds=microseconds)) == {AT: offset}


async def test_an_orderly_stop_frees_the_group_at_once(tmp_path: Path) -> None:
    """The clock stands still, so the lease cannot have run out."""
    clock = Clock()
    async with running(tmp_path, clock=clock) as one, running(tmp_path, clock=clock) as two:
        first, second = await Taker(one).joined(), Taker(two)
        await second.member.start()
        await first.member.stop(STOPS)
        await until(lambda: second.mine == {AT})
        assert first.revocations == 1


async def test_a_crashed_owner_is_followed_after_its_lease(tmp_path: Path) -> None:
    """While the lease runs nobody takes over; when it ran out, who stands by does."""
    clock = Clock()
    async with running(tmp_path, clock=clock) as one, running(tmp_path, clock=clock) as two:
        first, second = await Taker(one).joined(), Taker(two)
        await first.member.abandon()
        await second.member.start()
        clock.ms += 9_999
        assert await second.take() == []
        assert second.mine == frozenset()
        clock.ms += 1
        await until(lambda: second.mine == {AT})


async def test_a_frozen_owner_has_lost_its_partitions(tmp_path: Path) -> None:
    """Another took over by its clock; the commit of the first is refused and changes nothing."""
    here, there = Clock(), Clock()
    there.ms += 60_000
    async with running(tmp_path, clock=here) as one, running(tmp_path, clock=there) as two:
        await append(one, 3)
        first = await Taker(one).joined()
        await first.commit(1)
        second = Taker(two)
        await second.member.start()
        await until(lambda: second.mine == {AT})
        await second.commit(2)
        with pytest.raises(NotOwner):
            await first.commit(3)
        assert await one.group_positions("g", [AT]) == {AT: Commit(2)}
        await until(lambda: first.revocations == 1)
        assert first.mine == frozenset()
        assert await first.take() == []


async def test_a_lost_group_comes_back(tmp_path: Path) -> None:
    """A member that lost the group stands by, and has it again when the other stops."""
    here, there = Clock(), Clock()
    there.ms += 60_000
    async with running(tmp_path, clock=here) as one, running(tmp_path, clock=there) as two:
        await append(one, 3)
        first, second = await Taker(one).joined(), Taker(two)
        await second.member.start()
        await until(lambda: first.revocations == 1)
        await second.commit(1)
        await second.member.stop(STOPS)
        await until(lambda: first.mine == {AT})
        assert [each.offset for each in await first.take()] == [1, 2]


async def test_a_lease_of_another_boot_is_free(tmp_path: Path) -> None:
    """After a reboot the boot-time clock begins anew, and so do the leases."""
    clock = Clock()
    async with running(tmp_path, clock=clock) as log:
        await (await Taker(log).joined()).member.abandon()
    after = Clock(boot="next")
    after.ms = 5
    async with running(tmp_path, clock=after) as log:
        assert (await Taker(log).joined()).mine == {AT}


class Hanging(Taker):
    """Has a handler that does not end."""

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:  # noqa: ARG002 - the interface
        await asyncio.Event().wait()


class Stubborn(Taker):
    """A dispatcher that cannot end its work."""

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:  # noqa: ARG002 - the interface
        raise ValueError("still writing")


class Failing(Taker):
    """A dispatcher that refuses to run."""

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:  # noqa: ARG002 - the interface
        raise ValueError("no position for this store")


async def test_a_slow_revocation_keeps_the_lease(tmp_path: Path) -> None:
    """When work cannot be stopped in time, nobody else begins before the lease ran out."""
    clock = Clock()
    async with running(tmp_path, clock=clock) as one, running(tmp_path, clock=clock) as two:
        first = await Hanging(one).joined()
        await first.member.stop(timedelta(milliseconds=50))
        second = Taker(two)
        await second.member.start()
        assert await second.take() == []
        assert second.mine == frozenset()
        clock.ms += 10_000
        await until(lambda: second.mine == {AT})


async def test_what_an_assignment_raises_reaches_the_reader(tmp_path: Path) -> None:
    """An error in `assigned` is not swallowed: the next fetch raises it."""
    async with running(tmp_path) as log:
        taker = Failing(log)
        await taker.member.start()
        with pytest.raises(ValueError, match="no position for this store"):
            await taker.member.fetch((), max_records=1, timeout=STOPS)
        await taker.member.stop(STOPS)


async def test_what_a_revocation_raises_reaches_who_stops(tmp_path: Path) -> None:
    """And the lease is not given back: what was running may still run."""
    clock = Clock()
    async with running(tmp_path, clock=clock) as one, running(tmp_path, clock=clock) as two:
        first = await Stubborn(one).joined()
        with pytest.raises(ValueError, match="still writing"):
            await first.member.stop(STOPS)
        second = Taker(two)
        await second.member.start()
        assert await second.take() == []
        assert second.mine == frozenset()
        await second.member.stop(STOPS)


async def test_a_locked_file_delays_and_then_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program's lock: appends fail in time, health says why, and all is well when it lets go."""
    async with running(tmp_path) as log:
        monkeypatch.setattr("eventlog.sqlite_schema.BUSY_SECONDS", 0.1)
        shell = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogUnavailable, match="was locked by another program"):
            await append(log)
        assert "was locked by another program" in log.health().detail
        shell.execute("ROLLBACK")
        shell.close()
        assert await append(log) == [0]
        assert log.health().ok is True


async def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """SQLite's own "disk full": nothing of the transaction counts, and appends work again with space."""
    async with running(tmp_path) as log:
        await append(log)
        [before] = await log._writing.run(lambda it: it.execute("PRAGMA max_page_count = 1").fetchone())
        with pytest.raises(LogFull, match="no space is left on the disk"):
            await append(log, 100, size=8 * KIB)
        assert log.health().ok is False
        await log._writing.run(lambda it: it.execute("PRAGMA max_page_count = 1000000").fetchone())
        assert before < 100
        assert await append(log, 2) == [1, 2]
        assert log.health().ok is True


async def test_a_removed_file_takes_nothing(tmp_path: Path) -> None:
    """Whoever moves the file away gets refusals, not acknowledgements of records nobody can find."""
    async with running(tmp_path) as log:
        await append(log)
        moved = {tmp_path / f"events.db{end}": tmp_path / f"moved{end}" for end in ("", "-wal", "-shm")}
        for here, there in moved.items():
            here.rename(there)
        with pytest.raises(LogUnavailable, match="is gone"):
            await append(log)
        assert "is gone" in log.health().detail
        for here, there in moved.items():
            there.rename(here)
        assert await append(log) == [1]
        assert log.health().ok is True


async def test_damage_while_running_is_told(tmp_path: Path) -> None:
    """A damaged page fails what needs it, with words, and nothing crashes."""
    async with running(tmp_path) as log:
        await append(log, 50, size=KIB)
    connection = connect(tmp_path / "events.db")
    [root] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'records'").fetchone()
    connection.close()
    with (tmp_path / "events.db").open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    async with running(tmp_path) as log:
        with pytest.raises(LogUnavailable, match="is damaged"):
            await append(log)
        with pytest.raises(LogUnavailable, match="is damaged"):
            _ = [each async for each in log.read({AT: 0}, follow=False)]
        assert "is damaged" in log.health().detail


async def test_health_before_and_after(tmp_path: Path) -> None:
    """A log that is not running is not well."""
    log = SqliteEventLog(tmp_path / "events.db")
    assert log.health().detail == "the event log is not started"
    with pytest.raises(LogUnavailable, match="the event log is not started"):
        log.append(record())
    await log.start()
    assert log.health().ok is True
    await log.stop(STOPS)
    assert log.health().detail == f"the event log {tmp_path}/events.db was stopped"


async def test_a_log_that_cannot_start_says_why(tmp_path: Path) -> None:
    """And leaves nothing running."""
    (tmp_path / "events.db").write_bytes(b"something else" * 1000)
    before = asyncio.all_tasks()
    with pytest.raises(LogMisconfigured, match="is damaged or no SQLite database"):
        await SqliteEventLog(tmp_path / "events.db").start()
    assert asyncio.all_tasks() == before
