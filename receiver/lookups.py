"""Asks the dedupe store about many deliveries at once, and never waits long for it.

A look-up that nobody waits for any more goes on: it may be opening a connection, and one to a server that takes longer
than our patience to let anybody in would never be opened. The store ends it at its own deadline; while all are late
only one a second is begun, so there are few of them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from store.errors import StoreError

log = structlog.get_logger()

Key = tuple[str, str]
"""(source, event id)"""

PATIENCE = timedelta(milliseconds=50)
# A store that fails, or is slow so many times in a row, is left alone for so long: all would wait for nothing.
_STRIKES = 3
# From the thread that has an answer to who asked for it, so many turns of the event loop.
_HOPS = 5
_PAUSE = 1.0


class _Batch:
    """The keys that are asked for together."""

    __slots__ = ("answered", "keys", "known", "opened")

    def __init__(self, opened: float) -> None:
        self.opened = opened
        self.keys: set[Key] = set()
        self.known: set[Key] = set()
        self.answered = asyncio.Event()


class Lookups:
    """One look-up that is waited for and one being filled.

    Args:
        known: the store's look-up.
        clock: the time of day, aware.
        patience: a key that is not answered within this time counts as new.
    """

    def __init__(
        self,
        known: Callable[[Sequence[Key], datetime], Awaitable[set[Key]]],
        *,
        clock: Callable[[], datetime],
        patience: timedelta = PATIENCE,
    ) -> None:
        self._known = known
        self._clock = clock
        self._patience = patience.total_seconds()
        self._open: _Batch | None = None
        self._running: asyncio.Task[None] | None = None
        # Look-ups that go on without anybody who waits.
        self._late: set[asyncio.Future[set[Key]]] = set()
        self._paused_until = 0.0
        # Slow answers in a row.
        self._slow = 0
        self.degraded = False

    async def known(self, keys: Iterable[Key]) -> set[Key]:
        """Those of the keys that the store knows; none of them when it is away or slow."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._paused_until:
            return set()
        if self._open is None:
            self._open = _Batch(loop.time())
        batch = self._open
        batch.keys.update(keys)
        if self._running is None:
            self._running = loop.create_task(self._run())
        await batch.answered.wait()
        return batch.known

    async def stop(self) -> None:
        """Wait for what is waited for, and end the rest; takes no longer than the patience of two batches."""
        if self._running is not None:
            await self._running
        for asking in self._late:
            asking.cancel()
        if self._late:
            await asyncio.wait(self._late)

    async def _run(self) -> None:
        try:
            while (batch := self._open) is not None:
                self._open = None
                await self._ask(batch)
        finally:
            self._running = None

    async def _ask(self, batch: _Batch) -> None:
        # Counted from the first key: whoever waited for the batch before has waited already.
        left = batch.opened + self._patience - asyncio.get_running_loop().time()
        asking = asyncio.ensure_future(self._known(list(batch.keys), self._clock()))
        try:
            await asyncio.wait({asking}, timeout=max(0.0, left))
            # Where this loop was what was busy, the answer is here by now and has yet to be passed on.
            for _ in range(_HOPS):
                if not asking.done():
                    await asyncio.sleep(0)
            self._judge(batch, asking)
        finally:
            batch.answered.set()
            if not asking.done():
                self._late.add(asking)
                asking.add_done_callback(self._forget)

    def _forget(self, asked: asyncio.Future[set[Key]]) -> None:
        self._late.discard(asked)
        if not asked.cancelled():
            # Looked at, so that its failure is not reported as never retrieved.
            asked.exception()

    def _judge(self, batch: _Batch, asked: asyncio.Future[set[Key]]) -> None:
        if not asked.done():
            # One slow answer is a busy moment, and no reason to miss copies for a second.
            self._slow += 1
            if self._slow >= _STRIKES:
                self._leave_alone("slow")
            return
        try:
            batch.known = asked.result()
        except StoreError as error:
            self._leave_alone(type(error).__name__)
        else:
            self._slow = 0
            self._turn(degraded=False)

    def _leave_alone(self, cause: str) -> None:
        self._paused_until = asyncio.get_running_loop().time() + _PAUSE
        self._turn(degraded=True, cause=cause)

    def _turn(self, *, degraded: bool, cause: str = "") -> None:
        if degraded and not self.degraded:
            log.warning("dedupe.degraded", cause=cause, next="deliveries are accepted without looking for copies")
        elif self.degraded and not degraded:
            log.info("dedupe.recovered")
        self.degraded = degraded
