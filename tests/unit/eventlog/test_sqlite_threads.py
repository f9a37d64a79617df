"""Threads with connections of their own."""

import asyncio
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from eventlog.errors import LogUnavailable
from eventlog.sqlite_schema import connect, prepare
from eventlog.sqlite_threads import Connections

STOPS = timedelta(seconds=10)


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM topics").fetchone()[0])


async def test_jobs_run_elsewhere(tmp_path: Path) -> None:
    """SQLite blocks another thread than the event loop's, always the same."""
    prepare(tmp_path / "events.db")
    connections = Connections(tmp_path / "events.db", "test")
    ran = [await connections.run(lambda _: threading.current_thread().name) for _ in range(3)]
    assert ran == ["eventlog-test_0"] * 3
    await connections.close(STOPS)


async def test_it_ends_without_the_loops_threads(tmp_path: Path) -> None:
    """A plugin may have shut them down, which is no reason to leave connections open."""
    prepare(tmp_path / "events.db")
    connections = Connections(tmp_path / "events.db", "test")
    assert await connections.run(count) == 0
    await asyncio.get_running_loop().shutdown_default_executor()
    await connections.close(STOPS)
    assert not connections._all


async def test_a_failed_job_leaves_no_transaction_open(tmp_path: Path) -> None:
    """A lock met in the middle of a transaction ends it, and the next job begins anew."""
    path = tmp_path / "events.db"
    prepare(path)
    connections, other = Connections(path, "test"), connect(path)
    other.execute("BEGIN IMMEDIATE")

    def locked(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("BEGIN")
        count(connection)
        connection.execute("DELETE FROM topics")

    with pytest.raises(LogUnavailable, match="was locked by another program"):
        await connections.run(locked)
    assert await connections.run(lambda connection: connection.in_transaction) is False
    other.close()
    await connections.close(STOPS)


async def test_after_close_nothing_runs(tmp_path: Path) -> None:
    """A late caller is told that the log was stopped."""
    prepare(tmp_path / "events.db")
    connections = Connections(tmp_path / "events.db", "test")
    assert await connections.run(count) == 0
    await connections.close(STOPS)
    with pytest.raises(LogUnavailable, match="was stopped"):
        await connections.run(count)


async def test_closing_ends_in_time(tmp_path: Path) -> None:
    """A job that hangs in the disk does not hold up the end of the process's work."""
    prepare(tmp_path / "events.db")
    connections, gate = Connections(tmp_path / "events.db", "test"), threading.Event()
    task = asyncio.create_task(connections.run(lambda _: gate.wait(30)))
    await asyncio.sleep(0)
    began = asyncio.get_running_loop().time()
    await connections.close(timedelta(milliseconds=50))
    assert asyncio.get_running_loop().time() - began < 10
    gate.set()
    assert await task is True
