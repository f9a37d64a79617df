"""Opening a SQLite file, in its log mode."""

import asyncio
import functools
import sqlite3
import time
from datetime import timedelta
from pathlib import Path

import aiosqlite

# Seconds between two tries.
_PAUSE = 0.005


async def connect(path: Path, *, patience: timedelta) -> aiosqlite.Connection:
    """Open a file for the event loop, with a trip to a thread for every step: for what is done once.

    Args:
        path: the file.
        patience: how long a statement waits for another process's lock.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    connection = aiosqlite.Connection(functools.partial(open_file, path, patience.total_seconds()), iter_chunk_size=64)
    # A thread that waits for a lock must not keep the process from ending.
    thread = connection._thread  # noqa: SLF001 - as SQLAlchemy does for connections it makes itself
    thread.daemon = True
    try:
        return await connection
    except sqlite3.Error:
        # It tells this loop of its end, which must not be closed by then.
        await asyncio.to_thread(thread.join)
        raise


def open_file(path: Path, patience: float) -> sqlite3.Connection:
    """Open a file; any thread may use the connection, one at a time.

    Args:
        path: the file.
        patience: how many seconds a statement waits for another process's lock.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    # Transactions begin when we say so (isolation_level None); the driver would begin one before the first write only.
    connection = sqlite3.connect(str(path), isolation_level=None, timeout=patience, check_same_thread=False)
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
