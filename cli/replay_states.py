"""What became of a replay of many events, for people and programs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from dispatcher import replay_cursor
from dispatcher.leftovers import elsewhere_told
from schemas.durations import in_words
from schemas.envelope import rfc3339
from store.replay_jobs import Job
from store.replay_rows import State

COLUMNS = ("id", "handler", "from", "state", "found", "waiting", "done", "dead", "skipped", "trimmed", "rate", "left")
"""What a person sees of each."""


Home: TypeAlias = Literal["here", "elsewhere", "unknown"]
"""Whether the event log of a replay is the one that is read; `unknown` while that one is away."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A replay, and how many of its events are in which state."""

    job: Job
    counts: Mapping[State, int]
    home: Home = "here"

    @property
    def open(self) -> int:
        """Events that were found and are not over."""
        return self.counts.get("waiting", 0) + self.counts.get("running", 0)

    @property
    def over(self) -> int:
        """Events that something came of."""
        return self.counts.get("done", 0) + self.counts.get("dead", 0)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.job.state != "reading" and not self.open

    @property
    def is_done(self) -> bool:
        """Whether it is over, and every event was handled that was to be."""
        return self.is_over and self.state == "done" and self.counts.keys() <= {"done"}

    @property
    def trimmed(self) -> int:
        """Records that the log had dropped before they were read: nobody knows how many of them were meant."""
        return replay_cursor.gone(replay_cursor.decode(self.job.cursor))

    @property
    def state(self) -> str:
        """reading, elsewhere, running, done, trimmed (over, and not all could be read) or cancelled.

        elsewhere: it has not read all its events, and their log is not read any more.
        """
        if self.job.state == "reading":
            return "elsewhere" if self.home == "elsewhere" else "reading"
        if self.job.state == "cancelled":
            return "cancelled"
        return "running" if self.open else "trimmed" if self.trimmed else "done"

    def left(self, now: datetime) -> timedelta | None:
        """About how long it takes from now on; None if nobody can tell yet."""
        if self.is_over:
            return timedelta()
        if self.job.state == "reading" and self.home != "here":
            return None
        cursor = replay_cursor.decode(self.job.cursor)
        looked, left = replay_cursor.looked(cursor), replay_cursor.left(cursor)
        if self.job.state == "reading" and not looked:
            return None
        taken = self.job.found - self.job.skipped
        todo = self.open + (taken * left / looked if looked else 0)
        if self.job.spacing is not None:
            return self.job.spacing * todo
        return (now - self.job.asked_at) * (todo / self.over) if self.over else None

    def row(self, now: datetime) -> dict[str, Any]:
        """For programs."""
        job, left = self.job, self.left(now)
        return {
            "id": job.id,
            "handler": job.handler,
            "from": job.reads,
            "state": self.state,
            "found": job.found,
            "waiting": self.counts.get("waiting", 0),
            "running": self.counts.get("running", 0),
            "done": self.counts.get("done", 0),
            "dead": self.counts.get("dead", 0),
            "skipped": job.skipped,
            "trimmed": self.trimmed,
            "cancelled": self.counts.get("cancelled", 0),
            "rate": None if job.spacing is None else round(1 / job.spacing.total_seconds(), 3),
            "seconds_left": None if left is None else round(left.total_seconds()),
            "redo_effects": job.redo_effects,
            "filters": job.filters,
            "asked_at": rfc3339(job.asked_at),
            "asked_by": job.by,
            "ended_at": None if job.ended_at is None else rfc3339(job.ended_at),
            "advice": self.advice or None,
        }

    def shown(self, now: datetime) -> dict[str, Any]:
        """For people."""
        row, left = self.row(now), self.left(now)
        waiting = row["waiting"] + row["running"]
        told = (
            ""
            if self.is_over
            else "unknown"
            if left is None
            else in_words(timedelta(seconds=round(left.total_seconds())))
        )
        return row | {"waiting": waiting, "rate": "" if row["rate"] is None else f"{row['rate']:g}/s", "left": told}

    @property
    def advice(self) -> str:
        """What to do about it, in a sentence; empty: nothing."""
        return elsewhere_told(self.job) if self.state == "elsewhere" else ""

    def summary(self) -> str:
        """What came of it, in a line."""
        words = {
            "done": self.counts.get("done", 0),
            "failed again": self.counts.get("dead", 0),
            "taken back": self.counts.get("cancelled", 0) + self.counts.get("discarded", 0),
            "under way": self.counts.get("running", 0),
            "waiting": self.counts.get("waiting", 0),
            "dropped by the log before they were read": self.trimmed,
        }
        return ", ".join(f"{count:,} {word}" for word, count in words.items() if count)
