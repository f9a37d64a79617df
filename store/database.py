"""One database, and the two ways to call it: `read` and `write`, each over by its deadline.

A call runs as a task of its own. At its deadline, or when its caller is cancelled, the caller goes on at once and the
task is cancelled and left to give its connection back: a frozen server would hold a caller that waited for that too.
"""

import asyncio
import functools
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from store import sqlite_connection
from store.addresses import Address, PostgresAddress, SqliteAddress
from store.errors import StoreMisconfigured, StoreUnavailable
from store.files import inode
from store.foreign import FOREIGN, driver_error, is_repeatable, translate

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

DEADLINE = timedelta(seconds=5)
_TRIES = 3
_PAUSE = 0.001
# SQLite has one writer; readers of one process beyond a few only wait for the disk.
_SQLITE_CONNECTIONS = 4
_POSTGRES_CONNECTIONS = 10
# After the deadline SQLite, and PostgreSQL itself, stop trying: nothing is left behind that still wants to write.
_LEAVES_PATIENCE = 0.9


class Collision(Exception):
    """Raised by `work` when somebody else was faster: the transaction is rolled back and run again."""


class Database:
    """Connections to one database, and what every call to it has in common."""

    def __init__(self, address: Address, *, deadline: timedelta = DEADLINE, connections: int | None = None) -> None:
        self.address = address
        self.shared = isinstance(address, PostgresAddress)
        self._deadline = deadline
        self._engine = engine(address, patience=deadline * _LEAVES_PATIENCE, connections=connections)
        # On PostgreSQL one statement outside a transaction costs one round trip instead of three.
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT") if self.shared else self._engine
        # SQLite's own waiting for the one writer is polling without order; within a process this one is fair.
        self._writer: AbstractAsyncContextManager[object] = nullcontext() if self.shared else asyncio.Lock()
        # Of SQLite, for `column`; opened when it is first needed.
        self._querier: sqlite_connection.Connection | None = None
        self._querying = asyncio.Lock()
        self._calls: set[asyncio.Task[Any]] = set()
        self._stopped = False
        # When a deadline was missed last: connections of before may be dead without anybody having told us.
        self._doubt = float("-inf")
        # The SQLite file as it was at the first call.
        self._inode: tuple[int, int] | None = None
        if self.shared:
            event.listen(self._engine.sync_engine, "connect", self._connected)
            event.listen(self._engine.sync_engine, "checkout", self._checked_out)

    async def read(self, work: Work[T], *, deadline: timedelta | None = None) -> T:
        """Run statements that change nothing.

        Raises:
            StoreError: it failed, or was not over by its deadline.
        """
        return await self._bounded(self._read(work), deadline)

    async def column(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """The first column of one statement that changes nothing; the shortest way there is.

        Raises:
            StoreError: it failed, or was not over by its deadline.
        """
        run = self._column_here if isinstance(self.address, SqliteAddress) else self._column_there
        return await self._bounded(run(sql, tuple(parameters)), None)

    async def write(self, work: Work[T], *, deadline: timedelta | None = None) -> T:
        """Run one transaction; `work` is called again when it collided with another or its connection was dead.

        Raises:
            StoreError: it failed, or was not over by its deadline. It may have been committed all the same.
        """
        return await self._bounded(self._write(work), deadline)

    async def stop(self) -> None:
        """Let running calls end, then close the connections. Ends within twice the deadline in any case."""
        self._stopped = True
        limit = self._deadline.total_seconds()
        if self._calls:
            await asyncio.wait(self._calls, timeout=limit)
        self._keep(asyncio.create_task(self._engine.dispose()))
        if self._querier is not None:
            self._keep(asyncio.create_task(self._querier.close()))
        try:
            await asyncio.wait(self._calls, timeout=limit)
        finally:
            for task in self._calls:
                task.cancel()

    async def _bounded(self, call: Coroutine[Any, Any, T], deadline: timedelta | None) -> T:
        if self._stopped:
            call.close()
            raise StoreUnavailable(f"The store {self.address.shown} was stopped by this process.")
        try:
            self._check_file()
        except StoreMisconfigured:
            call.close()
            raise
        limit = deadline or self._deadline
        task = asyncio.create_task(call)
        self._keep(task)
        try:
            await asyncio.wait({task}, timeout=limit.total_seconds())
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done():
            return task.result()
        task.cancel()
        self._doubt = time.monotonic()
        raise StoreUnavailable(
            f"The store {self.address.shown} did not answer within {limit.total_seconds():g} s."
            " What was being written may still be."
        )

    def _check_file(self) -> None:
        """Notice that the file was replaced or removed: open connections would go on writing to what is gone."""
        if not isinstance(self.address, SqliteAddress):
            return
        now = inode(self.address.path)
        if self._inode is None:
            self._inode = now
        elif now != self._inode:
            raise StoreMisconfigured(
                f"The store's file {self.address.path} was {'removed' if now is None else 'replaced'} while it was in"
                " use. Stop every role before restoring a file, then start again."
            )

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._calls.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            # Looked at, so that the failure of an abandoned call is not reported as never retrieved.
            task.exception()

    def _connected(self, _: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info["connected_at"] = time.monotonic()

    def _checked_out(self, _: DBAPIConnection, record: ConnectionPoolEntry, __: object) -> None:
        # Else each idle connection would cost one more call its deadline. Ended, for closing it would ask the server.
        if record.info["connected_at"] <= self._doubt and record.driver_connection is not None:
            record.driver_connection.terminate()
            raise DisconnectionError

    async def _read(self, work: Work[T]) -> T:
        for last in (False, True):
            try:
                async with self._reader.connect() as connection:
                    return await work(connection)
            except FOREIGN as error:
                if last or not is_repeatable(error):
                    raise translate(error, self.address.shown) from driver_error(error)
        raise AssertionError("unreachable")

    async def _column_there(self, sql: str, parameters: tuple[object, ...]) -> list[Any]:
        async def work(connection: AsyncConnection) -> list[Any]:
            return list((await connection.exec_driver_sql(sql, parameters)).scalars())

        return await self._read(work)

    async def _column_here(self, sql: str, parameters: tuple[object, ...]) -> list[Any]:
        """On a connection of its own, and in one trip to its thread.

        SQLAlchemy makes one for each statement and one more to give the connection back. On a busy event loop each
        waits its turn, and again for the interpreter's lock.
        """
        try:
            async with self._querying:
                if self._querier is None:
                    assert isinstance(self.address, SqliteAddress)  # noqa: S101 - `column` has looked
                    patience = self._deadline * _LEAVES_PATIENCE
                    self._querier = await sqlite_connection.connect(self.address.path, patience=patience)
            found: list[Any] = []

            def run(cursor: sqlite3.Cursor) -> None:
                found.extend(row[0] for row in cursor.execute(sql, parameters))

            await self._querier.in_thread(run)
        except FOREIGN as error:
            raise translate(error, self.address.shown) from driver_error(error)
        return found

    async def _write(self, work: Work[T]) -> T:
        async with self._writer:
            collisions = failures = 0
            while True:
                done = False
                try:
                    async with self._engine.connect() as connection, connection.begin():
                        if not self.shared:
                            await connection.exec_driver_sql("BEGIN IMMEDIATE")
                        result = await work(connection)
                        done = True
                except Collision:
                    # Somebody else won each time, so this ends; the deadline ends it in any case.
                    collisions += 1
                    await asyncio.sleep(_PAUSE * collisions)
                except FOREIGN as error:
                    # Once the commit was sent nobody knows; before, nothing has happened.
                    failures += 1
                    if done or failures == _TRIES or not is_repeatable(error):
                        raise translate(error, self.address.shown) from driver_error(error)
                else:
                    return result


def engine(address: Address, *, patience: timedelta, connections: int | None = None) -> AsyncEngine:
    """SQLAlchemy's engine for an address; no I/O.

    Args:
        address: which database.
        patience: how long a statement may run or wait for a lock.
        connections: at most so many at once.
    """
    if isinstance(address, SqliteAddress):
        return _sqlite(address, patience, connections or _SQLITE_CONNECTIONS)
    return _postgres(address, patience, connections or _POSTGRES_CONNECTIONS)


def _sqlite(address: SqliteAddress, patience: timedelta, connections: int) -> AsyncEngine:
    made = create_async_engine(
        "sqlite+aiosqlite:///",
        async_creator=functools.partial(sqlite_connection.connect, address.path, patience=patience),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
    )

    @event.listens_for(made.sync_engine, "connect")
    def _prepare(connection: DBAPIConnection, record: object) -> None:
        del record
        cursor = connection.cursor()
        # FULL: a commit in the WAL is on the disk when it returns (https://www.sqlite.org/pragma.html#pragma_synchronous).
        for pragma in ("synchronous = FULL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return made


def _postgres(address: PostgresAddress, patience: timedelta, connections: int) -> AsyncEngine:
    milliseconds = str(int(patience.total_seconds() * 1000))
    connect = functools.partial(
        asyncpg.connect,
        address.dsn,
        timeout=patience.total_seconds(),
        server_settings={
            "application_name": "hookline",
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            # A worker frozen inside a transaction holds its locks no longer than this.
            "idle_in_transaction_session_timeout": milliseconds,
        },
    )
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
    )
