"""Dead letters that somebody decided on, as values and as rows of `replays`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from schemas.record import Headers, StoredRecord, TopicPartition
from store.digests import fingerprint
from store.strays import aged
from store.tables import replays

State: TypeAlias = Literal["waiting", "running", "done", "dead", "cancelled", "discarded"]
"""What becomes of a letter.

A worker takes it soon (waiting), or has (running); it was handled (done); it died again, which wrote another letter
(dead); its replay was taken back (cancelled); somebody declared it dealt with (discarded).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterName:
    """What names a dead letter; or an event that is replayed though it did not die, by its place and when that was."""

    # The entry that could not handle its event.
    handler: str
    # Where it stands.
    at: TopicPartition
    offset: int
    # What it says of itself: in another log another letter may stand at its place.
    source: str
    event_id: str
    failed_at: str

    @property
    def slot(self) -> bytes:
        """What stands for it in the index."""
        at = self.at
        return fingerprint(at.topic, str(at.partition), str(self.offset), self.source, self.event_id, self.failed_at)

    @property
    def event(self) -> bytes:
        """What stands for its event there."""
        return fingerprint(self.source, self.event_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A letter to be replayed."""

    letter: LetterName
    # As it was before it died, at its first place.
    record: StoredRecord
    # What the letter says of its death.
    death: Headers
    # The event log that place is in; empty if the letter does not say.
    log: str = ""
    # Whether to forget the effects of `once`, so that they are run anew; else those that happened keep their results.
    redo_effects: bool = False
    # The set of events it is asked for with.
    job: int | None = None
    # What is the same in every copy of its event, to find it among what is parked.
    identity: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is known of a letter that somebody decided on."""

    id: int
    letter: LetterName
    state: State
    # Where its event stands, so far as that was ever asked.
    origin: TopicPartition | None
    asked_at: datetime
    ended_at: datetime | None
    # Why it died again.
    reason: str | None
    # The same in words; while it runs, what came of the latest attempt.
    detail: str | None
    # The set of events it was asked for with.
    job: int | None = None
    # Whether its event's effects are forgotten when it begins.
    redo_effects: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A replay as its worker takes it."""

    id: int
    # At its first place, in the event log of this identity.
    record: StoredRecord
    log: str
    death: Headers
    # The partition that has its key now, and where the record stands among those of that one's log.
    at: TopicPartition
    offset: int


EMPTY: Mapping[str, None] = MappingProxyType(dict.fromkeys(("key", "value", "headers", "timestamp", "death")))
"""The record's columns when the replay is over: what people wrote is not kept twice."""

MARKS = (
    replays.c.id,
    replays.c.handler,
    replays.c.letter_topic,
    replays.c.letter_partition,
    replays.c.letter_offset,
    replays.c.source,
    replays.c.event_id,
    replays.c.failed_at,
    replays.c.state,
    replays.c.topic,
    replays.c.partition,
    replays.c.asked_at,
    replays.c.ended_at,
    replays.c.reason,
    replays.c.detail,
    replays.c.job,
    replays.c.effects,
)
"""The columns of a `Mark`."""

RECORDS = (
    replays.c.id,
    replays.c.log,
    replays.c.topic,
    replays.c.partition,
    replays.c.record_offset,
    replays.c.key,
    replays.c.value,
    replays.c.headers,
    replays.c.timestamp,
    replays.c.death,
)
"""The columns of a `Replay`."""


def of_order(order: Order, now: datetime) -> dict[str, Any]:
    """The row of a letter that is to be replayed."""
    record = order.record
    return {
        **_named(order.letter),
        "log": order.log,
        "topic": record.topic,
        "partition": record.partition,
        "record_offset": record.offset,
        "state": "waiting",
        "effects": "redo" if order.redo_effects else "keep",
        "asked_at": now,
        "taken_at": None,
        "ended_at": None,
        "reason": None,
        "detail": None,
        "key": record.key,
        "value": record.value,
        "headers": record.headers,
        "timestamp": record.timestamp,
        "death": order.death,
        "job": order.job,
    }


def of_discard(letter: LetterName, now: datetime) -> dict[str, Any]:
    """The row of a letter that somebody declares dealt with."""
    return {
        **_named(letter),
        **EMPTY,
        "state": "discarded",
        "effects": "keep",
        "asked_at": now,
        "ended_at": now,
        "reason": None,
        "detail": None,
    }


def mark_of(row: Any) -> Mark:
    """A row without its record."""
    return Mark(
        id=row.id,
        letter=LetterName(
            handler=row.handler,
            at=TopicPartition(row.letter_topic, row.letter_partition),
            offset=row.letter_offset,
            source=row.source,
            event_id=row.event_id,
            failed_at=row.failed_at,
        ),
        state=row.state,
        origin=None if row.topic is None else TopicPartition(row.topic, row.partition),
        asked_at=row.asked_at,
        ended_at=row.ended_at,
        reason=row.reason,
        detail=row.detail,
        job=row.job,
        redo_effects=row.effects == "redo",
    )


def replays_of(rows: Iterable[Any], at: TopicPartition, log: str) -> list[Replay]:
    """Open rows with their records, in the order of their events, for the owner of a partition of this log."""
    found = [
        Replay(
            id=row.id,
            log=row.log,
            record=StoredRecord(
                topic=row.topic,
                partition=row.partition,
                offset=row.record_offset,
                key=row.key,
                value=row.value,
                headers=row.headers,
                timestamp=row.timestamp,
            ),
            death=row.death,
            at=at,
            offset=row.record_offset if row.log == log else aged(row.record_offset),
        )
        for row in rows
    ]
    return sorted(found, key=lambda replay: (replay.offset, replay.id))


def _named(letter: LetterName) -> dict[str, Any]:
    return {
        "handler": letter.handler,
        "slot": letter.slot,
        "event": letter.event,
        "letter_topic": letter.at.topic,
        "letter_partition": letter.at.partition,
        "letter_offset": letter.offset,
        "source": letter.source,
        "event_id": letter.event_id,
        "failed_at": letter.failed_at,
    }
