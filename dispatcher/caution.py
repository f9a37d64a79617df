"""Careful runs after a crash: the event that ends the process is found, and nobody beside it is convicted. Pure.

A crash does not say whose it was: many attempts were under way. So a partition that its last owner did not leave in
order is run with caution. What may have been under way is noted in the store before it is attempted again, and the note
goes when the attempt ends by itself. What is found noted was under way at another crash. When that happened twice it is
*suspect*: it runs alone in the whole process, and a crash then is its own. What crashed often enough alone is dead.
"""

from dataclasses import dataclass
from datetime import datetime

from dispatcher.outcome import Dead
from dispatcher.work import Firing, Received, Replayed, Work

SUSPECT = 2
"""Noted crashes after which an event runs alone. A worker that somebody kills again and again should not come to that:
its attempts end between two kills, while those beside an event that ends the process at once never do."""
MAX_ALONE = 3
"""Crashes of an event that runs alone, after which it is dead; fewer if its entry has fewer attempts."""


@dataclass(slots=True)
class Caution:
    """What may have been under way when a partition's last owner crashed, if it did."""

    # Records before this offset.
    until: int
    # Timers that were due by then.
    since: datetime
    # Item → at how many crashes it was noted.
    noted: dict[str, int]

    @property
    def suspects(self) -> int:
        """How many run alone."""
        return sum(map(is_suspect, self.noted.values()))

    def covers(self, work: Work) -> bool:
        """Whether an attempt is to be noted."""
        match work:
            case Received():
                return work.offset < self.until
            case Firing():
                return work.row.due <= self.since
            case _:
                # few, and taken from the store one by one in any case
                return True

    def crashes(self, work: Work) -> int:
        """At how many crashes it was noted."""
        return self.noted.get(item_of(work), 0)

    def clear(self, work: Work) -> None:
        """It ended by itself, or will never run again."""
        self.noted.pop(item_of(work), None)


def is_suspect(crashes: int) -> bool:
    """Whether what was noted at so many crashes runs alone."""
    return crashes >= SUSPECT


def item_of(work: Work) -> str:
    """What names an attempted thing in its partition, the same in every process."""
    match work:
        case Firing():
            return f"timer {work.row.firing}"
        case Replayed():
            return replay_item(work.replay.id)
        case _:
            return record_item(work.offset)


def record_item(offset: int) -> str:
    """What names an attempted record in its partition."""
    return f"record {offset}"


def replay_item(number: int) -> str:
    """What names an attempted replay in its partition."""
    return f"replay {number}"


def convicted(crashes: int, attempts: int) -> Dead | None:
    """Why an event is dead that was noted at so many crashes; None: it may be tried once more.

    Args:
        crashes: how often the process ended while it was attempted.
        attempts: how many attempts its entry has.
    """
    alone = crashes - SUSPECT
    if alone < min(MAX_ALONE, attempts):
        return None
    return Dead("crashed", f"the process ended {crashes} times while it was attempted, at last with nothing beside it")
