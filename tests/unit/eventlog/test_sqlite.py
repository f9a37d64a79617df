"""What only the embedded log does: bounds, retention, topics of other processes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eventlog.errors import LogFull, NotOwner, PositionLost, RecordRefused
from eventlog.sqlite import SqliteEventLog
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
