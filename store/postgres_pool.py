"""A store on a PostgreSQL server: a pool of connections, each driven by the event loop."""

import functools
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from store.addresses import PostgresAddress
from store.foreign import FOREIGN, driver_error, is_repeatable, translate
from store.transactions import Progress, Work, until_written

T = TypeVar("T")


class PostgresPool:
    """See `Connections`."""

    def __init__(self, address: PostgresAddress, *, patience: timedelta, connections: int) -> None:
        self._shown = address.shown
        self._engine = engine(address, patience, connections)
        # One statement outside a transaction costs one round trip instead of three.
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        # When a deadline was missed last: connections of before may be dead without anybody having told us.
        self._doubt = float("-inf")
        event.listen(self._engine.sync_engine, "connect", self._connected)
        event.listen(self._engine.sync_engine, "checkout", self._checked_out)

    async def read(self, work: Work[T]) -> T:
        """Run statements that change nothing, once more if the connection was dead."""
        for last in (False, True):
            try:
                async with self._reader.connect() as connection:
                    return await work(connection)
            except FOREIGN as error:
                if last or not is_repeatable(error):
                    raise translate(error, self._shown) from driver_error(error)
        raise AssertionError("unreachable")

    async def column(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        """The first column of one statement."""

        async def work(connection: AsyncConnection) -> list[Any]:
            return list((await connection.exec_driver_sql(sql, tuple(parameters))).scalars())

        return await self.read(work)

    async def write(self, work: Work[T]) -> T:
        """Run a transaction."""

        async def transact(progress: Progress) -> T:
            async with self._engine.connect() as connection, connection.begin():
                result = await work(connection)
                progress.sent = True
                return result

        return await until_written(transact, self._shown)

    async def close(self) -> None:
        """Close the idle connections."""
        await self._engine.dispose()

    def doubt(self) -> None:
        """Have connections of before replaced."""
        self._doubt = time.monotonic()

    def _connected(self, _: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info["connected_at"] = time.monotonic()

    def _checked_out(self, _: DBAPIConnection, record: ConnectionPoolEntry, __: object) -> None:
        # Else each idle connection would cost one more call its deadline. Ended, for closing it would ask the server.
        if record.info["connected_at"] <= self._doubt and record.driver_connection is not None:
            record.driver_connection.terminate()
            raise DisconnectionError


def engine(address: PostgresAddress, patience: timedelta, connections: int) -> AsyncEngine:
    """SQLAlchemy's engine for a server; no I/O."""
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
