"""What this process knows of the file: topics, ends of partitions, groups that are free. And who waits for news.

Commits of this process are told at once (`Watch.reached`); those of others are noticed by a thread that asks SQLite
whether anything changed at all, which costs microseconds, and only then looks what.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from eventlog.errors import LogUnavailable, RecordRefused
from eventlog.sqlite_threads import Connections
from schemas.record import TopicPartition

Key = int | str
"""What can be waited for: records of a partition (by id), a group (by name) that nobody holds any more."""


@dataclass(frozen=True, slots=True)
class Place:
    """A partition in the file."""

    at: TopicPartition
    id: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic in the file; its places are in the order of their partitions."""

    name: str
    places: tuple[Place, ...]
    compact: bool

    def place(self, partition: int) -> Place:
        """Where a partition is.

        Raises:
            RecordRefused: the topic has no such partition.
        """
        if not 0 <= partition < len(self.places):
            raise RecordRefused(
                f"{self.name} has the partitions 0 to {len(self.places) - 1}, not {partition}", topic=self.name
            )
        return self.places[partition]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What stood in the file at one moment."""

    topics: Mapping[str, Topic] = field(default_factory=dict)
    # Partition id → next offset.
    ends: Mapping[int, int] = field(default_factory=dict)
    # Groups whose last member gave its lease back.
    free: frozenset[str] = frozenset()


def look(connection: sqlite3.Connection) -> Snapshot:
    """Read a snapshot."""
    places: dict[tuple[str, bool], list[Place]] = {}
    ends: dict[int, int] = {}
    for name, compact, number, partition_id, end in connection.execute(
        "SELECT name, compact, number, partitions.id, next_offset FROM partitions"
        " JOIN topics ON topics.id = topic_id ORDER BY topic_id, number"
    ):
        places.setdefault((name, bool(compact)), []).append(Place(TopicPartition(name, number), partition_id))
        ends[partition_id] = end
    topics = {name: Topic(name, tuple(those), compact) for (name, compact), those in places.items()}
    free = frozenset(name for (name,) in connection.execute("SELECT group_name FROM leases WHERE token IS NULL"))
    return Snapshot(topics, ends, free)


# So often the thread comes back, to see whether the file is still the one it watches.
_TICKS = 50

# After so many looks without news only every fourth is taken: waking the thread is what watching costs.
_QUIET = 50


class Watch:
    """The last snapshot, and the waiting."""

    def __init__(self, connections: Connections, *, every: timedelta) -> None:
        self._connections = connections
        self._every = every.total_seconds()
        self._topics: Mapping[str, Topic] = {}
        self._ends: dict[int, int] = {}
        self._free: frozenset[str] = frozenset()
        self._waiting: dict[Key, set[asyncio.Event]] = {}
        self._quiet = 0
        self._ending = threading.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def topics(self) -> Mapping[str, Topic]:
        """The topics, by name."""
        return self._topics

    def places(self, partitions: Collection[TopicPartition]) -> list[Place]:
        """Where these partitions are, as far as they exist."""
        known = [(self._topics[at.topic], at.partition) for at in partitions if at.topic in self._topics]
        return [topic.places[number] for topic, number in known if 0 <= number < len(topic.places)]

    async def start(self) -> None:
        """Look once, then keep watching.

        Raises:
            LogUnavailable: the file cannot be read.
        """
        self.saw(await self._connections.run(look))
        self._task = asyncio.create_task(self._keep_watching(), name="eventlog-watch")

    async def stop(self) -> None:
        """Stop watching."""
        self._ending.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @contextmanager
    def waiting(self, keys: Collection[Key]) -> Iterator[asyncio.Event]:
        """An event that is set at news of any of these keys. Ask for it before looking, wait after."""
        event = asyncio.Event()
        for key in keys:
            self._waiting.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            for key in keys:
                those = self._waiting[key]
                those.discard(event)
                if not those:
                    del self._waiting[key]

    def saw(self, snapshot: Snapshot) -> None:
        """Take note of a snapshot. It may be older than what is known: whoever wakes looks for himself."""
        if snapshot.topics.keys() >= self._topics.keys():
            # Topics are never removed: fewer of them are an older look than the one that `create` took.
            self._topics = snapshot.topics
        self.reached(snapshot.ends)
        for group in snapshot.free - self._free:
            self._wake(group)
        self._free = snapshot.free

    def reached(self, ends: Mapping[int, int]) -> None:
        """Take note of how far partitions (by id) go now."""
        for partition_id, end in ends.items():
            if end > self._ends.get(partition_id, -1):
                self._ends[partition_id] = end
                self._wake(partition_id)

    def _wake(self, key: Key) -> None:
        for event in self._waiting.get(key, ()):
            event.set()

    async def _keep_watching(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._connections.run(partial(self._watch, loop=loop))
            except LogUnavailable:
                # Those who read or append meet the same error and report it; here it is only to be outlived.
                await asyncio.sleep(1)

    def _watch(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        """Runs in the thread."""
        version = None
        for _ in range(_TICKS):
            pause = self._every if self._quiet < _QUIET else 4 * self._every
            [current] = connection.execute("PRAGMA data_version").fetchone()
            self._quiet = self._quiet + 1 if version in {None, current} else 0
            if current != version:
                began = time.monotonic()
                version, snapshot = current, look(connection)
                loop.call_soon_threadsafe(self.saw, snapshot)
                # Many partitions take long to look at: never more than a tenth of the time.
                pause = max(pause, 10 * (time.monotonic() - began))
            if self._ending.wait(pause):
                return
