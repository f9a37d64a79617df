"""Polls one source, round after round, as long as no other process does.

poller = Poller(work, ask)
await poller.once()          # one round; raises what went wrong
await poller.run(stopping)   # rounds until told to stop; tells what went wrong and goes on
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from clients.errors import ClientError
from eventlog.errors import EventLogError
from receiver.polling.publishing import Published
from receiver.polling.rounds import Asking, Round
from store.errors import PollNotHeld, StoreError
from store.polls import Polled

log = structlog.get_logger()

FAILURES: Final = (ClientError, StoreError, EventLogError, TimeoutError)
"""What may go wrong in a round, and be over in a later one."""

# A process that froze or died is followed by another one after this time; it is kept by renewing it in time.
LEASE: Final = timedelta(minutes=2)
_RENEW: Final = LEASE.total_seconds() / 4
# Where only a person can help (credit used up), asking goes on slowly.
_PARKED: Final = 900.0
# After a failure the pause doubles up to so many intervals.
_SLOWEST: Final = 10
# News that is older than so many intervals, or than this, is told of.
_STALE_ROUNDS: Final = 5
_STALE: Final = timedelta(minutes=5)


def patience(interval: timedelta) -> timedelta:
    """How old the news of a source may be before it is told of."""
    return max(_STALE_ROUNDS * interval, _STALE)


@dataclass(slots=True)
class Standing:
    """How the polling of a source stands."""

    source: str
    # The end of the last round of ours that went well.
    polled_at: datetime | None = None
    # Why the last round failed; empty if it did not.
    trouble: str = ""
    # Another process polls.
    standby: bool = False
    rounds: int = 0
    failures: int = 0


class Poller:
    """Polls one source.

    Args:
        work: what its rounds work with.
        ask: the platform's way.
        told: called after each round that went well.
    """

    def __init__(self, work: Round, ask: Asking, told: Callable[[str, Published], None] | None = None) -> None:
        self._work = work
        self._ask = ask
        self._told = told
        self._interval = work.source.poll.interval
        self._begun = work.clock()
        # Whether it was told that another process polls.
        self._awaits = False
        self.standing = Standing(work.source.name)

    async def run(self, stopping: asyncio.Event) -> None:
        """Poll until told to stop; a round that runs then is broken off, which loses nothing."""
        try:
            while not stopping.is_set():
                pause = await self._round(stopping)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), pause)
        finally:
            await self.release()

    async def once(self) -> Published | None:
        """Poll one round; None if another process polls this source.

        Raises:
            ClientError, StoreError, EventLogError, TimeoutError: what went wrong.
        """
        work, standing = self._work, self.standing
        polled = await self._claim()
        standing.standby = polled is None
        if polled is None:
            return None
        async with self._renewing():
            found = await self._ask(work, polled)
        await work.polls.finished(work.held, work.clock())
        standing.polled_at, standing.trouble, standing.rounds = work.clock(), "", standing.rounds + 1
        if self._told is not None:
            self._told(work.source.name, found)
        return found

    async def release(self) -> None:
        """Let another process poll at once; without the store it has to wait for the end of the lease."""
        with suppress(StoreError):
            await self._work.polls.release(self._work.held)

    @property
    def stale(self) -> str:
        """Why news of the source may be missing; empty while all is well, or another process polls."""
        standing = self.standing
        age = self._work.clock() - (standing.polled_at or self._begun)
        if standing.standby or age <= patience(self._interval):
            return ""
        return f"{standing.source}: not polled for {age.total_seconds():.0f} s: {standing.trouble or 'no round ended'}"

    async def _claim(self) -> Polled | None:
        """Take or keep the lease, from one round to the next."""
        now = self._work.clock()
        return await self._work.polls.claim(self._work.held, now=now, until=now + self._interval + LEASE)

    async def _round(self, stopping: asyncio.Event) -> float:
        """Poll one round and return how many seconds to pause."""
        polling = asyncio.ensure_future(self.once())
        ending = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait({polling, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (polling, ending):
                task.cancel()
            await asyncio.wait({polling, ending})
        if polling.cancelled():
            return 0.0
        try:
            found = polling.result()
        except PollNotHeld:
            self.standing.standby = True
        except FAILURES as error:
            return self._failed(error)
        else:
            self._succeeded(found)
        return self._interval.total_seconds()

    def _succeeded(self, found: Published | None) -> None:
        if self.standing.failures:
            log.info("poll.recovered", source=self.standing.source)
        self.standing.failures = 0
        if found is None and not self._awaits:
            log.info("poll.awaited", source=self.standing.source)
        self._awaits = found is None
        if found is not None and (found.new or found.quarantined):
            log.info(
                "poll.published",
                source=self.standing.source,
                events=found.new,
                known=found.known,
                quarantined=found.quarantined,
            )

    def _failed(self, error: Exception) -> float:
        standing = self.standing
        standing.trouble = str(error) or type(error).__name__
        standing.failures += 1
        pause = self._interval.total_seconds() * min(1 << min(standing.failures - 1, 9), _SLOWEST)
        if isinstance(error, ClientError):
            pause = max(pause, error.retry_after or 0.0, _PARKED if error.parked else 0.0)
        if standing.failures == 1:
            log.warning("poll.failed", source=standing.source, cause=standing.trouble, again_in=round(pause))
        return pause

    @asynccontextmanager
    async def _renewing(self) -> AsyncIterator[None]:
        """Keep the lease while a round runs."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(_RENEW)
                # A store that is away, or another process that took over, is found out by the next write.
                with suppress(StoreError):
                    await self._claim()

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
