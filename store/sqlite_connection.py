"""aiosqlite with one trip to its thread per statement.

SQLAlchemy asks aiosqlite for a cursor, runs the statement, fetches and closes: four trips, each a wake-up of the thread
and one of the event loop. A save of a contact takes a third of the time with one. All results are small, or asked for
in pages, so fetching them at once costs no memory.

This leans on two private names of aiosqlite (`_execute`, `_thread`), which a test guards.
"""

import functools
import sqlite3
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import aiosqlite

# Seconds between two tries.
_PAUSE = 0.005


class Cursor:
    """The part of a cursor that SQLAlchemy uses."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        """Run a statement and fetch what it gives."""
        return await self._run(sqlite3.Cursor.execute, sql, parameters)

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Self:
        """Run a statement once for each set of parameters."""
        return await self._run(sqlite3.Cursor.executemany, sql, parameters)

    async def fetchall(self) -> list[Any]:
        """What the statement gave."""
        return self._rows

    async def close(self) -> None:
        """Nothing is open."""

    async def _run(self, statement: Any, sql: str, parameters: Any) -> Self:
        def run(raw: sqlite3.Cursor) -> None:
            try:
                statement(raw, sql, parameters)
                self._rows = raw.fetchall() if raw.description else []
                self.description, self.rowcount, self.lastrowid = raw.description, raw.rowcount, raw.lastrowid
            finally:
                raw.close()

        await self._connection.in_thread(run)
        return self


class Connection(aiosqlite.Connection):
    """A connection whose cursors are these."""

    def cursor(self) -> Cursor:  # type: ignore[override]  # SQLAlchemy is all that uses it
        """A cursor; no trip."""
        return Cursor(self)

    async def in_thread(self, run: Any) -> None:
        """Call a function of a raw cursor in the connection's thread."""
        await self._execute(lambda: run(self._conn.cursor()))  # type: ignore[no-untyped-call]  # aiosqlite's own


async def connect(path: Path, *, patience: timedelta) -> Connection:
    """Open a file.

    Args:
        path: the file.
        patience: how long a statement waits for another process's lock.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    connection = Connection(functools.partial(_open, path, patience.total_seconds()), iter_chunk_size=64)
    # A thread that waits for a lock must not keep the process from ending.
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does for connections it makes itself
    _ = await connection
    return connection


def _open(path: Path, patience: float) -> sqlite3.Connection:
    # Transactions begin when we say so (isolation_level None); the driver would begin one before the first write only.
    connection = sqlite3.connect(str(path), isolation_level=None, timeout=patience)
    try:
        _use_wal(connection, time.monotonic() + patience)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """Switch to the write-ahead log. SQLite does not wait for somebody else who is about to write, or to switch."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return
