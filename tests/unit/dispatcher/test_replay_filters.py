"""Which events a replay means."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from dispatcher import dead
from dispatcher.reader import Wanted
from dispatcher.replay_filters import Filters, FromDead, FromTopics
from schemas.record import StoredRecord, TopicPartition
from store.decisions import Rename
from store.replay_jobs import JobOrder
from tests.contract.stores import LOG, NOW

AT = TopicPartition("hookline.conversations", 3)
# 2026-11-21T12:00:00Z.
RECEIVED = int(NOW.timestamp() * 1000)
WANTED = Wanted(types=frozenset({b"message.created"}), sources=None, own=b"/handlers/h")


def event(**changes: Any) -> StoredRecord:
    """A record of an event."""
    headers = {"ce_id": "e1", "ce_type": "message.created", "ce_source": "/sources/support"} | changes
    return StoredRecord(
        topic=AT.topic,
        partition=AT.partition,
        offset=41,
        key=b"c1",
        value=b"{}",
        headers=tuple((name, text.encode()) for name, text in headers.items()),
        timestamp=RECEIVED,
    )


def letter(*, handler: str = "h", reason: str = "exhausted", failed_at: str = "2026-11-21T12:00:00Z") -> StoredRecord:
    """Its dead letter."""
    texts = {
        "__dlq.errors.topic": AT.topic,
        "__dlq.errors.partition": str(AT.partition),
        "__dlq.errors.offset": "41",
        "x-dlq-log": LOG,
        "x-dlq-handler": handler,
        "x-dlq-reason": reason,
        "x-dlq-failed-at": failed_at,
    }
    more = tuple((name, text.encode()) for name, text in texts.items())
    record = event()
    return StoredRecord(
        topic="hookline.dead",
        partition=1,
        offset=7,
        key=record.key,
        value=record.value,
        headers=record.headers + more,
        timestamp=record.timestamp,
    )


def job(**changes: Any) -> JobOrder:
    return JobOrder(**{"handler": "h", "log": LOG, "reads": "dead", "filters": "{}", "cursor": "[]"} | changes)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ({}, True),
        ({"types": ["message.created"]}, True),
        ({"types": ["contact.*", "message.*"]}, True),
        ({"types": ["contact.*"]}, False),
        ({"sources": ["shop", "support"]}, True),
        ({"sources": ["shop"]}, False),
        ({"keys": ["c1"]}, True),
        ({"keys": ["c2"]}, False),
        ({"ids": ["e1"]}, True),
        ({"ids": ["e2"]}, False),
        ({"since": NOW}, True),
        ({"since": datetime(2026, 11, 21, 12, 0, 1, tzinfo=UTC)}, False),
        ({"until": NOW}, False),
        ({"until": datetime(2026, 11, 21, 12, 0, 1, tzinfo=UTC)}, True),
        ({"types": ["message.*"], "keys": ["c2"]}, False),
    ],
)
def test_every_filter_has_to_be_met(asked: dict[str, Any], meant: bool) -> None:
    """Of a letter by when its event died, of an event by when it was received."""
    filters = Filters.model_validate(asked)
    assert (FromDead(job=job(), filters=filters)(letter()) is not None) is meant
    topics = FromTopics(job=job(reads="topics"), filters=filters, wanted=WANTED, asked_at=NOW)
    assert (topics(event()) is not None) is meant


def test_a_letter_is_of_its_time_of_death() -> None:
    """Not of when the event was received; one that says none is met by no time."""
    late = FromDead(job=job(), filters=Filters(since=datetime(2026, 11, 21, 13, tzinfo=UTC)))
    assert late(letter(failed_at="2026-11-21T13:00:00Z")) is not None
    assert late(letter()) is None
    assert late(letter(failed_at="soon")) is None


def test_a_letter_is_chosen_by_its_reason() -> None:
    """One of several."""
    chosen = FromDead(job=job(), filters=Filters(reasons=("rejected", "exhausted")))
    assert chosen(letter()) is not None
    assert chosen(letter(reason="uncertain")) is None


def test_letters_of_other_entries_are_not_meant() -> None:
    """Nor records that hookline did not write."""
    assert FromDead(job=job(), filters=Filters())(letter(handler="other")) is None
    assert FromDead(job=job(), filters=Filters())(event()) is None


def test_letters_of_an_entry_that_was_renamed_are_those_of_its_new_name() -> None:
    """The row has that name, and names the letter as it stands."""
    chosen = FromDead(job=job(handler="new"), filters=Filters(), renames=[Rename("h", NOW, "new")])
    order = chosen(letter())
    assert order is not None
    assert (order.letter.handler, order.letter.slot) == ("new", dead.name_of(letter()).slot)
    assert chosen(letter(failed_at="2026-11-21T12:00:01Z")) is None


def test_the_order_holds_the_event_as_it_was() -> None:
    """And what the letter says."""
    order = FromDead(job=job(redo_effects=True), filters=Filters())(letter())
    assert order is not None
    assert (order.record, order.log, order.redo_effects) == (event(), LOG, True)
    assert dict(order.death)["x-dlq-reason"] == b"exhausted"


def test_an_event_of_a_topic_stands_for_itself() -> None:
    """Two replays of it are two things; of what the entry is not given nothing is meant."""

    def chosen(asked_at: datetime) -> FromTopics:
        return FromTopics(job=job(reads="topics"), filters=Filters(), wanted=WANTED, asked_at=asked_at)

    one, other = chosen(NOW)(event()), chosen(NOW.replace(hour=13))(event())
    assert one is not None
    assert other is not None
    assert (one.record, one.death, one.letter.at, one.letter.offset) == (event(), (), AT, 41)
    assert one.letter.slot != other.letter.slot
    assert one.letter.event == other.letter.event
    assert chosen(NOW)(event(ce_type="message.deleted")) is None
    assert chosen(NOW)(event(ce_source="/handlers/h")) is None


def test_filters_are_kept_as_they_were_asked() -> None:
    """And nothing that this version does not know passes for a filter."""
    filters = Filters(types=("message.*",), since=NOW)
    assert Filters.model_validate_json(filters.model_dump_json(exclude_defaults=True)) == filters
    with pytest.raises(ValidationError):
        Filters.model_validate({"topic": "t"})
