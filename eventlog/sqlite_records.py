"""Records as rows: where a record stands in the file, and its headers as bytes."""

import struct
from functools import lru_cache
from itertools import accumulate, pairwise

from eventlog.errors import RecordRefused
from schemas.record import Headers, Record, StoredRecord, TopicPartition

Row = tuple[int, bytes | None, bytes | None, bytes]
"""Timestamp, key, value, headers: a row of `records` without its place."""

StoredRow = tuple[int, int, bytes | None, bytes | None, bytes]
"""Place, timestamp, key, value, headers: a whole row of `records`."""

# The table's integer key holds the partition's id above and the offset below, so that a partition is one range of the
# table and needs no index. 2^40 offsets are 35,000 years at a record per millisecond.
OFFSET_BITS = 40
_OFFSETS = (1 << OFFSET_BITS) - 1

ROW_OVERHEAD = 48
"""Bytes of a row beside its key, value and headers, at most: cell and record header, place, timestamp, page's share."""


def place(partition_id: int, offset: int) -> int:
    """The key of a record in the table."""
    return partition_id << OFFSET_BITS | offset


def offset_of(at_place: int) -> int:
    """The offset of a record, from its key in the table."""
    return at_place & _OFFSETS


def row_of(record: Record, compact: bool, max_bytes: int) -> Row:
    """A record as a row.

    Raises:
        RecordRefused: the file can never take it: too large, its timestamp or headers cannot be written, or no key in a
            compacted topic.
    """
    if compact and record.key is None:
        raise RecordRefused(f"{record.topic} is compacted: its records need a key", topic=record.topic)
    if not 0 <= record.timestamp <= _MAX_TIMESTAMP:
        raise RecordRefused("the record's timestamp is no time in milliseconds since 1970", topic=record.topic)
    try:
        headers = pack_headers(record.headers)
    except UnicodeEncodeError as error:
        raise RecordRefused(
            "the name of one of the record's headers is not valid Unicode", topic=record.topic
        ) from error
    size = row_bytes(row := (record.timestamp, record.key, record.value, headers))
    if size > max_bytes:
        raise RecordRefused(
            f"the record has {size:,} bytes and the log takes {max_bytes:,} at most: lower the source's body limit",
            topic=record.topic,
        )
    return row


def row_bytes(row: Row) -> int:
    """The bytes a row takes in the file, at most."""
    _, key, value, headers = row
    return ROW_OVERHEAD + len(key or b"") + len(value or b"") + len(headers)


def pack_headers(headers: Headers) -> bytes:
    """Headers as bytes: the names' length and the names, then each value's length, then the values.

    Raises:
        UnicodeEncodeError: a name is no text UTF-8 can write.
    """
    if not headers:
        return b""
    names = _pack_names(tuple([name for name, _ in headers]))
    return b"".join((names, struct.pack(f"<{len(headers)}I", *[len(v) for _, v in headers]), *[v for _, v in headers]))


def unpack_headers(packed: bytes) -> Headers:
    """What `pack_headers` packed."""
    if not packed:
        return ()
    (length,) = _LENGTH.unpack_from(packed)
    names = _unpack_names(packed[_LENGTH.size : _LENGTH.size + length])
    at = _LENGTH.size + length
    lengths = struct.unpack_from(f"<{len(names)}I", packed, at)
    ends = accumulate(lengths, initial=at + 4 * len(names))
    return tuple(zip(names, [packed[start:end] for start, end in pairwise(ends)], strict=True))


def stored(at: TopicPartition, row: StoredRow) -> StoredRecord:
    """A record as it is read."""
    at_place, timestamp, key, value, headers = row
    return StoredRecord(
        topic=at.topic,
        partition=at.partition,
        offset=offset_of(at_place),
        timestamp=timestamp,
        key=key,
        value=value,
        headers=unpack_headers(headers),
    )


_LENGTH = struct.Struct("<I")
_MAX_TIMESTAMP = 2**63 - 1


@lru_cache(maxsize=1024)
def _pack_names(names: tuple[str, ...]) -> bytes:
    # Records of one kind have the same names, so this is done once per kind.
    encoded = [name.encode() for name in names]
    packed = b"".join(_LENGTH.pack(len(name)) + name for name in encoded)
    return _LENGTH.pack(len(packed)) + packed


@lru_cache(maxsize=1024)
def _unpack_names(packed: bytes) -> tuple[str, ...]:
    names, at = [], 0
    while at < len(packed):
        (size,) = _LENGTH.unpack_from(packed, at)
        at += _LENGTH.size
        names.append(packed[at : at + size].decode())
        at += size
    return tuple(names)
