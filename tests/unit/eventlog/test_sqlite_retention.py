"""What the embedded log drops and what it keeps."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pytest

from eventlog.sqlite_clock import Moment
from eventlog.sqlite_lease import Position, acquire, commit
from eventlog.sqlite_records import Row, place
from eventlog.sqlite_retention import (
    Old,
    compact,
    drop_aged,
    drop_for_space,
    drop_tombstones,
    laggards,
    nearest_end,
)
from eventlog.sqlite_topics import apply, create
from eventlog.sqlite_writer import insert, used_bytes
from schemas.topics import TopicSettings

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture(autouse=True)
def _unsynced(connection: sqlite3.Connection) -> None:
    # Each statement is a commit here, where a log puts hundreds into one.
    connection.execute("PRAGMA synchronous = OFF")


def topic(connection: sqlite3.Connection, name: str, *, days: int | None = 3, compacted: bool = False) -> int:
    """Create a topic of one partition; returns the partition's id."""
    retention = None if days is None else timedelta(days=days)
    found = create(connection, {name: TopicSettings(partitions=1, retention=retention, compact=compacted)})
    return found.topics[name].places[0].id


def row(timestamp: int, key: bytes | None = b"k", value: bytes | None = b"v") -> Row:
    return timestamp, key, value, b""


def offsets(connection: sqlite3.Connection, partition_id: int) -> list[int]:
    """What is left of a partition."""
    base = place(partition_id, 0)
    return [
        at - base
        for (at,) in connection.execute(
            "SELECT place FROM records WHERE place >= ? AND place < ? ORDER BY place",
            (base, place(partition_id + 1, 0)),
        )
    ]


def first(connection: sqlite3.Connection, partition_id: int) -> int:
    return int(connection.execute("SELECT first_offset FROM partitions WHERE id = ?", (partition_id,)).fetchone()[0])


def settle(connection: sqlite3.Connection, group: str, partition_id: int, offset: int) -> None:
    """A group commits."""
    acquire(connection, group, group, "host:1", 10_000, Moment("b", 0))
    assert commit(connection, group, group, [Position(partition_id, offset, "")])


def test_aged_records_go(connection: sqlite3.Connection) -> None:
    """Records older than the topic's retention, to the millisecond; offsets go on."""
    id_ = topic(connection, "t", days=3)
    insert(connection, id_, [row(0), row(DAY), row(DAY + 1), row(2 * DAY)])
    assert drop_aged(connection, now_ms=4 * DAY) == 2
    assert (offsets(connection, id_), first(connection, id_)) == ([2, 3], 2)
    assert insert(connection, id_, [row(4 * DAY)]) == 4


def test_retention_ends(connection: sqlite3.Connection) -> None:
    """When nothing is old enough the answer is 0."""
    id_ = topic(connection, "t", days=3)
    insert(connection, id_, [row(2 * DAY)])
    assert drop_aged(connection, now_ms=4 * DAY) == 0


def test_a_slice_is_bounded(connection: sqlite3.Connection) -> None:
    """However much is old, one transaction drops at most 500 records over all partitions."""
    one, two = topic(connection, "one"), topic(connection, "two")
    for id_ in (one, two):
        insert(connection, id_, [row(0)] * 400)
    assert drop_aged(connection, now_ms=9 * DAY) == 500
    assert len(offsets(connection, one)) + len(offsets(connection, two)) == 300
    assert drop_aged(connection, now_ms=9 * DAY) == 300
    assert drop_aged(connection, now_ms=9 * DAY) == 0


def test_no_retention_keeps_all(connection: sqlite3.Connection) -> None:
    """A topic without retention loses nothing by age or for space."""
    id_ = topic(connection, "t", days=None)
    insert(connection, id_, [row(0)])
    assert (drop_aged(connection, now_ms=900 * DAY), drop_for_space(connection, now_ms=900 * DAY)) == (0, 0)


def test_a_young_record_keeps_those_behind_it(connection: sqlite3.Connection) -> None:
    """Only the head of a partition goes: an older record behind a younger one waits for it."""
    id_ = topic(connection, "t", days=3)
    insert(connection, id_, [row(0), row(4 * DAY), row(0)])
    assert drop_aged(connection, now_ms=4 * DAY) == 1
    assert offsets(connection, id_) == [1, 2]


@pytest.mark.parametrize("drop", [drop_aged, drop_for_space])
def test_what_a_group_has_not_settled_stays(connection: sqlite3.Connection, drop: Callable[..., int]) -> None:
    """The group that is furthest behind decides, for age and for space."""
    id_ = topic(connection, "t", days=3)
    insert(connection, id_, [row(0)] * 5)
    settle(connection, "fast", id_, 5)
    settle(connection, "slow", id_, 2)
    assert drop(connection, now_ms=9 * DAY) == 2
    assert drop(connection, now_ms=9 * DAY) == 0
    assert offsets(connection, id_) == [2, 3, 4]


def test_a_group_at_the_start_holds_everything(connection: sqlite3.Connection) -> None:
    """A committed position of 0 says that all is still needed."""
    id_ = topic(connection, "t", days=3)
    insert(connection, id_, [row(0)] * 5)
    settle(connection, "new", id_, 0)
    assert drop_aged(connection, now_ms=9 * DAY) == 0


def test_space_comes_from_what_is_nearest_to_its_end(connection: sqlite3.Connection) -> None:
    """A day of three goes before a day of thirty."""
    long, short = topic(connection, "dead", days=30), topic(connection, "deliveries", days=3)
    insert(connection, long, [row(0)])
    insert(connection, short, [row(0)])
    assert drop_for_space(connection, now_ms=DAY) == 1
    assert (offsets(connection, long), offsets(connection, short)) == ([0], [])


@pytest.mark.parametrize(
    ("short", "long", "goes"),
    [(0, 0, 1), (19 * DAY // 2, 0, 2), (9 * DAY, 9 * DAY, 1)],
    ids=["ten days each", "half a day of three, ten of thirty", "a day each"],
)
def test_nearest_end(short: int, long: int, goes: int) -> None:
    """The part of its retention that the oldest record has lived decides."""
    candidates = [(Old(1, 0, 5, 3 * DAY), short), (Old(2, 0, 5, 30 * DAY), long)]
    chosen = nearest_end(candidates, 10 * DAY)
    assert chosen is not None
    assert chosen.partition_id == goes


def test_nearest_end_of_nothing() -> None:
    """Nothing may go."""
    assert nearest_end([], 0) is None


def test_dropping_makes_room(connection: sqlite3.Connection) -> None:
    """Pages of dropped records count as free at once."""
    id_ = topic(connection, "t", days=3)
    insert(connection, id_, [row(0, value=bytes(4000))] * 100)
    before = used_bytes(connection)
    drop_aged(connection, now_ms=9 * DAY)
    assert before - used_bytes(connection) > 90 * 4000


def test_laggards_are_named_worst_first(connection: sqlite3.Connection) -> None:
    """Groups that are behind, by how much they hold back; those that read everything are not named."""
    id_ = topic(connection, "t")
    insert(connection, id_, [row(0)] * 5)
    for group, at in (("done", 5), ("near", 4), ("far", 1)):
        settle(connection, group, id_, at)
    assert laggards(connection) == ["far", "near"]


def test_compaction_keeps_the_latest_of_each_key(connection: sqlite3.Connection) -> None:
    """Replaced records go; offsets of the rest stay."""
    id_ = topic(connection, "t", days=None, compacted=True)
    insert(connection, id_, [row(0, b"a"), row(0, b"b"), row(0, b"a"), row(0, b"c"), row(0, b"a")])
    assert compact(connection, now_ms=DAY) == 5
    assert (offsets(connection, id_), first(connection, id_)) == ([1, 3, 4], 0)
    assert compact(connection, now_ms=DAY) == 0


def test_compaction_goes_on_where_it_was(connection: sqlite3.Connection) -> None:
    """A record replaced long after it was looked at goes too."""
    id_ = topic(connection, "t", days=None, compacted=True)
    insert(connection, id_, [row(0, b"a"), row(0, b"b")])
    compact(connection, now_ms=DAY)
    insert(connection, id_, [row(DAY, b"a")])
    assert compact(connection, now_ms=2 * DAY) == 1
    assert offsets(connection, id_) == [1, 2]


def test_young_records_are_not_compacted(connection: sqlite3.Connection) -> None:
    """For an hour every value can be read."""
    id_ = topic(connection, "t", days=None, compacted=True)
    insert(connection, id_, [row(0, b"a"), row(HOUR, b"a"), row(HOUR + 1, b"a")])
    assert compact(connection, now_ms=2 * HOUR) == 2
    assert offsets(connection, id_) == [1, 2]


def test_compaction_waits_for_groups(connection: sqlite3.Connection) -> None:
    """What a group has not read is not taken from it."""
    id_ = topic(connection, "t", days=None, compacted=True)
    insert(connection, id_, [row(0, b"a")] * 4)
    settle(connection, "slow", id_, 2)
    assert compact(connection, now_ms=DAY) == 2
    assert offsets(connection, id_) == [1, 2, 3]


def test_other_topics_are_not_compacted(connection: sqlite3.Connection) -> None:
    """Two records of one key are two events."""
    id_ = topic(connection, "t", days=3)
    insert(connection, id_, [row(0, b"a"), row(0, b"a")])
    assert compact(connection, now_ms=DAY) == 0
    assert offsets(connection, id_) == [0, 1]


def test_compaction_is_bounded(connection: sqlite3.Connection) -> None:
    """One transaction looks at 500 records at most."""
    id_ = topic(connection, "t", days=None, compacted=True)
    insert(connection, id_, [row(0, b"a")] * 1200)
    assert [compact(connection, now_ms=DAY) for _ in range(4)] == [500, 500, 200, 0]
    assert offsets(connection, id_) == [1199]


def test_tombstones_go_a_day_after_they_were_met(connection: sqlite3.Connection) -> None:
    """Until then every reader can learn that the key is gone."""
    id_ = topic(connection, "t", days=None, compacted=True)
    insert(connection, id_, [row(0, b"a"), row(0, b"a", None), row(0, b"b")])
    compact(connection, now_ms=DAY)
    assert offsets(connection, id_) == [1, 2]
    assert drop_tombstones(connection, now_ms=2 * DAY) == 0
    assert drop_tombstones(connection, now_ms=2 * DAY + 1) == 1
    assert offsets(connection, id_) == [2]


def test_a_key_that_came_back_is_no_tombstone(connection: sqlite3.Connection) -> None:
    """A value after the tombstone stays."""
    id_ = topic(connection, "t", days=None, compacted=True)
    insert(connection, id_, [row(0, b"a", None), row(0, b"a")])
    compact(connection, now_ms=DAY)
    assert drop_tombstones(connection, now_ms=9 * DAY) == 0
    assert offsets(connection, id_) == [1]


def test_tombstones_wait_for_groups(connection: sqlite3.Connection) -> None:
    """A group that was rewound meets the tombstone again."""
    id_ = topic(connection, "t", days=None, compacted=True)
    insert(connection, id_, [row(0, b"a", None)])
    compact(connection, now_ms=DAY)
    settle(connection, "rewound", id_, 0)
    assert drop_tombstones(connection, now_ms=9 * DAY) == 0


def test_settings_may_change(connection: sqlite3.Connection) -> None:
    """Retention of an existing topic follows the configuration; its partitions do not."""
    id_ = topic(connection, "t", days=None)
    insert(connection, id_, [row(0)])
    apply(connection, {"t": TopicSettings(partitions=7, retention=timedelta(days=1)), "absent": TopicSettings()})
    assert drop_aged(connection, now_ms=2 * DAY) == 1
    assert connection.execute("SELECT count(*) FROM partitions").fetchone() == (1,)
    assert connection.execute("SELECT name FROM topics").fetchall() == [("t",)]
