"""Records as rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import RecordRefused
from eventlog.sqlite_records import offset_of, pack_headers, place, row_bytes, row_of, stored, unpack_headers
from schemas.record import Headers, Record, TopicPartition

NAMES = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=50)), max_size=30).map(tuple))
def test_headers_come_back(headers: Headers) -> None:
    """Any headers survive packing, in order and with repetitions."""
    assert unpack_headers(pack_headers(headers)) == headers


def test_no_headers_take_no_bytes() -> None:
    """Most rows of some topics have none."""
    assert pack_headers(()) == b""


def test_headers_in_the_file_stay_readable() -> None:
    """The format is the file's: a change of it needs a new schema version."""
    assert pack_headers((("a", b"1"), ("bc", b""))) == (
        b"\x0b\x00\x00\x00" b"\x01\x00\x00\x00a" b"\x02\x00\x00\x00bc" b"\x01\x00\x00\x00" b"\x00\x00\x00\x00" b"1"
    )  # fmt: skip


@given(st.integers(1, 2**23 - 1), st.integers(0, 2**40 - 1))
def test_a_place_holds_its_offset(partition_id: int, offset: int) -> None:
    """The offset comes back, and the place fits SQLite's 64-bit integers."""
    assert offset_of(place(partition_id, offset)) == offset
    assert place(partition_id, offset) < 2**63


def test_partitions_do_not_overlap() -> None:
    """The last place of one partition is before the first of the next."""
    assert place(1, 2**40 - 1) < place(2, 0)


def record(key: bytes | None = b"k", timestamp: int = 5, headers: Headers = (), value: bytes = b"v") -> Record:
    return Record(topic="t", key=key, value=value, headers=headers, timestamp=timestamp)


def test_a_row_and_back() -> None:
    """A record comes back from its row, with its place."""
    row = row_of(record(headers=(("h", b"1"),)), compact=False, max_bytes=1000)
    back = stored(TopicPartition("t", 3), (place(7, 42), *row))
    assert (back.topic, back.partition, back.offset, back.timestamp) == ("t", 3, 42, 5)
    assert (back.key, back.value, back.headers) == (b"k", b"v", (("h", b"1"),))


@pytest.mark.parametrize(
    ("refused", "compact", "why"),
    [
        (record(timestamp=-1), False, "the record's timestamp is no time in milliseconds since 1970"),
        (record(timestamp=2**63), False, "the record's timestamp is no time in milliseconds since 1970"),
        (record(key=None), True, "t is compacted: its records need a key"),
        (record(headers=(("\ud800", b""),)), False, "the name of one of the record's headers is not valid Unicode"),
        (
            record(value=bytes(1000)),
            False,
            "the record has 1,049 bytes and the log takes 1,000 at most: lower the source's body limit",
        ),
    ],
)
def test_what_no_row_can_hold_is_refused(refused: Record, compact: bool, why: str) -> None:
    """The refusal says why, so that one bad record cannot spoil the transaction of its neighbours."""
    with pytest.raises(RecordRefused) as refusal:
        row_of(refused, compact, max_bytes=1000)
    assert (str(refusal.value), refusal.value.topic) == (why, "t")


def test_row_bytes_counts_everything() -> None:
    """Key, value and headers, and what the row itself takes."""
    assert row_bytes((5, b"kk", b"vvv", b"hhhh")) == 48 + 2 + 3 + 4
    assert row_bytes((5, None, None, b"")) == 48
