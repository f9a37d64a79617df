"""Which replays of many events `until_empty` waits for: those of this log of which something comes."""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from dispatcher.equipment import Equipment
from dispatcher.settings import Entry
from store.replay_jobs import Job
from store.replay_rows import State


@dataclass(slots=True)
class ReplaysAwaited:
    """What was seen of them."""

    equipment: Equipment
    # Job → how it stood, and since when, in seconds.
    _seen: dict[int, tuple[Hashable, float]] = field(default_factory=dict)

    async def go_on(self, entries: Collection[Entry]) -> bool:
        """Whether a replay of these entries goes on.

        One of which nothing comes for longer than it may take is not expected to: its events wait for another attempt,
        as parked events do, or nobody takes them.

        Raises:
            EventLogError: the log failed.
            StoreError: the store failed.
        """
        jobs, mine = self.equipment.store.replay_jobs, {entry.name: entry for entry in entries}
        found = [job for job in await jobs.unfinished() if job.handler in mine]
        if not found:
            return False
        here, counts = await self.equipment.log.identity(), await jobs.counts([job.id for job in found])
        now = self.equipment.clock.monotonic()
        still = {job: self._still(job, counts[job.id], now) for job in found if job.log == here}
        return any(seconds < self._patience(job, mine[job.handler]) for job, seconds in still.items())

    def _still(self, job: Job, counts: Mapping[State, int], now: float) -> float:
        """For how many seconds nothing came of it."""
        stands = job.cursor, job.found, frozenset(counts.items())
        before, since = self._seen.get(job.id, ((), now))
        self._seen[job.id] = stands, since if stands == before else now
        return now - self._seen[job.id][1]

    def _patience(self, job: Job, entry: Entry) -> float:
        """An attempt lasts, the next one is due, or with a rate the next event."""
        longest = self.equipment.limits.lane_wait + entry.timeout + 2 * (job.spacing or timedelta())
        return longest.total_seconds()
