"""What of a replay's events is given to its entry next, and when. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from dispatcher import replay_cursor
from dispatcher.replay_cursor import Cursor
from schemas.record import TopicPartition
from store.replay_jobs import Job, Room
from store.replay_rows import Order
from store.replays import MAX_OPEN

PORTION = 50
"""Events of one transaction: their records may be large."""
# Events that were due this long ago and not given are given at once, and no more: what is slow or paused gets no flood.
_BURST = timedelta(seconds=2)


class Step(NamedTuple):
    """An event that is meant, and where to go on behind it."""

    at: TopicPartition
    next: int
    order: Order


@dataclass(frozen=True, slots=True)
class Page:
    """Events that were read and not given yet."""

    # How far the events before them were read.
    before: Cursor
    steps: Sequence[Step]
    # How far all of this was.
    after: Cursor

    def cursor(self, count: int) -> Cursor:
        """How far it is when so many of its events were given."""
        if count >= len(self.steps):
            return self.after
        return replay_cursor.passed(self.before, {step.at: step.next for step in self.steps[:count]})

    def rest(self, count: int) -> "Page":
        """What is left then."""
        return Page(self.cursor(count), self.steps[count:], self.after)

    def is_last(self, count: int) -> bool:
        """Whether nothing is left to read then."""
        return count >= len(self.steps) and replay_cursor.left(self.after) == 0


def allowance(job: Job, room: Room, now: datetime) -> int:
    """How many events may be given now.

    Not more than the store keeps of an entry, nor than the rate allows. With a rate not more wait for a worker than a
    moment brings, so that an entry that was paused goes on as slowly.
    """
    free = max(0, MAX_OPEN - room.open)
    if job.spacing is None:
        return free
    burst = _burst(job.spacing)
    next_at = _next_at(job, job.spacing, now)
    due = 0 if now < next_at else (now - next_at) // job.spacing + 1
    return max(0, min(free, due, burst - room.waiting))


def earliest_next(job: Job, now: datetime) -> datetime:
    """When the next event would have been due, had the entry kept up; each that is given moves it by the spacing."""
    if job.spacing is None:
        return now
    return max(_next_at(job, job.spacing, now), now - (_burst(job.spacing) - 1) * job.spacing)


def _next_at(job: Job, spacing: timedelta, now: datetime) -> datetime:
    """When the next event is due: now, if it seems to be later than it can be, for the clock was set back."""
    return now if job.next_at > now + spacing + _BURST else job.next_at


def _burst(spacing: timedelta) -> int:
    return max(1, _BURST // spacing)
