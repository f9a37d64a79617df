"""Retention and compaction, from time to time, and at once when the file is full."""

import asyncio
import sqlite3
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog

from eventlog.errors import LogUnavailable
from eventlog.sqlite_clock import Clock
from eventlog.sqlite_retention import compact, drop_aged, drop_for_space, drop_tombstones, laggards
from eventlog.sqlite_writer import Job, Writer, used_bytes

log = structlog.get_logger()

T = TypeVar("T")

# Above the first part of the bound settled records go before their age, down to the second.
_HIGH, _LOW = 0.95, 0.90

# While the log is in trouble it is tried so often, so that it is well again without an append.
_PROBE_SECONDS = 1.0


class Upkeep:
    """The task that keeps the file within its bounds."""

    def __init__(self, writer: Writer, clock: Clock, *, file_bytes: int, every: timedelta, name: str) -> None:
        self._writer = writer
        self._clock = clock
        self._file_bytes = file_bytes
        self._every = every.total_seconds()
        self._name = name

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            with suppress(LogUnavailable):  # the writer has noted it, and the next round tries again
                await self.once()
            await self._pause()

    async def once(self) -> None:
        """Drop everything that may go now.

        Raises:
            LogUnavailable: the file cannot be written.
        """
        if self._writer.trouble:
            await self._do(_probe)
        for job in (drop_aged, compact, drop_tombstones):
            while await self._do(partial(job, now_ms=self._clock.wall())):
                pass
        if await self._do(used_bytes) > _HIGH * self._file_bytes:
            await self._make_space()
        await self._writer.shorten()

    async def _do(self, job: Job[T]) -> T:
        """In a transaction of its own: damage that only retention meets must not fail an append."""
        return await self._writer.run(job, alone=True)

    async def _make_space(self) -> None:
        dropped = 0
        while await self._do(used_bytes) > _LOW * self._file_bytes:
            count = await self._do(partial(drop_for_space, now_ms=self._clock.wall()))
            if not count:
                break
            dropped += count
        self._writer.laggards = await self._do(laggards)
        if dropped:
            log.warning("log.trimmed", log=self._name, records=dropped, max_bytes=self._file_bytes)

    async def _pause(self) -> None:
        self._writer.crowded.clear()
        try:
            async with asyncio.timeout(_PROBE_SECONDS if self._writer.trouble else self._every):
                await self._writer.crowded.wait()
        except TimeoutError:
            return


def _probe(connection: sqlite3.Connection) -> None:
    """Write a page, so that a disk that is full or failing shows."""
    connection.execute("UPDATE topics SET compact = compact")
