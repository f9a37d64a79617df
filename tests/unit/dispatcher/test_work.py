"""Which lane a record and a timer belong to, and which records a handler is given."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatcher.lane import LaneKey
from dispatcher.outcome import Dead
from dispatcher.partition import Partition, Recent
from dispatcher.reader import Wanted
from dispatcher.settlement import NOTHING
from dispatcher.tracker import Tracker
from dispatcher.work import Doomed, Heading, Received, Tries, lane_of_record, lane_of_timer, names_of
from handlers.api import Context, handler
from schemas.envelope import encode
from schemas.events import Event, MessageCreated, Timer
from schemas.record import StoredRecord, TopicPartition
from store.owners import Epoch
from tests.contract.dispatchers import message, quick
from tests.unit.dispatcher.test_timers import row


@handler("h", on=(MessageCreated, Timer))
async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None: ...


def stored(event: Event, *, offset: int = 7, **changes: Any) -> StoredRecord:
    record = encode(event, "t")
    made = StoredRecord(
        topic="t",
        key=record.key,
        value=record.value,
        headers=record.headers,
        timestamp=record.timestamp,
        partition=0,
        offset=offset,
    )
    return replace(made, **changes)


def heading(event: Event, **changes: Any) -> Heading:
    return Heading.of(stored(event, **changes))


def lane(record: StoredRecord) -> LaneKey:
    return lane_of_record(record, Heading.of(record))


def test_a_lane_is_topic_source_and_key() -> None:
    """Two events of one conversation are in one lane."""
    one, two = stored(message(1), offset=1), stored(message(2), offset=2)
    assert lane(one) == lane(two) == LaneKey("t", 0, b"support", b"c1")


def test_a_record_without_a_key_has_a_lane_of_its_own() -> None:
    """There is no order to keep."""
    one, two = stored(message(1), offset=1, key=None), stored(message(2), offset=2, key=None)
    assert lane(one) != lane(two)


def test_a_timer_is_in_the_lane_of_the_event_that_set_it() -> None:
    """It never runs beside a message of its conversation."""
    assert lane_of_timer(row()) == lane(stored(message(1)))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, True),
        ({"type": "message.deleted"}, False),
        ({"source": "shop"}, False),
        ({"source": "h", "origin": "handler"}, False),
    ],
)
def test_what_a_handler_is_given(changes: dict[str, Any], wanted: bool) -> None:
    """Its types, its sources, and nothing that it published itself; read from the headers."""
    only = Wanted.of(quick(h, sources=["support", "h"]))
    assert only(heading(replace(message(1), **changes))) is wanted


def test_without_sources_every_source_is_wanted() -> None:
    """Also another handler."""
    every = Wanted.of(quick(h))
    assert every(heading(replace(message(1), source="shop")))
    assert every(heading(replace(message(1), source="other", origin="handler")))
    assert not every(heading(replace(message(1), source="h", origin="handler")))


def test_a_record_that_is_no_event_is_not_wanted() -> None:
    """A tombstone has no type."""
    assert not Wanted.of(quick(h))(heading(message(1), headers=(), value=None))


def test_names_are_read_without_decoding() -> None:
    """Also of a record that cannot be decoded."""
    partition = Partition(
        at=TopicPartition("t", 0), epoch=Epoch(value=1, clean=True), tracker=Tracker(0), recent=Recent(3)
    )
    broken = stored(message(1), value=b"\xff", key=b"\xff")
    names = names_of(Received(partition, broken, Heading.of(broken)))
    assert names == ("message.created:m1", "message.created", "support", "\ufffd")


def test_the_ids_settled_last_are_remembered() -> None:
    """So many of them, the oldest is forgotten first."""
    recent = Recent(2)
    for identity in (b"a", b"b", b"b", b"c"):
        recent.add(identity)
    assert [identity in recent for identity in (b"a", b"b", b"c")] == [False, True, True]


def test_an_id_belongs_to_its_source() -> None:
    """Two sources may use one id."""
    assert heading(message(1)).identity != heading(replace(message(1), source="shop")).identity


@pytest.mark.parametrize(
    ("tries", "portable"),
    [
        (Tries(made=3, free=1, detail="no"), True),
        (Tries(doomed=Doomed(Dead("rejected", "no"))), False),
        (Tries(settlement=NOTHING), False),
        (Tries(known_effects={"send": "1"}), False),
    ],
)
def test_what_nobody_else_knows_of_stays_in_memory(tries: Tries, portable: bool) -> None:
    """A row can tell of attempts, and not of an end that is still to be carried out."""
    assert tries.portable is portable


def test_how_long_a_lane_waits_begins_with_the_first_failure() -> None:
    """Many short waits are a long one."""
    first = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert Tries().lasts(first) == timedelta()
    assert Tries(first_failed_at=first).lasts(first + timedelta(seconds=61)) == timedelta(seconds=61)
