"""Tells of rows that nobody will ever take.

They are of entries that are not configured, in topics that these read no more, or replays of another log.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog

from dispatcher.equipment import Equipment
from dispatcher.errors import describe
from eventlog.errors import EventLogError
from store.entry_rows import Unread
from store.errors import StoreError
from store.replay_jobs import Job

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Of one process's configuration."""

    equipment: Equipment
    # The entries that run, and the topics they read.
    reads: Callable[[], Mapping[str, Collection[str]]] = dict

    async def look(self) -> None:
        """Look for them, and tell; nothing is told while the store is away, or nobody said what is configured."""
        configured = self.equipment.configured
        if configured is None:
            return
        try:
            rows, reads = self.equipment.store.entry_rows, self.reads()
            found = await rows.left(configured)
            unread = await rows.unread(reads) if reads else {}
            jobs = await self._elsewhere(reads)
        except (StoreError, EventLogError) as error:
            log.warning("leftovers.unknown", cause=describe(error))
            return
        self.equipment.metrics.left({**{entry: one.kept for entry, one in unread.items()}, **found})
        for entry, kept in found.items():
            log.warning("entry.missing", handler=entry, waiting=told(kept), advice=advice(entry))
        for entry, one in unread.items():
            waiting, todo = told(one.kept), unread_advice(entry)
            log.warning("rows.unread", handler=entry, topics=list(one.topics), waiting=waiting, advice=todo)
        for job in jobs:
            log.warning("replay.elsewhere", handler=job.handler, replay=job.id, advice=elsewhere_advice(job))

    async def _elsewhere(self, entries: Collection[str]) -> Sequence[Job]:
        jobs = await self.equipment.store.replay_jobs.reading(sorted(entries)) if entries else []
        here = await self.equipment.log.identity() if jobs else ""
        return [job for job in jobs if job.log != here]


def elsewhere_advice(job: Job) -> str:
    """What to do about a replay of another log, in a sentence for people."""
    return (
        "it goes on when [eventlog] url names that log again; if its events are to be left there, "
        f"`hookline replay cancel {job.id}`"
    )


def elsewhere_told(job: Job) -> str:
    """Where a replay stands that reads another log, and what to do."""
    return f"it is of {job.handler}, and has not read its events yet, of another event log: {elsewhere_advice(job)}"


def told(kept: Mapping[str, int]) -> str:
    """What waits, in words."""
    return ", ".join(f"{count:,} {word}" for word, count in kept.items())


def unread_advice(entry: str) -> str:
    """What to do about rows in topics that an entry does not read, in a sentence for people."""
    return (
        "have its handler read them again, by a type of theirs in `on=` or the prefix they had; if nobody needs it, "
        f"stop all workers and run `hookline handlers forget {entry} --unread`: it becomes dead letters"
    )


def unread_told(entry: str, unread: Unread) -> str:
    """What waits for an entry in topics that it does not read, and what to do."""
    waits = f"it does not read {', '.join(unread.topics)}, where {told(unread.kept)} wait for it"
    return f"{waits}: {unread_advice(entry)}"


def advice(entry: str) -> str:
    """What to do about an entry that is not configured, in a sentence for people."""
    return (
        f"configure it again; if it has another name now, `hookline handlers rename {entry} NEW`; if nobody needs it, "
        f"`hookline handlers forget {entry}`"
    )
