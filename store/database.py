"""One database, and the two ways to call it: `read` and `write`, each over by its deadline.

A call runs as a task of its own. At its deadline, or when its caller is cancelled, the caller goes on at once and the
task is cancelled and left to give its connection back: a frozen server would hold a caller that waited for that too.
"""

import asyncio
import functools
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from store import postgres_pool, sqlite_connection, sqlite_file
from store.addresses import Address, SqliteAddress
from store.errors import StoreMisconfigured, StoreUnavailable
from store.files import inode
from store.settings import DEADLINE
from store.transactions import Collision, Connections, Work

__all__ = ["DEADLINE", "Collision", "Database", "Work", "engine"]

T = TypeVar("T")

_SQLITE_CONNECTIONS = 4
_POSTGRES_CONNECTIONS = 10
# After the deadline SQLite, and PostgreSQL itself, stop trying: nothing is left behind that still wants to write.
_LEAVES_PATIENCE = 0.9


class Database:
    """Connections to one database, and what every call to it has in common."""

    def __init__(self, address: Address, *, deadline: timedelta = DEADLINE, connections: int | None = None) -> None:
        self.address = address
        self.shared = not isinstance(address, SqliteAddress)
        self._deadline = deadline
        self._connections = _connections(address, deadline * _LEAVES_PATIENCE, connections)
        self._calls: set[asyncio.Task[Any]] = set()
        self._stopped = False
        # The SQLite file as it was at the first call.
        self._inode: tuple[int, int] | None = None

    async def read(self, work: Work[T], *, deadline: timedelta | None = None) -> T:
        """Run statements that change nothing.

        Raises:
            StoreError: it failed, or was not over by its deadline.
        """
        return await self._bounded(self._connections.read(work), deadline)

    async def column(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """The first column of one statement that changes nothing; the shortest way there is.

        Raises:
            StoreError: it failed, or was not over by its deadline.
        """
        return await self._bounded(self._connections.column(sql, parameters), None)

    async def write(self, work: Work[T], *, deadline: timedelta | None = None) -> T:
        """Run one transaction; `work` is called again when it failed with others, collided or lost its connection.

        Raises:
            StoreError: it failed, or was not over by its deadline. It may have been committed all the same.
        """
        return await self._bounded(self._connections.write(work), deadline)

    async def stop(self) -> None:
        """Let running calls end, then close the connections. Ends within twice the deadline in any case."""
        self._stopped = True
        limit = self._deadline.total_seconds()
        if self._calls:
            await asyncio.wait(self._calls, timeout=limit)
        self._keep(asyncio.create_task(self._connections.close()))
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
        self._connections.doubt()
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


def _connections(address: Address, patience: timedelta, most: int | None) -> Connections:
    if isinstance(address, SqliteAddress):
        return sqlite_file.SqliteFile(address, patience=patience, connections=most or _SQLITE_CONNECTIONS)
    return postgres_pool.PostgresPool(address, patience=patience, connections=most or _POSTGRES_CONNECTIONS)


def engine(address: Address, *, patience: timedelta) -> AsyncEngine:
    """SQLAlchemy's engine for an address, with one connection, for what is done once; no I/O.

    Args:
        address: which database.
        patience: how long a statement may run or wait for a lock.
    """
    if not isinstance(address, SqliteAddress):
        return postgres_pool.engine(address, patience, 1)
    made = create_async_engine(
        "sqlite+aiosqlite:///",
        async_creator=functools.partial(sqlite_connection.connect, address.path, patience=patience),
        poolclass=StaticPool,
        hide_parameters=True,
    )
    event.listen(made.sync_engine, "connect", sqlite_file.prepare)
    return made
