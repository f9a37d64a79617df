"""The newest records are found from the end on, without reading what cannot be among them."""

from collections.abc import AsyncIterator, Mapping
from typing import cast

from cli.backwards import FACTOR, FIRST, Span, newest
from eventlog.errors import PositionLost
from eventlog.log import EventLog
from schemas.record import StoredRecord, TopicPartition

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


class Shelf:
    """A log of records that have nothing but their times; keeps what was read of it."""

    def __init__(self, times: Mapping[TopicPartition, list[int]], *, earliest: int = 0) -> None:
        self.times = times
        # What is before it was dropped since somebody asked where the log begins.
        self.earliest = earliest
        self.reads: list[dict[TopicPartition, tuple[int, int]]] = []

    @property
    def whole(self) -> Span:
        """All of it."""
        return Span(first=dict.fromkeys(self.times, 0), end={at: len(times) for at, times in self.times.items()})

    async def read(
        self, start: Mapping[TopicPartition, int], *, follow: bool, until: Mapping[TopicPartition, int]
    ) -> AsyncIterator[StoredRecord]:
        assert not follow
        self.reads.append({at: (first, until[at]) for at, first in start.items()})
        for at, first in start.items():
            if first < self.earliest:
                raise PositionLost("dropped", at=at, wanted=first, earliest=self.earliest)
            for offset in range(first, until[at]):
                yield StoredRecord(
                    topic=at.topic,
                    partition=at.partition,
                    offset=offset,
                    key=None,
                    value=b"payload",
                    timestamp=self.times[at][offset],
                )

    async def newest(self, limit: int, *, divisor: int = 1, enough: int | None = None) -> list[tuple[int, int]]:
        """Partition and offset of what is found: records whose times can be divided."""
        log = cast("EventLog", self)
        found = await newest(log, self.whole, lambda one: one.timestamp % divisor == 0, limit, enough=enough)
        assert all(one.value is None for one in found)
        return [(one.partition, one.offset) for one in found]


async def test_the_newest_of_all_partitions_are_found_in_their_order() -> None:
    """Whichever they stand in."""
    shelf = Shelf({A: [1, 4, 5], B: [2, 3, 6]})
    assert await shelf.newest(3) == [(0, 1), (0, 2), (1, 2)]
    assert await shelf.newest(9) == [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]


async def test_a_long_log_is_not_read_from_its_start() -> None:
    """One page of each partition will do where each has what is wanted."""
    shelf = Shelf({A: list(range(1_000)), B: list(range(1_000))})
    assert await shelf.newest(2) == [(0, 999), (1, 999)]
    assert shelf.reads == [{A: (1_000 - FIRST, 1_000), B: (1_000 - FIRST, 1_000)}]


async def test_a_partition_is_read_on_until_it_can_have_nothing_newer() -> None:
    """The pages grow; what was read is not read again, and a partition that is older is left."""
    shelf = Shelf({A: list(range(10_000)), B: list(range(5_000))})
    assert await shelf.newest(1, divisor=9_900) == [(0, 9_900)]
    low = 10_000 - FIRST
    assert shelf.reads == [
        {A: (low, 10_000), B: (5_000 - FIRST, 5_000)},
        {A: (low - FIRST * FACTOR, low), B: (5_000 - FIRST - FIRST * FACTOR, 5_000 - FIRST)},
    ]


async def test_what_is_nowhere_is_looked_for_everywhere() -> None:
    """And ends."""
    shelf = Shelf({A: [1] * 700, B: []})
    assert await shelf.newest(1, divisor=2) == []
    assert [read[A] for read in shelf.reads] == [(636, 700), (124, 636), (0, 124)]


async def test_one_that_is_enough_ends_the_search() -> None:
    """An event is looked for, and its copies stand near it."""
    shelf = Shelf({A: list(range(10_000))})
    assert await shelf.newest(20, divisor=9_999, enough=1) == [(0, 9_999)]
    assert len(shelf.reads) == 1


async def test_no_more_is_kept_than_is_asked_for() -> None:
    """The newest of many, though all are wanted."""
    shelf = Shelf({A: list(range(500))})
    assert await shelf.newest(3) == [(0, 497), (0, 498), (0, 499)]


async def test_what_retention_drops_meanwhile_is_not_looked_for() -> None:
    """The search ends where the log begins now."""
    shelf = Shelf({A: list(range(700))}, earliest=300)
    assert await shelf.newest(1, divisor=1_000) == []
    assert [read[A] for read in shelf.reads] == [(636, 700), (124, 636), (300, 636)]
