"""What was decided on dead letters, to look up what became of one. Pure."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from store.replay_rows import LetterName, Mark


class Decisions:
    """Decisions, by the letters they are on.

    A decision on a letter holds for the letters of its event and entry that stand before it: a worker that was killed
    after it wrote a letter writes it again.
    """

    def __init__(self, marks: Iterable[Mark], parked: Collection[bytes] = ()) -> None:
        """Of these marks.

        Args:
            marks: what was decided.
            parked: the slots of letters whose events are parked: they are tried again by themselves.
        """
        # Not by the entry: one that was renamed took what was decided along, and its letters kept its name.
        self._exact: dict[bytes, Mark] = {}
        self._parked = parked
        self._of_event: dict[tuple[str, str, str], list[Mark]] = {}
        # The sets of events that each event was asked for with.
        self._jobs: set[tuple[tuple[str, str, str], int]] = set()
        for mark in marks:
            self._exact[mark.letter.slot] = mark
            if not mark.letter.event_id:
                continue
            if mark.job is not None:
                self._jobs.add((event_of(mark.letter), mark.job))
            if mark.state != "cancelled":
                self._of_event.setdefault(event_of(mark.letter), []).append(mark)

    def on(self, letter: LetterName) -> Mark | None:
        """What was decided on a letter; None: nothing."""
        same = self._of_event.get(event_of(letter), ())
        later = (mark for mark in same if _stands_before(letter, mark.letter))
        return self._exact.get(letter.slot) or next(later, None)

    def allow(self, letter: LetterName, job: int | None = None) -> bool:
        """Whether a letter may be replayed with a set of events.

        Nobody decided on it, the set has not its event, and that is not parked.

        What died again is another letter, and stands behind what the set is read up to.
        """
        mark = self.on(letter)
        undecided = mark is None or mark.state == "cancelled"
        return undecided and letter.slot not in self._parked and (event_of(letter), job) not in self._jobs


class Rename(NamedTuple):
    """An entry that was given another name."""

    old: str
    renamed_at: datetime
    # What it is called now.
    handler: str


def called_now(name: str, failed_at: str, renames: Iterable[Rename]) -> str:
    """What the entry is called now that a letter names; the name itself if it was not renamed since."""
    failed = time_of(failed_at)
    later = (each for each in renames if each.old == name and failed is not None and failed <= each.renamed_at)
    first = min(later, key=lambda each: each.renamed_at, default=None)
    return name if first is None else first.handler


def event_of(name: LetterName) -> tuple[str, str, str]:
    """What all letters of an event have in common that an entry gave up."""
    return name.handler, name.source, name.event_id


def time_of(text: str) -> datetime | None:
    """A time as a letter says it; None if it says none."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None


def _stands_before(one: LetterName, other: LetterName) -> bool:
    """Whether a letter is an earlier one; not if its place is that of a letter in a log that is gone."""
    failed, failed_other = time_of(one.failed_at), time_of(other.failed_at)
    if failed is None or failed_other is None or one.at != other.at:
        return False
    return one.offset < other.offset and failed <= failed_other
