"""Reading from the file: records from a position on, offsets, positions. Each call is one consistent look."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from eventlog.errors import PositionLost
from eventlog.log import Commit
from eventlog.sqlite_records import offset_of, place, row_bytes, stored
from eventlog.sqlite_watch import Place
from schemas.record import StoredRecord, TopicPartition

MAX_BYTES = 16 * 1024**2
"""A read ends when it holds so much; its last record may go beyond."""


class Want(NamedTuple):
    """A partition to read on in."""

    place: Place
    # None when no position is known.
    offset: int | None


class Found(NamedTuple):
    """What was read in a partition."""

    want: Want
    records: Sequence[StoredRecord]
    # The next offset to read, beyond any gap.
    next_offset: int
    # Set when the wanted offset is not in the log: nothing was read.
    lost: PositionLost | None = None


@contextmanager
def _one_look(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def read(connection: sqlite3.Connection, wants: Sequence[Want], max_records: int, max_bytes: int) -> list[Found]:
    """Read on in these partitions in this order, until there are enough records or bytes.

    Partitions that were not reached are not in the answer.
    """
    found: list[Found] = []
    with _one_look(connection):
        for want in wants:
            if max_records <= 0 or max_bytes <= 0:
                break
            each, max_bytes = _read_one(connection, want, max_records, max_bytes)
            max_records -= len(each.records)
            found.append(each)
    return found


def _read_one(connection: sqlite3.Connection, want: Want, max_records: int, max_bytes: int) -> tuple[Found, int]:
    """What was read, and how many bytes may still be."""
    first, end = _range(connection, want.place)
    if want.offset is None or not first <= want.offset <= end:
        return Found(want, (), first, _lost(want, first, end)), max_bytes
    records: list[StoredRecord] = []
    for row in connection.execute(
        "SELECT place, timestamp, key, value, headers FROM records"
        " WHERE place >= ? AND place < ? ORDER BY place LIMIT ?",
        (place(want.place.id, want.offset), place(want.place.id, end), max_records),
    ):
        records.append(stored(want.place.at, row))
        max_bytes -= row_bytes(row[1:])
        if max_bytes <= 0:
            break
    enough = len(records) >= max_records or max_bytes <= 0
    return Found(want, records, records[-1].offset + 1 if enough else end), max_bytes


def _range(connection: sqlite3.Connection, at: Place) -> tuple[int, int]:
    row = connection.execute("SELECT first_offset, next_offset FROM partitions WHERE id = ?", (at.id,)).fetchone()
    return row or (0, 0)  # the file was replaced by one without this partition


def _lost(want: Want, first: int, end: int) -> PositionLost:
    at = want.place.at
    name = f"{at.topic} partition {at.partition}"
    if want.offset is None:
        why = f"no position is committed in {name}, which holds offsets {first} to {end}: say where to begin"
    elif want.offset < first:
        why = f"retention dropped offset {want.offset} of {name}: {first - want.offset} offsets up to {first} are lost"
    else:
        why = f"offset {want.offset} of {name} is past its end {end}: was the log replaced by an older one?"
    return PositionLost(why, at=at, wanted=want.offset, earliest=first)


def offsets(
    connection: sqlite3.Connection, places: Collection[Place], at: Literal["earliest", "end"] | int
) -> list[int]:
    """For each partition its first offset, its end, or the first at or after a time in milliseconds since the epoch."""
    with _one_look(connection):
        ranges = [(each, *_range(connection, each)) for each in places]
        if at == "earliest":
            return [first for _, first, _ in ranges]
        if at == "end":
            return [end for _, _, end in ranges]
        return [_since(connection, each, end, at) for each, _, end in ranges]


def _since(connection: sqlite3.Connection, at: Place, end: int, timestamp: int) -> int:
    row = connection.execute(
        "SELECT place FROM records WHERE place >= ? AND place < ? AND timestamp >= ? ORDER BY place LIMIT 1",
        (place(at.id, 0), place(at.id, end), timestamp),
    ).fetchone()
    return end if row is None else offset_of(row[0])


def positions(
    connection: sqlite3.Connection, group: str, places: Collection[Place]
) -> dict[TopicPartition, Commit | None]:
    """What a group committed in these partitions."""
    known = {
        partition_id: Commit(offset, metadata)
        for partition_id, offset, metadata in connection.execute(
            "SELECT partition_id, next_offset, metadata FROM positions WHERE group_name = ?", (group,)
        )
    }
    return {each.at: known.get(each.id) for each in places}


def groups(connection: sqlite3.Connection) -> frozenset[str]:
    """The groups that committed something."""
    return frozenset(name for (name,) in connection.execute("SELECT DISTINCT group_name FROM positions"))
