"""A store in a SQLite file: readers side by side and one writer, in threads of their own.

A call is one trip to a thread, with all its statements. A trip each would wait for its turn on a busy event loop each
time, and again for the interpreter's lock.

**Group commit.** SQLite has one writer, and every commit waits for the disk. So what is asked for while a transaction
runs goes into the next one together. If something of it fails, all of it is rolled back and each is run alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import CursorResult
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import QueuePool

from store.addresses import SqliteAddress
from store.foreign import FOREIGN, driver_error, translate
from store.sqlite_connection import open_file
from store.transactions import Progress, Work, until_written

T = TypeVar("T")

# Calls of one transaction: each waits for all of them.
_GROUP = 100


@dataclass(frozen=True, slots=True)
class Written(Generic[T]):
    """What came of a call whose transaction is committed."""

    result: T


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call that waits for the next transaction."""

    work: Work[Any]
    # None: nothing of it happened, and it is to be run alone.
    answer: "asyncio.Future[Written[Any] | None]"


class SqliteFile:
    """See `Connections`."""

    def __init__(self, address: SqliteAddress, *, patience: timedelta, connections: int) -> None:
        self._shown = address.shown
        self.engine = engine(address, patience, connections)
        # Threads are started when they are needed.
        self._readers = ThreadPoolExecutor(max(1, connections - 1), thread_name_prefix="store-reader")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._asked: list[_Asked] = []
        self._writing = False

    async def read(self, work: Work[T]) -> T:
        """Run statements that change nothing."""
        return await self._look(partial(self._read, work))

    async def column(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        """The first column of one statement, past SQLAlchemy."""
        return await self._look(partial(self._column, sql, parameters))

    async def write(self, work: Work[T]) -> T:
        """Run a transaction, or a part of one."""
        asked = _Asked(work, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        if not self._writing:
            self._writing = True
            # others that are about to ask come along
            asyncio.get_running_loop().call_soon(self._go_on)
        try:
            written = await asked.answer
        except FOREIGN as error:
            raise translate(error, self._shown) from driver_error(error)
        return await until_written(partial(self._alone, work), self._shown) if written is None else written.result

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.get_running_loop().run_in_executor(self._writer, self.engine.dispose)
        for threads in (self._readers, self._writer):
            threads.shutdown(wait=False, cancel_futures=True)

    def doubt(self) -> None:
        """A file does not fall silent for one connection only."""

    # -- writing ------------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Begin the next transaction, if anybody still waits for one."""
        waiting = [asked for asked in self._asked if not asked.answer.done()]
        group, self._asked = waiting[:_GROUP], waiting[_GROUP:]
        self._writing = bool(group)
        if not group:
            return
        progress = Progress()
        transact = partial(self._transact, [asked.work for asked in group], progress)
        job = asyncio.get_running_loop().run_in_executor(self._writer, transact)
        job.add_done_callback(partial(self._answer, group, progress))

    def _answer(self, group: Sequence[_Asked], progress: Progress, job: "asyncio.Future[list[Any]]") -> None:
        error = None if job.cancelled() else job.exception()
        for place, asked in enumerate(group):
            if asked.answer.done():
                continue
            if job.cancelled():
                asked.answer.cancel()
            elif error is None:
                asked.answer.set_result(Written(job.result()[place]))
            elif progress.begun and not progress.sent:
                asked.answer.set_result(None)
            else:
                asked.answer.set_exception(error)
        self._go_on()

    async def _alone(self, work: Work[T], progress: Progress) -> T:
        loop = asyncio.get_running_loop()
        (result,) = await loop.run_in_executor(self._writer, partial(self._transact, [work], progress))
        return cast("T", result)

    def _transact(self, works: Sequence[Work[Any]], progress: Progress) -> list[Any]:
        with self.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            progress.begun = True
            results = [_ended(work, connection) for work in works]
            progress.sent = True
            return results

    # -- reading ------------------------------------------------------------------------------------------------------

    async def _look(self, job: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, job)
        except FOREIGN as error:
            raise translate(error, self._shown) from driver_error(error)

    def _read(self, work: Work[T]) -> T:
        with self.engine.connect() as connection:
            return _ended(work, connection)

    def _column(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        with closing(self.engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql, tuple(parameters))
            return [row[0] for row in cursor.fetchall()]


class _Here:
    """A connection as `Work` knows it, whose statements are over when they return: awaiting them waits for nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.exec_driver_sql(statement, parameters)

    async def run_sync(self, run: Callable[..., T], *arguments: Any) -> T:
        return run(self._connection, *arguments)


def _ended(work: Work[T], connection: Connection) -> T:
    """Run statements to their end, in this thread."""
    steps = work(cast("AsyncConnection", _Here(connection))).__await__()
    try:
        next(steps)
    except StopIteration as end:
        return cast("T", end.value)
    raise AssertionError("a transaction waits for nothing but its statements")


def engine(address: SqliteAddress, patience: timedelta, connections: int) -> Engine:
    """SQLAlchemy's engine for a file; no I/O."""
    made = create_engine(
        "sqlite://",
        creator=partial(open_file, address.path, patience.total_seconds()),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
    )
    event.listen(made, "connect", prepare)
    return made


def prepare(connection: DBAPIConnection, _: object) -> None:
    """What holds of every connection to a file."""
    cursor = connection.cursor()
    # FULL: a commit in the WAL is on the disk when it returns (https://www.sqlite.org/pragma.html#pragma_synchronous).
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
