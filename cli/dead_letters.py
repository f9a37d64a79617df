"""Dead letters as the log holds them, made readable, with what somebody decided on them."""

import heapq
import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, TypeAlias

from cli.output import printable
from cli.overtaken import read_on
from cli.records import as_object
from dispatcher import dead
from eventlog.log import EventLog
from schemas.record import StoredRecord, TopicPartition
from store.decisions import Decisions, Rename, called_now, event_of, time_of
from store.replay_rows import LetterName, Mark, State

CaseState: TypeAlias = Literal["open"] | State
"""What became of a letter; `open`: nobody has decided on it."""
OVER = frozenset({"done", "dead", "discarded"})
"""The states of letters that are dealt with. One that died again is: another letter tells of that."""


@dataclass(frozen=True)
class Letter:
    """One dead letter."""

    record: StoredRecord
    # The names that entries had before.
    renames: Sequence[Rename] = ()
    # The identity of the event log that holds it.
    home: str = ""

    @cached_property
    def name(self) -> LetterName:
        """What names it."""
        return dead.name_of(self.record)

    @cached_property
    def opened(self) -> dead.Opened | None:
        """The letter taken apart; None when hookline did not write it."""
        return dead.opened(self.record)

    def text(self, header: str) -> str:
        """A header as text, ours before one of the same name that the event had; empty when it is missing."""
        return next((value for name, value in reversed(self.record.headers) if name == header), b"").decode(
            "utf-8", "replace"
        )

    @property
    def id(self) -> str:
        """The event's id."""
        return self.text("ce_id")

    @property
    def place(self) -> str:
        """Where it stands among the dead letters; names it where the id does not."""
        return f"{self.record.partition}@{self.record.offset}"

    @cached_property
    def handler(self) -> str:
        """The entry that could not handle it, as it is called now; the letter itself keeps the name of then."""
        return called_now(self.text("x-dlq-handler"), self.text(dead.FAILED_AT), self.renames)

    @property
    def is_of_another_log(self) -> bool:
        """Whether its event stands in an event log that was read before this one, and waited in the store since."""
        return self.text(dead.LOG) not in ("", self.home)

    @property
    def reason(self) -> str:
        """Why: rejected, exhausted, undecodable, oversize, uncertain or crashed."""
        return self.text("x-dlq-reason")

    @property
    def failed_at(self) -> datetime | None:
        """When it was given up."""
        return time_of(self.text(dead.FAILED_AT))

    def is_called(self, wanted: str) -> bool:
        """Whether a person means this one: by its event's id, as a listing shows it too, or by its place."""
        return wanted in {self.id, printable(self.id), self.place} - {""}

    def row(self) -> dict[str, Any]:
        """What a listing shows; where the event stands and where its letter does are told apart."""
        record = self.record
        return {
            "failed_at": self.text(dead.FAILED_AT),
            "handler": self.handler,
            "reason": self.reason,
            "id": self.id or self.place,
            "error": self.text(dead.MESSAGE),
            "attempts": _number(self.text("x-dlq-attempts")),
            "event": {
                "id": self.id,
                "type": self.text("ce_type"),
                "source": self.text("ce_source"),
                "key": self.text("ce_subject"),
                "topic": self.text("__dlq.errors.topic"),
                "partition": _number(self.text("__dlq.errors.partition")),
                "offset": _number(self.text("__dlq.errors.offset")),
                "log": self.text(dead.LOG),
            },
            "letter": {"topic": record.topic, "partition": record.partition, "offset": record.offset},
        }

    def whole(self) -> dict[str, Any]:
        """All of it: what a listing shows, with the event's headers and value, and with what the letter says."""
        row = self.row()
        event, death = (self.record, ()) if self.opened is None else (self.opened.record, self.opened.death)
        shown = as_object(event)
        row["event"] |= {name: shown[name] for name in ("timestamp", "headers", "value")}
        row["letter"] |= {"headers": {name: value.decode("utf-8", "replace") for name, value in death}}
        return row


@dataclass(frozen=True, slots=True)
class Case:
    """A dead letter and what became of it."""

    letter: Letter
    # What somebody decided on it, or on a later letter of the same event.
    mark: Mark | None = None

    @property
    def state(self) -> CaseState:
        """What became of it."""
        return "open" if self.mark is None else self.mark.state

    @property
    def is_over(self) -> bool:
        """Whether it is dealt with."""
        return self.state in OVER

    def row(self) -> dict[str, Any]:
        """What a listing shows."""
        return self.letter.row() | {"state": self.state}


async def letters(log: EventLog, topic: str) -> AsyncIterator[Letter]:
    """The dead letters of a topic, from the first to today's last; partitions one after another.

    Raises:
        EventLogError: the log does not answer.
    """
    counts = await log.partitions([topic])
    partitions = [TopicPartition(topic, number) for number in range(counts.get(topic, 0))]
    if not partitions:
        return
    start, home = await log.offsets(partitions, "earliest"), await log.identity()
    async for record in read_on(log, start):
        yield Letter(record, home=home)


def cases(found: Iterable[Letter], marks: Iterable[Mark]) -> list[Case]:
    """Letters with what became of them, the one that failed first before the others."""
    decided = Decisions(marks)
    return [case_of(letter, decided) for letter in sorted(found, key=age)]


def case_of(letter: Letter, decided: Decisions) -> Case:
    """A letter with what became of it."""
    return Case(letter, decided.on(letter.name))


class Newest:
    """Keeps the cases that failed last, so many and no more, however many are shown to it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[tuple[tuple[str, int], int, Case]] = []
        self._count = itertools.count()

    def add(self, case: Case) -> None:
        """Show one."""
        item = (age(case.letter), next(self._count), case)
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, item)
        elif self._heap:
            heapq.heappushpop(self._heap, item)

    def cases(self) -> list[Case]:
        """Those that are kept, the one that failed first before the others."""
        return [case for *_, case in sorted(self._heap, key=lambda item: item[:2])]


def newest(found: Iterable[Case]) -> list[Case]:
    """Of several letters of one event and entry the last one."""
    last: dict[tuple[str, ...], Case] = {}
    for case in found:
        name = case.letter.name
        last[event_of(name) if name.event_id else (*event_of(name), case.letter.place)] = case
    return list(last.values())


def age(letter: Letter) -> tuple[str, int]:
    """What letters are ordered by: when they were given up."""
    failed = letter.failed_at
    return "" if failed is None else failed.isoformat(timespec="microseconds"), letter.record.offset


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
