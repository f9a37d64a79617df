"""What a listing tells of an event."""

from cli.event_rows import holding, is_event, place, row
from eventlog.partitioner import partition_of
from schemas.record import StoredRecord, TopicPartition

HEADERS = {
    "ce_id": "e1",
    "ce_type": "message.created",
    "ce_source": "/sources/support",
    "ce_subject": "c1",
    "ce_time": "2026-11-21T12:00:00Z",
    "ce_platform": "gptbots",
    "ce_origin": "webhook",
}


def record(headers: dict[str, str]) -> StoredRecord:
    return StoredRecord(
        topic="hookline.conversations",
        partition=3,
        offset=17,
        key=b"c1",
        value=b'{"content":"private"}',
        headers=tuple((name, value.encode()) for name, value in headers.items()),
        timestamp=1_700_000_000_123,
    )


def test_an_event_is_told_by_its_headers_and_its_place() -> None:
    """Nothing of what it says."""
    found = row(record(HEADERS))
    assert found == {
        "id": "e1",
        "type": "message.created",
        "source": "support",
        "platform": "gptbots",
        "key": "c1",
        "time": "2026-11-21T12:00:00Z",
        "received_at": "2023-11-14T22:13:20.123Z",
        "origin": "webhook",
        "topic": "hookline.conversations",
        "partition": 3,
        "offset": 17,
    }
    assert place(found, "hookline.") == "conversations/3@17"


def test_what_has_no_id_is_no_event() -> None:
    """Somebody else may have written it."""
    assert is_event(record(HEADERS))
    assert not is_event(record({"x": "1"}))


def test_a_key_is_in_one_partition_of_each_topic() -> None:
    """Whose numbers of partitions may differ."""
    partitions = [TopicPartition(topic, number) for topic, count in (("a", 4), ("b", 3)) for number in range(count)]
    assert holding(partitions, b"c1") == [("a", partition_of(b"c1", 4)), ("b", partition_of(b"c1", 3))]
    assert holding(partitions, None) == partitions
