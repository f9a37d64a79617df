"""Dead letters: put together, taken apart, and what one that died again says."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatcher import dead
from dispatcher.outcome import Dead
from dispatcher.partition import Partition, Recent
from dispatcher.tracker import Tracker
from dispatcher.work import Firing, Heading, Received, Replayed, Work
from schemas.record import Headers, Record, StoredRecord, TopicPartition
from store.owners import Epoch
from store.replay_rows import LetterName, Replay
from tests.unit.dispatcher.test_timers import row

AT = TopicPartition("hookline.conversations", 3)
FAILED = datetime(2026, 11, 21, 12, tzinfo=UTC)
RECORD = StoredRecord(
    topic=AT.topic,
    partition=AT.partition,
    offset=41,
    key=b"c1\xff",
    value=b"not json \x00",
    headers=(("ce_id", b"e1"), ("ce_source", b"/sources/support"), ("x", b""), ("x", b"\xff")),
    timestamp=1_700_000_000_123,
)


def partition() -> Partition:
    return Partition(at=AT, epoch=Epoch(1, clean=True, log="sqlite:one"), tracker=Tracker(0), recent=Recent(0))


def received(record: StoredRecord = RECORD) -> Received:
    return Received(partition(), record, Heading.of(record))


def replayed(letter: StoredRecord) -> Replayed:
    """The work that a letter becomes when somebody wants it replayed."""
    opened = dead.opened(letter)
    assert opened is not None
    replay = Replay(id=1, record=opened.record, log=opened.log, death=opened.death, at=AT, offset=opened.record.offset)
    return Replayed(partition(), replay, Heading.of(replay.record))


def death(*, reason: Any = "exhausted", detail: str = "3 attempts failed", days: int = 0) -> dead.Death:
    failed = FAILED + timedelta(days=days)
    return dead.Death(
        outcome=Dead(reason, detail),
        entry="h",
        group="hookline.h",
        error=None,
        attempts=3,
        first_failed_at=failed - timedelta(minutes=1),
        failed_at=failed,
        version="1.2.3",
    )


def kept(record: Record, *, offset: int = 9) -> StoredRecord:
    """A letter as it is read from the topic of dead letters."""
    return StoredRecord(
        topic="hookline.dead",
        partition=1,
        offset=offset,
        key=record.key,
        value=record.value,
        headers=record.headers,
        timestamp=record.timestamp,
    )


def letter(work: Work | None = None, **why: Any) -> StoredRecord:
    return kept(dead.letter(work or received(), death(**why), "hookline.dead"))


def said(record: StoredRecord) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers if name.startswith(("x-dlq-", "__dlq."))}


def test_a_letter_taken_apart_is_the_record_that_died() -> None:
    """Byte for byte, at its first place."""
    opened = dead.opened(letter())
    assert opened is not None
    assert opened.record == RECORD
    assert dict(opened.death)["x-dlq-reason"] == b"exhausted"


def test_headers_of_somebody_elses_dead_letter_stay_with_the_event() -> None:
    """A record that came out of another queue of dead letters has such headers itself."""
    foreign: Headers = (("__dlq.errors.topic", b"theirs"), ("x-dlq-handler", b"theirs"), ("ce_id", b"e1"))
    record = replace(RECORD, headers=foreign)
    made = letter(received(record))
    opened = dead.opened(made)
    assert opened is not None
    assert opened.record == record
    assert opened.name.handler == "h"


def test_a_letter_has_a_name() -> None:
    """Its place in the log, and what it says of itself."""
    assert dead.name_of(letter()) == LetterName(
        handler="h",
        at=TopicPartition("hookline.dead", 1),
        offset=9,
        source="support",
        event_id="e1",
        failed_at="2026-11-21T12:00:00Z",
    )


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("__dlq.errors.topic", b"t"),),
        (("__dlq.errors.topic", b"t"), ("__dlq.errors.partition", b"one"), ("__dlq.errors.offset", b"1")),
        (("__dlq.errors.topic", b"\xff"), ("__dlq.errors.partition", b"1"), ("__dlq.errors.offset", b"1")),
    ],
    ids=["none of ours", "no place", "no number", "no text"],
)
def test_what_is_no_letter_of_ours_is_not_taken_apart(headers: Headers) -> None:
    """Somebody else may write to the topic; such a record still has a name."""
    assert dead.opened(replace(letter(), headers=headers)) is None
    assert dead.name_of(replace(letter(), headers=headers)).handler == ""


def test_a_letter_of_a_timer_is_the_timers_event() -> None:
    """Taken apart and replayed it is what the firing gave the handler."""
    firing = Firing(partition(), row("ask"), offset=41)
    again = replayed(letter(firing))
    assert again.is_firing
    assert again.offset == 41
    original, repeated = firing.event(), again.event()
    assert (repeated.id, repeated.type, repeated.source, repeated.key) == (
        original.id,
        original.type,
        original.source,
        original.key,
    )
    assert (repeated.data, repeated.time, repeated.cause) == (original.data, original.time, original.cause)


def test_a_letter_that_died_again_keeps_its_origin_and_its_beginning() -> None:
    """The place, and when it failed first; the rest is of the last death."""
    first = letter()
    second = letter(replayed(first), reason="rejected", detail="no such plan", days=1)
    told, before = said(second), said(first)
    same = ("__dlq.errors.topic", "__dlq.errors.partition", "__dlq.errors.offset", "__dlq.errors.group")
    assert [told[name] for name in same] == [before[name] for name in same]
    assert told["x-dlq-first-failed-at"] == "2026-11-21T11:59:00Z"
    assert told["x-dlq-failed-at"] == "2026-11-22T12:00:00Z"
    assert (told["x-dlq-reason"], told["__dlq.errors.message"]) == ("rejected", "no such plan")
    assert "x-dlq-history" not in before


def test_a_letter_that_died_again_has_no_headers_twice() -> None:
    """The event's own are what they were, ours are new."""
    second = letter(replayed(letter()))
    assert second.headers[: len(RECORD.headers)] == RECORD.headers
    ours = [name for name, _ in second.headers[len(RECORD.headers) :]]
    assert len(ours) == len(set(ours))
    opened = dead.opened(second)
    assert opened is not None
    assert opened.record == RECORD


def test_the_history_tells_the_earlier_deaths() -> None:
    """The oldest first, a few words on each."""
    second = letter(replayed(letter()), reason="rejected", detail="no such plan", days=1)
    third = letter(replayed(second), days=2)
    assert json.loads(said(third)["x-dlq-history"]) == [
        {
            "failed_at": "2026-11-21T12:00:00Z",
            "reason": "exhausted",
            "attempts": "3",
            "error": "3 attempts failed",
            "version": "1.2.3",
        },
        {
            "failed_at": "2026-11-22T12:00:00Z",
            "reason": "rejected",
            "attempts": "3",
            "error": "no such plan",
            "version": "1.2.3",
        },
    ]


def test_the_history_is_bounded() -> None:
    """Twenty deaths, two hundred characters each on why."""
    again = letter(detail="x" * 1_000)
    for day in range(1, 30):
        again = letter(replayed(again), detail="x" * 1_000, days=day)
    history = json.loads(said(again)["x-dlq-history"])
    assert len(history) == 20
    assert history[-1]["failed_at"] == "2026-12-19T12:00:00Z"
    assert history[0]["error"] == "x" * 200


@pytest.mark.parametrize("text", [b"no json", b'{"no": "list"}', b"\xff"])
def test_a_history_that_somebody_broke_begins_anew(text: bytes) -> None:
    """A letter must not fail for what is written on it."""
    second = letter(replayed(letter()))
    headers = tuple((name, text if name == "x-dlq-history" else value) for name, value in second.headers)
    third = letter(replayed(replace(second, headers=headers)))
    assert len(json.loads(said(third)["x-dlq-history"])) == 1
