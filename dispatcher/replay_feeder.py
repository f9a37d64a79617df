"""Finds the events of replays and has them given to their entries: one task a process, one process a replay.

It writes rows that the owners of the events' partitions take (`replayer.py`). What was read and how far is one
transaction, so it may be killed anywhere, and whoever has the lease next goes on.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import structlog
from pydantic import ValidationError

from dispatcher import replay_cursor
from dispatcher.background import Background
from dispatcher.equipment import Equipment
from dispatcher.errors import describe
from dispatcher.reader import Wanted
from dispatcher.replay_feeding import PORTION, Page, allowance, earliest_next
from dispatcher.replay_reading import page, pick
from dispatcher.settings import Entry
from eventlog.errors import EventLogError
from store.errors import JobNotHeld, ReplaysFull, StoreError
from store.replay_jobs import Fed, Held, Job

log = structlog.get_logger()

LEASE = timedelta(seconds=10)
"""A process that was killed is followed by another after so long; one that reads a page takes less."""
# Seconds of work for a replay until the others have their turn.
_TURN = 2.0


@dataclass(slots=True, kw_only=True)
class ReplayFeeder:
    """Of one process."""

    equipment: Equipment
    # The entries that run here.
    entries: Callable[[], Mapping[str, Entry]]
    # Whether an entry is to stand still.
    stopped: Callable[[str], bool]
    holder: str = field(default_factory=lambda: str(uuid4()))
    # Job → what was read for it and not given yet.
    _pages: dict[int, Page] = field(default_factory=dict)
    _away: bool = False
    _task: Background = field(default_factory=lambda: Background("replay feeder"))

    def start(self) -> None:
        """Begin, in the running loop."""
        self._task.start(self._run())

    async def stop(self) -> None:
        """End; what was read and not written down is read again."""
        await self._task.stop()
        if self._pages:
            with contextlib.suppress(StoreError):
                await self.equipment.store.replay_jobs.release(self.holder)

    async def _run(self) -> None:
        while True:
            await self.look()
            await self.equipment.clock.sleep(self.equipment.limits.replays_every.total_seconds())

    async def look(self) -> None:
        """Give each replay its turn."""
        running = self.entries()
        entries = {name: entry for name, entry in running.items() if not self.stopped(name)}
        try:
            jobs = await self.equipment.store.replay_jobs.reading(sorted(entries)) if entries else []
            here = await self.equipment.log.identity() if jobs else ""
        except (StoreError, EventLogError) as error:
            self._tell([describe(error)])
            return
        self.equipment.metrics.jobs(running, [job.handler for job in jobs])
        self._pages = {job.id: self._pages[job.id] for job in jobs if job.id in self._pages}
        mine = [job for job in jobs if job.log == here]
        self._tell([trouble for job in mine if (trouble := await self._tried(job, entries[job.handler]))])

    def _tell(self, troubles: Sequence[str]) -> None:
        if troubles and not self._away:
            log.warning("replay.delayed", cause=troubles[0])
        self._away = bool(troubles)

    async def _tried(self, job: Job, entry: Entry) -> str:
        """Why a replay does not go on; empty when it does, or nothing is to be done."""
        try:
            await self._turn(job, entry)
        except (JobNotHeld, ReplaysFull):
            # another process goes on, or somebody asked for so many meanwhile
            self._pages.pop(job.id, None)
        except (StoreError, EventLogError, ValidationError) as error:
            return describe(error)
        return ""

    async def _turn(self, job: Job, entry: Entry) -> None:
        clock, jobs = self.equipment.clock, self.equipment.store.replay_jobs
        held, until = Held(job.id, self.holder), clock.monotonic() + _TURN
        claimed = await jobs.claim(held, now=clock.now(), until=clock.now() + LEASE)
        while claimed is not None and claimed.state == "reading" and clock.monotonic() < until:
            job = claimed
            may = allowance(job, await jobs.room(job.handler, job.id), clock.now())
            if may == 0:
                return
            claimed = await self._fed(held, job, await self._read(job, entry), min(may, PORTION))
        if claimed is not None and claimed.state == "read":
            log.info("replay.read", handler=job.handler, replay=job.id, found=claimed.found, skipped=claimed.skipped)

    async def _read(self, job: Job, entry: Entry) -> Page:
        """The page that is being given, or the next one."""
        known = self._pages.pop(job.id, None)
        if known is not None and known.steps and replay_cursor.encode(known.before) == job.cursor:
            return known
        renames = await self.equipment.store.entry_rows.renames()
        picked = pick(job, job.asked_at, Wanted.of(entry), renames)
        return await page(self.equipment.log, replay_cursor.decode(job.cursor), picked)

    async def _fed(self, held: Held, job: Job, found: Page, count: int) -> Job:
        """The replay after so many events of a page."""
        now = self.equipment.clock.now()
        fed = Fed(
            cursor=replay_cursor.encode(found.cursor(count)),
            over=found.is_last(count),
            next_at=earliest_next(job, now),
            held_until=now + LEASE,
        )
        orders = [step.order for step in found.steps[:count]]
        after = await self.equipment.store.replay_jobs.feed(held, orders, fed, now=now)
        self._pages[job.id] = found.rest(count)
        return after
