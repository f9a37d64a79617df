"""Events that a handler publishes, and contact snapshots, as records."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas.contacts import Contact
from schemas.envelope import encode
from schemas.events import ContactSnapshot, Data, Event
from schemas.ids import published_id
from schemas.record import Record
from schemas.topics import Topics


@dataclass(frozen=True, slots=True)
class Publication:
    """What `ctx.publish` was called with."""

    data: Data
    key: str
    # The data as it was then, for the record.
    value: bytes


def records_of(
    publications: Iterable[Publication], *, entry: str, cause: Event, topics: Topics, now: datetime
) -> tuple[Record, ...]:
    """The records of what a handler published in answer to an event. Their ids are the same on every retry.

    Args:
        publications: in the order of the calls.
        entry: the handler's entry.
        cause: the event it answers.
        topics: where they go.
        now: when the attempt ended.
    """
    counted: Counter[str] = Counter()
    records: list[Record] = []
    for publication in publications:
        event_type = publication.data.event_type
        event = Event(
            # ids are unique in their source only
            id=published_id(entry, f"{cause.source}/{cause.id}", event_type, counted[event_type]),
            type=event_type,
            source=entry,
            platform=cause.platform,
            key=publication.key,
            time=now,
            received_at=now,
            origin="handler",
            data=publication.data,
            cause=cause.id,
            traceparent=cause.traceparent,
        )
        counted[event_type] += 1
        records.append(encode(event, topics.of(event_type), value=publication.value))
    return tuple(records)


def snapshot_of(contact: Contact, *, entry: str, cause: Event, topics: Topics, now: datetime) -> Record:
    """The record that tells the state of a contact; compaction keeps the latest of each."""
    event = Event(
        id=f"{ContactSnapshot.event_type}:{contact.id}:{contact.version}",
        type=ContactSnapshot.event_type,
        source=entry,
        platform=cause.platform,
        key=contact.id,
        time=contact.updated_at,
        received_at=now,
        origin="handler",
        data=ContactSnapshot(
            contact_id=contact.id,
            name=contact.name,
            email=contact.email,
            phone=contact.phone,
            attributes=contact.attributes,
            identities=contact.identities,
            version=contact.version,
        ),
        cause=cause.id,
        traceparent=cause.traceparent,
    )
    return encode(event, topics.of(ContactSnapshot.event_type))


def tombstone_of(contact_id: str, *, topics: Topics, now: datetime) -> Record:
    """The record that tells that an id is no contact any more; compaction removes what was told before."""
    return Record(
        topic=topics.of(ContactSnapshot.event_type),
        key=contact_id.encode(),
        value=None,
        timestamp=int(now.timestamp() * 1000),
    )
