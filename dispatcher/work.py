"""One thing to do in a lane: a record, read or parked, a timer that came due, or a dead letter that is replayed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeAlias

from dispatcher.hearing import NOTHING_HEARD, Heard
from dispatcher.lane import LaneKey
from dispatcher.outcome import Dead, Retry
from schemas.envelope import decode
from schemas.events import BY_TYPE, Data, Event, Timer
from schemas.record import Record, StoredRecord, TopicPartition
from store.parked_rows import LaneName, ParkedRow
from store.replay_rows import Replay
from store.schedule import TimerRow

if TYPE_CHECKING:
    from dispatcher.partition import Partition
    from dispatcher.settlement import Settlement


_OBJECTS = 2_048
# A timer is in no topic of events, but it may die.
_REPLAYABLE: Mapping[str, type[Data]] = {**BY_TYPE, Timer.event_type: Timer}


@dataclass(frozen=True, slots=True)
class Doomed:
    """The end of an event's last attempt: it is to be buried."""

    outcome: Dead
    # None when there is none in the record.
    event: Event | None = None
    error: BaseException | None = None
    took: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt after which its event is tried again."""

    outcome: Retry
    took: timedelta
    error: BaseException | None


@dataclass(slots=True, eq=False)
class Tries:
    """What happened so far to the first item of a lane, in this process."""

    # Attempts begun.
    made: int = 0
    # Those of them that do not count against the policy.
    free: int = 0
    first_failed_at: datetime | None = None
    # When the first of those that do not count ended.
    held_up_since: datetime | None = None
    # Results of outside effects that happened and could not be written to the store yet: effect name → JSON.
    known_effects: dict[str, str] = field(default_factory=dict)
    # Outside effects that were begun, of which nobody knows whether they happened.
    begun_effects: set[str] = field(default_factory=set)
    # What came of the last one, safe to show.
    detail: str = ""
    # How it failed, until somebody has told of it.
    failed: Failed | None = None
    # How it ended, until it is known whether an effect of it may have happened.
    doomed: Doomed | None = None
    # What remains to be carried out when the handler's part is over: it is not run again for that.
    settlement: "Settlement | None" = None
    # How often carrying it out failed.
    settling_failed: int = 0
    # What the latest attempt learned of platforms, until somebody has taken note of it.
    heard: Heard = NOTHING_HEARD

    @property
    def portable(self) -> bool:
        """Whether all that matters of them can be told in a row: nothing has happened that nobody else knows of."""
        return self.settlement is None and self.doomed is None and not self.known_effects

    def lasts(self, until: datetime) -> timedelta:
        """How long its lane has waited when it is tried again then."""
        return until - (self.first_failed_at or until)

    def anew(self) -> "Tries":
        """None yet; only what happened outside is not forgotten."""
        return Tries(known_effects=self.known_effects, begun_effects=self.begun_effects)


class Heading(NamedTuple):
    """What a record's headers say of its event, read once; empty where they do not say."""

    event_type: bytes
    # `/sources/{source}` or `/handlers/{handler}`.
    source: bytes
    event_id: bytes

    @classmethod
    def of(cls, record: Record) -> "Heading":
        """Read a record's headers."""
        given = dict(record.headers)
        return cls(given.get("ce_type", b""), given.get("ce_source", b""), given.get("ce_id", b""))

    @property
    def source_name(self) -> bytes:
        """The source or handler without what it is."""
        return self.source.rpartition(b"/")[2]

    @property
    def identity(self) -> bytes:
        """What is the same in every copy of an event: its source and id."""
        return self.source + b"\0" + self.event_id


@dataclass(slots=True, eq=False)
class Received:
    """A record that the handler asked for."""

    partition: "Partition"
    record: StoredRecord
    heading: Heading
    tries: Tries = field(default_factory=Tries)

    @property
    def offset(self) -> int:
        """Its place in its partition."""
        return self.record.offset

    @property
    def parkable(self) -> bool:
        """Whether it may wait in the store."""
        return self.tries.portable

    @property
    def size(self) -> int:
        """About so many bytes of memory; the headers and Python's own objects are taken as alike in all records."""
        return len(self.record.value or b"") + _OBJECTS

    def event(self) -> Event:
        """The event in it.

        Raises:
            EnvelopeError: it holds none.
        """
        return decode(self.record)


@dataclass(slots=True, eq=False)
class Parked:
    """A record that waited in the store. Its offset is settled: it only settles its row."""

    partition: "Partition"
    row: ParkedRow
    heading: Heading
    tries: Tries

    @classmethod
    def of(cls, partition: "Partition", row: ParkedRow) -> "Parked":
        """A row that was loaded, with what was tried so far."""
        tried = row.tried
        tries = Tries(
            made=tried.made,
            free=tried.free,
            first_failed_at=tried.first_failed_at,
            held_up_since=tried.held_up_since,
            detail=tried.detail,
        )
        return cls(partition, row, Heading.of(row.record), tries)

    @property
    def record(self) -> StoredRecord:
        """The record at its first place."""
        return self.row.record

    @property
    def offset(self) -> int:
        """Where it stands among the records of its partition."""
        return self.row.position

    @property
    def parkable(self) -> bool:
        """Whether it may leave memory: its row can tell all there is to know."""
        return self.tries.portable

    def event(self) -> Event:
        """The event in it.

        Raises:
            EnvelopeError: it holds none.
        """
        return decode(self.row.record)


@dataclass(slots=True, eq=False)
class Firing:
    """A timer whose time has come."""

    # Its row is a timer's.
    parkable: ClassVar[bool] = False

    partition: "Partition"
    row: TimerRow
    # The newest record of the partition that was read before: what the firing does comes after all of those.
    offset: int
    tries: Tries = field(default_factory=Tries)

    def event(self) -> Event[Timer]:
        """What the handler is given. It takes place when the timer was due."""
        row = self.row
        data = {} if row.data is None else json.loads(row.data)
        return Event(
            id=row.firing,
            type=Timer.event_type,
            source=row.source,
            platform=row.platform,
            key=row.key,
            time=row.due,
            received_at=row.received_at,
            origin="handler",
            data=Timer(name=row.name, due=row.due, conversation_id=row.conversation_id, data=data),
            cause=row.setter_id,
        )


@dataclass(slots=True, eq=False)
class Replayed:
    """A dead letter that somebody asked for again. Its offset was settled when it died: it only settles its row."""

    # Its row is a replay's.
    parkable: ClassVar[bool] = False
    partition: "Partition"
    replay: Replay
    heading: Heading
    tries: Tries = field(default_factory=Tries)

    @property
    def record(self) -> StoredRecord:
        """The record as it was before it died, at its first place."""
        return self.replay.record

    @property
    def offset(self) -> int:
        """Where it stands among the records of its partition: to timers it is as old as it was."""
        return self.replay.offset

    @property
    def is_firing(self) -> bool:
        """Whether the event is a timer that came due."""
        return self.heading.event_type == Timer.event_type.encode()

    def event(self) -> Event:
        """The event in it; a timer too.

        Raises:
            EnvelopeError: it holds none.
        """
        return decode(self.replay.record, _REPLAYABLE)


Work: TypeAlias = Received | Parked | Firing | Replayed


class Names(NamedTuple):
    """What identifies the event of some work for people; empty where a record does not say."""

    event_id: str
    event_type: str
    source: str
    key: str


def names_of(work: Work) -> Names:
    """The names of a work's event, read without decoding it."""
    if isinstance(work, Firing):
        return Names(work.row.firing, Timer.event_type, work.row.source, work.row.key)
    heading = work.heading
    texts = (heading.event_id, heading.event_type, heading.source_name, work.record.key or b"")
    return Names(*(text.decode("utf-8", "replace") for text in texts))


class Place(NamedTuple):
    """Where an event stands, or stood when it was read first."""

    at: TopicPartition
    offset: int
    # The identity of the event log that those are of; it may be another than the one that is read.
    log: str


def place_of(work: Work) -> Place:
    """Where its event stands; for a timer, the newest record read before it."""
    match work:
        case Replayed(replay=replay):
            return Place(replay.record.at, replay.record.offset, replay.log)
        case Parked(row=parked):
            return Place(parked.record.at, parked.record.offset, parked.log)
        case Firing(row=row):
            return Place(row.at, work.offset, work.partition.epoch.log)
        case Received(record=record):
            return Place(record.at, record.offset, work.partition.epoch.log)


def lane_of_record(record: StoredRecord, heading: Heading) -> LaneKey:
    """Where a record's turn is decided. A record without a key has no order to keep and a lane of its own."""
    offset = -1 if record.key is not None else record.offset
    return LaneKey(record.topic, record.partition, heading.source_name, record.key, offset)


def lane_of_parked(at: TopicPartition, name: LaneName) -> LaneKey:
    """The lane of the records that were parked."""
    return LaneKey(at.topic, at.partition, *name)


def name_of_lane(key: LaneKey) -> LaneName:
    """What names a lane in the store."""
    return LaneName(key.source, key.key, key.offset)


def lane_of_replay(replay: Replay, heading: Heading) -> LaneKey:
    """The lane that has a replayed record's key now."""
    return lane_of_record(replay.record, heading)._replace(topic=replay.at.topic, partition=replay.at.partition)


def lane_of_timer(row: TimerRow) -> LaneKey:
    """The lane of the event that set the timer."""
    return LaneKey(row.at.topic, row.at.partition, row.source.encode(), row.key.encode("utf-8", "replace"))
