"""Group commit: what goes into which transaction, and what happens to it."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from eventlog.errors import LogFull, LogUnavailable
from eventlog.sqlite_damage import Damage
from eventlog.sqlite_records import Row
from eventlog.sqlite_schema import connect, prepare
from eventlog.sqlite_threads import Connections
from eventlog.sqlite_topics import create
from eventlog.sqlite_watch import Place
from eventlog.sqlite_writer import Bounds, Writer, full_text, shorten
from schemas.record import TopicPartition
from schemas.topics import TopicSettings

ROW: Row = (5, b"k", b"v", b"")
ONE, TWO = Place(TopicPartition("t", 0), 1), Place(TopicPartition("t", 1), 2)


@dataclass
class Gate:
    """Holds the writing thread until it is opened, as a slow disk would."""

    opened: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _: sqlite3.Connection) -> str:
        self.reached.set()
        assert self.opened.wait(30)
        return "through"

    async def hold(self, writer: Writer) -> asyncio.Task[str]:
        """Let the writer run into the gate."""
        task = asyncio.create_task(writer.run(self))
        await asyncio.to_thread(self.reached.wait, 30)
        return task


@dataclass
class Running:
    """A writer and what it told."""

    writer: Writer
    connections: Connections
    reached: list[dict[int, int]]


@asynccontextmanager
async def running(folder: Path, bounds: Bounds | None = None) -> AsyncIterator[Running]:
    path = folder / "events.db"
    prepare(path)
    connections, reached = Connections(path, "test"), list[dict[int, int]]()
    writer = Writer(
        connections,
        bounds or Bounds(file_bytes=10**9),
        reached=lambda ends: reached.append(dict(ends)),
        name="LOG",
        damage=Damage(path),
    )
    writer.start()
    await writer.run(lambda connection: create(connection, {"t": TopicSettings(partitions=2)}))
    reached.clear()
    try:
        yield Running(writer, connections, reached)
    finally:
        await writer.stop()
        await connections.close(timedelta(seconds=10))


async def test_what_arrives_meanwhile_goes_together(tmp_path: Path) -> None:
    """However many appends come during a transaction, the next one takes them all."""
    async with running(tmp_path) as it:
        gate = Gate()
        held = await gate.hold(it.writer)
        appended = [it.writer.append(place, ROW) for place in (ONE, TWO) * 50]
        gate.opened.set()
        assert [await each.offset() for each in appended] == [n // 2 for n in range(100)]
        assert await held == "through"
        assert it.reached == [{}, {1: 50, 2: 50}]


async def test_batches_are_bounded_by_count(tmp_path: Path) -> None:
    """More than a transaction should hold goes into several, in order."""
    async with running(tmp_path, Bounds(file_bytes=10**9, batch_records=10)) as it:
        appended = [it.writer.append(ONE, ROW) for _ in range(25)]
        assert [await each.offset() for each in appended] == list(range(25))
        assert it.reached == [{1: 10}, {1: 20}, {1: 25}]


async def test_batches_are_bounded_by_bytes(tmp_path: Path) -> None:
    """A batch is closed when it holds so many bytes."""
    async with running(tmp_path, Bounds(file_bytes=10**9, batch_bytes=1000)) as it:
        appended = [it.writer.append(ONE, (5, None, bytes(452), b"")) for _ in range(4)]
        assert [await each.offset() for each in appended] == [0, 1, 2, 3]
        assert it.reached == [{1: 2}, {1: 4}]


async def test_a_job_alone_shares_its_transaction_with_nobody(tmp_path: Path) -> None:
    """So its failure is nobody else's."""
    async with running(tmp_path) as it:
        before = it.writer.append(ONE, ROW)
        failing = asyncio.create_task(it.writer.run(lambda connection: connection.execute("nonsense"), alone=True))
        await asyncio.sleep(0)
        after = it.writer.append(ONE, ROW)
        with pytest.raises(LogUnavailable):
            await failing
        assert (await before.offset(), await after.offset()) == (0, 1)


async def test_a_failed_transaction_fails_whole(tmp_path: Path) -> None:
    """Records and jobs of one transaction share its fate; the next one is new."""
    async with running(tmp_path) as it:
        gate = Gate()
        held = await gate.hold(it.writer)
        failing = asyncio.create_task(it.writer.run(lambda connection: connection.execute("nonsense")))
        await asyncio.sleep(0)
        lost = it.writer.append(ONE, ROW)
        gate.opened.set()
        await held
        with pytest.raises(LogUnavailable, match="nonsense"):
            await lost.offset()
        with pytest.raises(LogUnavailable, match="nonsense"):
            await failing
        assert "nonsense" in it.writer.trouble
        assert await it.writer.append(ONE, ROW).offset() == 0
        assert it.writer.trouble == ""


async def test_too_many_waiting_records_are_refused(tmp_path: Path) -> None:
    """The bound counts what is being written too, and is free again afterwards."""
    async with running(tmp_path, Bounds(file_bytes=10**9, waiting_records=3)) as it:
        appended = [it.writer.append(ONE, ROW) for _ in range(3)]
        with pytest.raises(LogFull, match="too many records wait"):
            it.writer.append(ONE, ROW)
        assert [await each.offset() for each in appended] == [0, 1, 2]
        assert await it.writer.append(ONE, ROW).offset() == 3


async def test_a_hanging_disk_is_told(tmp_path: Path) -> None:
    """When a transaction takes too long appends are refused at once, until it is through."""
    async with running(tmp_path, Bounds(file_bytes=10**9, stuck_seconds=0.0)) as it:
        gate = Gate()
        held = await gate.hold(it.writer)
        await asyncio.sleep(0)
        with pytest.raises(LogUnavailable, match="its disk hangs or is overloaded"):
            it.writer.append(ONE, ROW)
        assert it.writer.why_stuck() == "writing LOG takes more than 0 s: its disk hangs or is overloaded"
        gate.opened.set()
        await held
        assert it.writer.why_stuck() == ""
        assert await it.writer.append(ONE, ROW).offset() == 0


async def test_stopping_writes_what_waits(tmp_path: Path) -> None:
    """`stop` returns when the last record is durable."""
    async with running(tmp_path) as it:
        appended = [it.writer.append(ONE, ROW) for _ in range(10)]
        await it.writer.stop()
        assert [await each.offset() for each in appended] == list(range(10))
        with pytest.raises(LogUnavailable, match="was stopped"):
            it.writer.append(ONE, ROW)
        with pytest.raises(LogUnavailable, match="was stopped"):
            await it.writer.run(lambda _: None)


async def test_a_cut_stop_leaves_nobody_waiting(tmp_path: Path) -> None:
    """Past the deadline of `stop` whoever waits is told that it is not known."""
    async with running(tmp_path) as it:
        gate = Gate()
        held = await gate.hold(it.writer)
        waiting = it.writer.append(ONE, ROW)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await it.writer.stop()
        with pytest.raises(LogUnavailable, match="stopped before this was durable"):
            await waiting.offset()
        with pytest.raises(LogUnavailable, match="stopped before this was durable"):
            await held
        gate.opened.set()


async def test_offsets_of_the_file_count(tmp_path: Path) -> None:
    """Another process appended between two of our batches."""
    async with running(tmp_path) as it:
        assert await it.writer.append(ONE, ROW).offset() == 0
        other = connect(tmp_path / "events.db")
        other.execute("UPDATE partitions SET next_offset = 7 WHERE id = 1")
        other.close()
        assert await it.writer.append(ONE, ROW).offset() == 7


def reading(path: Path) -> sqlite3.Connection:
    """A reader in the middle of a look."""
    reader = connect(path, read_only=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM topics").fetchone()
    return reader


@pytest.mark.parametrize(("bound", "anew"), [(50, True), (10_000, False)])
def test_a_long_write_ahead_log_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: int, anew: bool
) -> None:
    """Readers that overlap keep SQLite from reusing it; when it is long, they are waited for once."""
    path = tmp_path / "events.db"
    prepare(path)
    connection = connect(path)
    connection.execute("CREATE TABLE filler AS SELECT zeroblob(400000) AS filled")
    one = reading(path)
    connection.execute("CREATE TABLE small AS SELECT 1 AS n")
    leaving = threading.Timer(0.05, one.close)
    leaving.start()
    monkeypatch.setattr("eventlog.sqlite_writer._LONG_WAL", bound)
    shorten(connection)
    two = reading(path)
    leaving.join()
    connection.execute("UPDATE small SET n = 2")
    pages = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
    assert (pages < 10) is anew
    two.close()
    connection.close()


def test_full_text_names_who_holds_it_back() -> None:
    """The groups that lag are what the operator can act on."""
    assert full_text("LOG", 2000, 1000, ["a", "b"]) == (
        "the event log LOG is full: 2,000 of max_bytes = 1,000 bytes are in use,"
        " held back by what a, b did not read yet: run or forget them, or raise max_bytes"
    )


def test_full_text_without_laggards() -> None:
    """Nobody lags: only time or the bound can help."""
    assert full_text("LOG", 2000, 1000, []) == (
        "the event log LOG is full: 2,000 of max_bytes = 1,000 bytes are in use"
        " and nothing in it is old enough to go: wait for retention, shorten it, or raise max_bytes"
    )
