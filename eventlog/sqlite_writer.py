"""Group commit: everything that arrives while a transaction runs goes into the next one.

One thread writes. `append` and `run` put records and jobs into the open batch; a task hands batches to the thread, one
transaction each, and settles their futures when it is durable. Order of calls is order in the file.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeVar

import structlog

from eventlog.errors import LogFull, LogUnavailable
from eventlog.log import Appending
from eventlog.sqlite_damage import Damage
from eventlog.sqlite_records import Row, place, row_bytes
from eventlog.sqlite_schema import begin
from eventlog.sqlite_threads import Connections
from eventlog.sqlite_watch import Place

log = structlog.get_logger()

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]
"""Something to do inside a transaction. It looks before it writes: whatever it raises undoes the whole transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much may be in the file, and in memory."""

    # Bytes of used pages in the file; appends are refused above.
    file_bytes: int
    # What may wait to be written.
    waiting_bytes: int = 64 * 1024**2
    waiting_records: int = 100_000
    # What goes into one transaction: more takes longer and saves nothing.
    batch_bytes: int = 4 * 1024**2
    batch_records: int = 4_096
    # The largest record.
    record_bytes: int = 16 * 1024**2
    # A transaction that takes longer means that the disk hangs: appends are refused until it is back.
    stuck_seconds: float = 10.0


# Pages of 4 KiB: 64 MiB, several times what SQLite itself lets it grow to.
_LONG_WAL = 16_384

# A full log is well again when so much of its bound is in use at most, or when an append fits.
_ROOMY = 0.98


@dataclass(slots=True)
class Pile:
    """The records of one partition in one batch."""

    place: Place
    future: asyncio.Future[int]
    rows: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Batch:
    """What goes into one transaction."""

    # By partition id.
    piles: dict[int, Pile] = field(default_factory=dict)
    jobs: list[tuple[Job[Any], asyncio.Future[Any]]] = field(default_factory=list)
    bytes: int = 0
    records: int = 0


class Written(NamedTuple):
    """What a transaction did."""

    # Partition id → offset of the first record of its pile; empty when the file is full.
    firsts: Mapping[int, int]
    # What the jobs returned.
    results: Sequence[object]
    # Bytes of used pages before it.
    used: int
    full: bool


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the pages in use. Pages freed by retention are filled again before the file grows."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def write(connection: sqlite3.Connection, batch: Batch, file_bytes: int) -> Written:
    """Write a batch in one transaction, durable on return."""
    begin(connection)
    used = used_bytes(connection)
    full = batch.records > 0 and used + batch.bytes > file_bytes
    firsts = {} if full else {id_: insert(connection, id_, pile.rows) for id_, pile in batch.piles.items()}
    results = [job(connection) for job, _ in batch.jobs]
    connection.execute("COMMIT")
    return Written(firsts, results, used, full)


def shorten(connection: sqlite3.Connection) -> None:
    """Bring a long write-ahead log into the main file; waits for those who read at this moment."""
    [frames] = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1:2]
    if frames > _LONG_WAL:
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()


def insert(connection: sqlite3.Connection, partition_id: int, rows: Sequence[Row]) -> int:
    """Put rows at the end of a partition; returns the offset of the first."""
    [first] = connection.execute("SELECT next_offset FROM partitions WHERE id = ?", (partition_id,)).fetchone()
    start = place(partition_id, first)
    connection.executemany(
        "INSERT INTO records (place, timestamp, key, value, headers) VALUES (?, ?, ?, ?, ?)",
        [(start + index, *row) for index, row in enumerate(rows)],
    )
    connection.execute("UPDATE partitions SET next_offset = ? WHERE id = ?", (first + len(rows), partition_id))
    return int(first)


class Writer:
    """The one who writes to the file in this process."""

    def __init__(
        self,
        connections: Connections,
        bounds: Bounds,
        *,
        reached: Callable[[Mapping[int, int]], None],
        name: str,
        damage: Damage,
    ) -> None:
        self._connections = connections
        self._bounds = bounds
        self._reached = reached
        self._name = name
        self._damage = damage
        self._open = Batch()
        self._sealed: deque[Batch] = deque()
        self._writing: Batch | None = None
        self._since = 0.0
        self._waiting_bytes = 0
        self._waiting_records = 0
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # Why nothing is taken; empty while running.
        self.closed = "the event log is not started"
        # Set when appends were refused because the file is full: retention should look for space now.
        self.crowded = asyncio.Event()
        # The groups that keep retention from making space, as far as it found out.
        self.laggards: Sequence[str] = ()
        # Why the last transaction failed; empty when it did not.
        self.trouble = ""

    def start(self) -> None:
        """Take records and jobs from now on."""
        self.closed = ""
        self._task = asyncio.create_task(self._write_all(), name="eventlog-writer")

    async def stop(self) -> None:
        """Take nothing more, and write what waits. When this is cancelled, the rest fails as unavailable."""
        self.closed = f"the event log {self._name} was stopped"
        self._arrived.set()
        task, self._task = self._task, None
        if task is not None:
            await task

    def append(self, at: Place, row: Row) -> Appending:
        """Add a record to the open batch.

        Raises:
            LogUnavailable: too much waits already, the disk hangs, the file is damaged, or the log is not running.
        """
        if self.closed or self._damage.text:
            raise LogUnavailable(self.closed or self._damage.text)
        size = row_bytes(row)
        bounds = self._bounds
        if self._waiting_records >= bounds.waiting_records or self._waiting_bytes + size > bounds.waiting_bytes:
            raise LogFull("too many records wait to be written to the event log: send less, or give it a faster disk")
        if self._is_stuck():
            raise LogUnavailable(self._stuck_text())
        batch = self._room()
        pile = batch.piles.get(at.id)
        if pile is None:
            pile = batch.piles[at.id] = Pile(at, asyncio.get_running_loop().create_future())
        pile.rows.append(row)
        batch.bytes += size
        batch.records += 1
        self._waiting_bytes += size
        self._waiting_records += 1
        self._arrived.set()
        return Appending(pile.future, len(pile.rows) - 1, at.at)

    async def run(self, job: Job[T], *, alone: bool = False) -> T:
        """Do a job in the next transaction, or in one of its own; returns what it returned when that is durable.

        Raises:
            LogUnavailable: it was not done, or it is not known whether it was.
        """
        if self.closed or self._damage.text:
            raise LogUnavailable(self.closed or self._damage.text)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if alone:
            self._seal()
        self._room().jobs.append((job, future))
        if alone:
            self._seal()
        self._arrived.set()
        return await asyncio.shield(future)

    async def shorten(self) -> None:
        """Begin the write-ahead log anew when readers who never pause let it grow beyond its usual length.

        Raises:
            LogUnavailable: SQLite failed.
        """
        await self._connections.run(shorten)

    def why_stuck(self) -> str:
        """Says so when a transaction takes far too long."""
        return self._stuck_text() if self._is_stuck() else ""

    def _is_stuck(self) -> bool:
        if self._writing is None:
            return False
        return asyncio.get_running_loop().time() - self._since > self._bounds.stuck_seconds

    def _stuck_text(self) -> str:
        return (
            f"writing {self._name} takes more than {self._bounds.stuck_seconds:.0f} s: its disk hangs or is overloaded"
        )

    def _room(self) -> Batch:
        """The open batch, a new one when it is as large as a transaction should be."""
        if self._open.bytes >= self._bounds.batch_bytes or self._open.records >= self._bounds.batch_records:
            self._seal()
        return self._open

    def _seal(self) -> None:
        if self._open.records or self._open.jobs:
            self._sealed.append(self._open)
            self._open = Batch()

    def _next(self) -> Batch | None:
        if self._sealed:
            return self._sealed.popleft()
        batch, self._open = self._open, Batch()
        return batch if batch.records or batch.jobs else None

    async def _write_all(self) -> None:
        try:
            while not self.closed:
                await self._arrived.wait()
                self._arrived.clear()
                while batch := self._next():
                    await self._write(batch)
        finally:  # nothing waits any more, unless we were cancelled
            self.closed = self.closed or f"writing {self._name} has ended by an error of its own: restart hookline"
            if self._writing is not None:
                self._sealed.appendleft(self._writing)
            late = LogUnavailable("the event log was stopped before this was durable; it may be written all the same")
            while batch := self._next():
                _fail(batch, late)

    async def _write(self, batch: Batch) -> None:
        self._writing, self._since = batch, asyncio.get_running_loop().time()
        try:
            written = await self._connections.run(partial(write, batch=batch, file_bytes=self._bounds.file_bytes))
        except LogUnavailable as error:
            if not self._damage.text:
                self._note(str(error))
            _fail(batch, error)
        else:
            self._settle(batch, written)
        self._writing = None
        self._waiting_bytes -= batch.bytes
        self._waiting_records -= batch.records

    def _settle(self, batch: Batch, written: Written) -> None:
        if written.full:
            error = LogFull(full_text(self._name, written.used, self._bounds.file_bytes, self.laggards))
            self._note(str(error))
            self.crowded.set()
            _fail_piles(batch, error)
        elif batch.records or written.used < _ROOMY * self._bounds.file_bytes:
            self._note("")
        ends = {}
        for id_, first in written.firsts.items():
            pile = batch.piles[id_]
            ends[id_] = first + len(pile.rows)
            if not pile.future.done():
                pile.future.set_result(first)
        for (_, future), result in zip(batch.jobs, written.results, strict=True):
            if not future.done():
                future.set_result(result)
        self._reached(ends)

    def _note(self, trouble: str) -> None:
        if trouble and not self.trouble:
            log.error("log.lost", log=self._name, cause=trouble)
        elif self.trouble and not trouble:
            log.info("log.connected", log=self._name)
        self.trouble = trouble


def full_text(name: str, used: int, bound: int, laggards: Sequence[str]) -> str:
    """Why appends are refused, and what to do."""
    what = f"the event log {name} is full: {used:,} of max_bytes = {bound:,} bytes are in use"
    if laggards:
        return (
            f"{what}, held back by what {', '.join(laggards)} did not read yet: run or forget them, or raise max_bytes"
        )
    return f"{what} and nothing in it is old enough to go: wait for retention, shorten it, or raise max_bytes"


def _fail(batch: Batch, error: LogUnavailable) -> None:
    _fail_piles(batch, error)
    for _, future in batch.jobs:
        _fail_future(future, error)


def _fail_piles(batch: Batch, error: LogUnavailable) -> None:
    for pile in batch.piles.values():
        _fail_future(pile.future, error)


def _fail_future(future: asyncio.Future[Any], error: LogUnavailable) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # asked for, so that a caller who stopped waiting is no "never retrieved" in the log
