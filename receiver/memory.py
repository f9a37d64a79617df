"""Ids that are durable in the log and on their way to the dedupe store."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from itertools import islice

import structlog

from receiver.lookups import Key
from store.errors import StoreError

log = structlog.get_logger()

Entry = tuple[str, str, datetime]
"""(source, event id, when it expires)"""

# About 30 MB of ids: an hour of a store's absence at 25 events a second. Beyond it the oldest are forgotten.
MAX_PENDING = 100_000
_BATCH = 1_000
_PAUSE = 1.0


class Memory:
    """Writes ids in batches, again until the store takes them; until then it knows them itself.

    Args:
        remember: the store's write; may be repeated.
        clock: the time of day, aware.
        max_pending: how many ids may wait.
    """

    def __init__(
        self,
        remember: Callable[[Sequence[Entry], datetime], Awaitable[None]],
        *,
        clock: Callable[[], datetime],
        max_pending: int = MAX_PENDING,
    ) -> None:
        self._remember = remember
        self._clock = clock
        self._max_pending = max_pending
        # In order of arrival: the oldest are written, and forgotten, first.
        self._pending: dict[Key, datetime] = {}
        self._writer: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        # Whether the store did not take what it was given last.
        self.failing = False

    def __contains__(self, key: Key) -> bool:
        return key in self._pending

    def add(self, key: Key, expires: datetime) -> None:
        """Take on an id whose record is durable."""
        self._pending[key] = expires
        if len(self._pending) > self._max_pending:
            del self._pending[next(iter(self._pending))]
        if self._writer is None and not self._stopping.is_set():
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def stop(self, timeout: timedelta) -> bool:
        """Write what is pending, within the timeout; what the store does not take by then is forgotten.

        Returns:
            Whether all of it was written.
        """
        self._stopping.set()
        if (writer := self._writer) is not None:
            await asyncio.wait([writer], timeout=timeout.total_seconds())
            writer.cancel()
            await asyncio.wait([writer])
        return not self._pending

    async def _write(self) -> None:
        try:
            while self._pending:
                batch = dict(islice(self._pending.items(), _BATCH))
                try:
                    await self._remember([(*key, expires) for key, expires in batch.items()], self._clock())
                except StoreError as error:
                    self._turn(failing=True, cause=type(error).__name__)
                    if self._stopping.is_set():
                        return
                    await self._pause()
                else:
                    self._turn(failing=False)
                    for key in batch:
                        self._pending.pop(key, None)
        finally:
            self._writer = None

    def _turn(self, *, failing: bool, cause: str = "") -> None:
        if failing and not self.failing:
            log.warning("dedupe.degraded", cause=cause, next="ids are kept until they can be written")
        elif self.failing and not failing:
            log.info("dedupe.recovered")
        self.failing = failing

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_PAUSE):
                await self._stopping.wait()
        except TimeoutError:
            return
