"""What `hookline tail` shows people of a record."""

from datetime import UTC, datetime

import pytest
from rich.text import Text

from cli.records import as_lines, wrapped
from schemas.record import StoredRecord

AT = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp() * 1000)
RECORD = StoredRecord(
    topic="hookline.conversations",
    partition=7,
    offset=12,
    timestamp=AT,
    key=b"c1",
    value=b'{"extra":{"x":1},"content":"Hi\\u001b[31m"}',
    headers=(("ce_id", b"m1"), ("ce_type", b"message.created")),
)


def lines(*, headers: bool, now: datetime = datetime(2026, 1, 2, 9, tzinfo=UTC)) -> list[str]:
    return [line.plain for line, _ in as_lines(RECORD, prefix="hookline.", headers=headers, now=now)]


def test_headers_stand_between_the_line_and_the_data() -> None:
    """With what the platform sent beside our fields behind the rest, and escapes shown."""
    assert lines(headers=True) == [
        "03:04:05  conversations/7@12  message.created  c1",
        "    ce_id=m1  ce_type=message.created",
        '    {"content": "Hi\\u001b[31m", "extra": {"x": 1}}',
    ]


def test_without_headers_it_is_one_line() -> None:
    """Time, place, type, key, data."""
    assert lines(headers=False) == [
        '03:04:05  conversations/7@12  message.created  c1  {"content": "Hi\\u001b[31m", "extra": {"x": 1}}'
    ]


def test_another_day_is_shown() -> None:
    """Of today the time is enough."""
    [line] = lines(headers=False, now=datetime(2026, 1, 3, tzinfo=UTC))
    assert line.startswith("2026-01-02 03:04:05  ")


def test_headers_are_wrapped_and_not_cut() -> None:
    """A narrow terminal shows all of them, none in two halves."""
    told = Text("    ce_id=m1  ce_type=message.created  ce_source=/sources/a-b")
    assert [line.plain for line in wrapped(told, 30)] == [
        "    ce_id=m1",
        "    ce_type=message.created",
        "    ce_source=/sources/a-b",
    ]


@pytest.mark.parametrize("headers", [True, False])
def test_a_tombstone_has_no_value(headers: bool) -> None:
    """Nor need a record have a key, or headers."""
    bare = StoredRecord(topic="t", partition=0, offset=0, timestamp=AT, key=None, value=None, headers=())
    shown = [line.plain for line, _ in as_lines(bare, prefix="hookline.", headers=headers, now=datetime.now(UTC))]
    assert shown[0].startswith("2026-01-02 03:04:05  t/0@0  -  -")
    assert shown[-1].endswith("  -")
