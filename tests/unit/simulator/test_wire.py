"""Bytes to JSON objects and back."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from simulator.errors import InvalidJsonError
from simulator.wire import encode, iso, merge, parse_iso, parse_object


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"not json",
        b"[]",
        b'"text"',
        b"null",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": ' + b"[" * 33 + b"]" * 33 + b"}",
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'\xef\xbb\xbf{"a": 1}',
    ],
    ids=lambda body: repr(body[:16]),
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    """Hostile bytes end in one error, never in another."""
    with pytest.raises(InvalidJsonError):
        parse_object(body)


def test_an_object_is_returned() -> None:
    """Plain JSON comes out as it went in."""
    assert parse_object('{"a": [1, 2.5, "ü", null, true]}'.encode()) == {"a": [1, 2.5, "ü", None, True]}


def test_json_is_compact_utf8() -> None:
    """The bytes are those of JSON.stringify, which the vendor's own sample signs."""
    assert encode({"a": [1, "ü", None], "b": {}}) == '{"a":[1,"ü",null],"b":{}}'.encode()


def test_a_lone_surrogate_stays_an_escape() -> None:
    """Half a character cannot be UTF-8; it travels as it came."""
    assert encode({"a": "\ud800x🙏"}) == '{"a":"\\ud800x🙏"}'.encode()


def test_an_escaped_surrogate_survives_the_round() -> None:
    """What was read can be written and read again."""
    assert json.loads(encode(parse_object(b'{"a":"\\udc00"}'))) == {"a": "\udc00"}


def test_overrides_are_laid_over_key_by_key() -> None:
    """Objects are merged, everything else is replaced."""
    base = {"id": "1", "data": {"role": "user", "tags": [1, 2]}}
    assert merge(base, {"data": {"tags": [], "new": None}}) == {
        "id": "1",
        "data": {"role": "user", "tags": [], "new": None},
    }


def test_merging_leaves_the_original_alone() -> None:
    """A platform's own event must not change when another is made from it."""
    base = {"data": {"role": "user"}}
    merge(base, {"data": {"role": "assistant"}})
    assert base == {"data": {"role": "user"}}


def test_times_are_shown_in_utc_with_whole_seconds() -> None:
    """The only form the documentation shows."""
    at = datetime(2024, 1, 15, 12, 30, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert iso(at) == "2024-01-15T10:30:00Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-15", datetime(2024, 1, 15, tzinfo=UTC)),
        ("2024-01-15T10:00:00Z", datetime(2024, 1, 15, 10, tzinfo=UTC)),
        ("2024-01-15T12:00:00+02:00", datetime(2024, 1, 15, 10, tzinfo=UTC)),
    ],
)
def test_iso_dates_are_read(text: str, expected: datetime) -> None:
    """A date, a time, a time with a zone."""
    assert parse_iso(text) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "1705312800", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00+23:59"])
def test_other_times_are_refused(text: str) -> None:
    """Also those that fall out of the calendar when moved to UTC."""
    with pytest.raises(ValueError, match=r".*"):
        parse_iso(text)
