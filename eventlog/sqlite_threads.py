"""Threads with connections: SQLite blocks, the event loop must not."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from eventlog.errors import LogUnavailable
from eventlog.sqlite_damage import Damage
from eventlog.sqlite_errors import is_harmless, unavailable
from eventlog.sqlite_schema import connect

T = TypeVar("T")


class Connections:
    """Some threads, each with a connection of its own to the same file."""

    def __init__(
        self, path: Path, name: str, *, damage: Damage | None = None, threads: int = 1, read_only: bool = False
    ) -> None:
        self._path = path
        self._damage = damage or Damage(path)
        self._read_only = read_only
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"eventlog-{name}")
        self._own = threading.local()
        self._all: set[_Opened] = set()
        self._closed = False

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job on one of the connections.

        Raises:
            LogUnavailable: SQLite failed; nothing of the job's open transaction counts.
        """
        if self._closed:
            raise LogUnavailable(f"the event log in {self._path} was stopped")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, partial(self._call, job))
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error

    async def close(self, timeout: timedelta) -> None:
        """Let running jobs end, as long as the timeout allows, and close the connections."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        # the loop's threads are everybody's, and a plugin may have shut them down
        closer = ThreadPoolExecutor(1, thread_name_prefix="eventlog-closer")
        closed = asyncio.get_running_loop().run_in_executor(closer, self._close)
        closer.shutdown(wait=False)
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                await closed
        except TimeoutError:
            return  # a job hangs in the disk; its thread ends with it, and so does its connection

    def _close(self) -> None:
        self._pool.shutdown()
        while self._all:
            self._all.pop().connection.close()

    def _call(self, job: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._current()
        try:
            return job(connection)
        except sqlite3.Error as error:
            self._damage.met(error, self._inode())
            if not is_harmless(error):
                self._discard()  # after a failed write or damage nothing it remembers can be trusted
            elif connection.in_transaction:
                connection.rollback()
            raise

    def _current(self) -> sqlite3.Connection:
        """This thread's connection, made anew when the file is not the one it was opened on.

        Whoever moves or removes the file would otherwise let us acknowledge records nobody can find.
        """
        opened: _Opened | None = getattr(self._own, "opened", None)
        inode = self._inode()
        if opened is not None and opened.inode == inode:
            return opened.connection
        self._discard()
        self._damage.opened(inode)
        opened = _Opened(connect(self._path, read_only=self._read_only), inode)
        self._own.opened = opened
        self._all.add(opened)
        return opened.connection

    def _discard(self) -> None:
        opened: _Opened | None = getattr(self._own, "opened", None)
        if opened is not None:
            self._own.opened = None
            self._all.discard(opened)
            opened.connection.close()

    def _inode(self) -> int:
        try:
            return self._path.stat().st_ino
        except OSError as error:
            raise LogUnavailable(
                f"{self._path} is gone ({error.strerror}) while the event log was in use: put it back;"
                " nothing is acknowledged until then"
            ) from error


class _Opened:
    """A connection and the file it was opened on."""

    __slots__ = ("connection", "inode")

    def __init__(self, connection: sqlite3.Connection, inode: int) -> None:
        self.connection = connection
        self.inode = inode
