"""What the embedded log drops, and what it never drops: records a group has not settled.

Three reasons, each done in slices that fit between two appends: age, the file's bound, and a newer record of the same
key in compacted topics. A group that committed a position in a partition holds back everything from there on.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from eventlog.sqlite_records import offset_of, place

SLICE = 500
"""Records a slice drops at most: some milliseconds."""

COMPACTS_AFTER_MS = 3_600_000
"""How long a record of a compacted topic is kept beside newer ones, as Kafka's `min.compaction.lag.ms`."""

TOMBSTONES_KEPT_MS = 86_400_000
"""How long readers may take to meet a tombstone: the default of Kafka's `delete.retention.ms`."""


class Old(NamedTuple):
    """A partition that has something to drop."""

    partition_id: int
    # Offsets from `first` to below `limit` are settled by every group.
    first: int
    limit: int
    retention_ms: int


def candidates(connection: sqlite3.Connection) -> list[Old]:
    """The partitions with retention whose first record every group has settled."""
    holds = _holds(connection)
    rows = connection.execute(
        "SELECT partitions.id, first_offset, next_offset, retention_ms FROM partitions"
        " JOIN topics ON topics.id = topic_id WHERE retention_ms IS NOT NULL AND first_offset < next_offset"
    )
    found = [Old(id_, first, min(end, holds.get(id_, end)), retention) for id_, first, end, retention in rows]
    return [each for each in found if each.first < each.limit]


def drop_aged(connection: sqlite3.Connection, now_ms: int) -> int:
    """Drop records past their topic's retention; returns how far it came, 0 when there is nothing left to drop."""
    left = SLICE
    for old in candidates(connection):
        limit = min(old.limit, old.first + left)
        end = _first_since(connection, old.partition_id, old.first, limit, now_ms - old.retention_ms)
        left -= _drop(connection, old.partition_id, old.first, end)
        if left <= 0:
            break
    return SLICE - left


def drop_for_space(connection: sqlite3.Connection, now_ms: int) -> int:
    """Drop from the partition whose oldest record is nearest to the end of its retention; returns how far it came."""
    old = nearest_end(((each, _oldest(connection, each)) for each in candidates(connection)), now_ms)
    if old is None:
        return 0
    return _drop(connection, old.partition_id, old.first, min(old.limit, old.first + SLICE))


def nearest_end(candidates: Iterable[tuple[Old, int]], now_ms: int) -> Old | None:
    """The partition whose oldest record, of the given timestamp, has lived the largest part of its retention.

    So what is kept for three days goes ten times as early as what is kept for thirty.
    """

    def lived(candidate: tuple[Old, int]) -> float:
        old, timestamp = candidate
        return (now_ms - timestamp) / max(old.retention_ms, 1)

    return max(candidates, key=lived, default=(None, 0))[0]


def compact(connection: sqlite3.Connection, now_ms: int) -> int:
    """Drop records of compacted topics that a newer one of their key replaces; returns how many were looked at."""
    left, holds = SLICE, _holds(connection)
    rows = connection.execute(
        "SELECT partitions.id, cleaned_offset, next_offset FROM partitions JOIN topics ON topics.id = topic_id"
        " WHERE compact AND cleaned_offset < next_offset"
    ).fetchall()
    for id_, cleaned, end in rows:
        limit = min(end, holds.get(id_, end), cleaned + left)
        limit = _first_since(connection, id_, cleaned, limit, now_ms - COMPACTS_AFTER_MS)
        if cleaned < limit:
            left -= _compact(connection, id_, cleaned, limit, now_ms)
        if left <= 0:
            break
    return SLICE - left


def drop_tombstones(connection: sqlite3.Connection, now_ms: int) -> int:
    """Drop tombstones that every reader had time to meet; returns how many."""
    settled = connection.execute(
        "WITH holds AS (SELECT partition_id, min(next_offset) AS hold FROM positions GROUP BY partition_id)"
        " SELECT latest.partition_id, key, record_offset FROM latest LEFT JOIN holds USING (partition_id)"
        " WHERE tombstone_ms IS NOT NULL AND tombstone_ms < ? AND (hold IS NULL OR record_offset < hold) LIMIT ?",
        (now_ms - TOMBSTONES_KEPT_MS, SLICE),
    ).fetchall()
    connection.executemany("DELETE FROM records WHERE place = ?", [(place(id_, at),) for id_, _, at in settled])
    connection.executemany(
        "DELETE FROM latest WHERE partition_id = ? AND key = ?", [(id_, key) for id_, key, _ in settled]
    )
    return len(settled)


def laggards(connection: sqlite3.Connection) -> list[str]:
    """The groups that hold something back, the one that holds most first."""
    return [
        name
        for (name,) in connection.execute(
            "SELECT group_name FROM positions JOIN partitions ON partitions.id = partition_id"
            " WHERE positions.next_offset < partitions.next_offset"
            " GROUP BY group_name ORDER BY sum(partitions.next_offset - positions.next_offset) DESC, group_name LIMIT 5"
        )
    ]


def _holds(connection: sqlite3.Connection) -> Mapping[int, int]:
    """Partition id → the lowest position of any group."""
    return dict(connection.execute("SELECT partition_id, min(next_offset) FROM positions GROUP BY partition_id"))


def _first_since(connection: sqlite3.Connection, partition_id: int, first: int, limit: int, timestamp: int) -> int:
    """The first offset from `first` to below `limit` whose record is younger than the timestamp, else `limit`."""
    row = connection.execute(
        "SELECT place FROM records WHERE place >= ? AND place < ? AND timestamp > ? ORDER BY place LIMIT 1",
        (place(partition_id, first), place(partition_id, limit), timestamp),
    ).fetchone()
    return limit if row is None else offset_of(row[0])


def _oldest(connection: sqlite3.Connection, old: Old) -> int:
    row = connection.execute(
        "SELECT timestamp FROM records WHERE place >= ? AND place < ? ORDER BY place LIMIT 1",
        (place(old.partition_id, old.first), place(old.partition_id, old.limit)),
    ).fetchone()
    return 0 if row is None else int(row[0])


def _drop(connection: sqlite3.Connection, partition_id: int, first: int, end: int) -> int:
    if first < end:
        span = (place(partition_id, first), place(partition_id, end))
        connection.execute("DELETE FROM records WHERE place >= ? AND place < ?", span)
        connection.execute("DELETE FROM latest WHERE partition_id = ? AND record_offset < ?", (partition_id, end))
        connection.execute("UPDATE partitions SET first_offset = ? WHERE id = ?", (end, partition_id))
    return end - first


def _compact(connection: sqlite3.Connection, partition_id: int, first: int, end: int, now_ms: int) -> int:
    rows = connection.execute(
        "SELECT place, key, value IS NULL FROM records WHERE place >= ? AND place < ? ORDER BY place",
        (place(partition_id, first), place(partition_id, end)),
    ).fetchall()
    for at_place, key, is_tombstone in rows:
        replaced = connection.execute(
            "SELECT record_offset FROM latest WHERE partition_id = ? AND key = ?", (partition_id, key)
        ).fetchone()
        if replaced is not None:
            connection.execute("DELETE FROM records WHERE place = ?", (place(partition_id, replaced[0]),))
        connection.execute(
            "INSERT OR REPLACE INTO latest (partition_id, key, record_offset, tombstone_ms) VALUES (?, ?, ?, ?)",
            (partition_id, key, offset_of(at_place), now_ms if is_tombstone else None),
        )
    connection.execute("UPDATE partitions SET cleaned_offset = ? WHERE id = ?", (end, partition_id))
    return end - first
