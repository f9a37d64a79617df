"""A log in memory that does what a test tells it: the wire is faked, not the objects behind it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from eventlog.errors import EventLogError
from eventlog.log import Appending, Health
from receiver.lookups import Key
from receiver.memory import Entry
from schemas.record import Record, TopicPartition


async def soon(condition: Callable[[], bool]) -> None:
    """Let the other tasks run until a condition holds; a failure after five seconds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # a condition of the test, not of the code
            await asyncio.sleep(0)


class MemoryLog:
    """Keeps records; each append is a batch of its own that is durable when the test says so.

    Args:
        durable: at once, or when `settle` is called.
    """

    kind = "sqlite"

    def __init__(self, *, durable: bool = True) -> None:
        self.durable = durable
        self.records: list[Record] = []
        self.refusing: EventLogError | None = None
        self.open: list[asyncio.Future[int]] = []
        self.ok = True

    def append(self, record: Record) -> Appending:
        """Take a record, or fail as the test wants it."""
        if self.refusing is not None:
            raise self.refusing
        self.records.append(record)
        batch: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self.durable:
            batch.set_result(len(self.records) - 1)
        else:
            self.open.append(batch)
        return Appending(batch=batch, index=0, at=TopicPartition(record.topic, 0))

    def settle(self, error: EventLogError | None = None) -> None:
        """Make durable what was appended, or fail it."""
        for batch in self.open:
            if error is None:
                batch.set_result(0)
            else:
                batch.set_exception(error)
        self.open.clear()

    def health(self) -> Health:
        """What the test says."""
        return Health(ok=self.ok)

    def topics(self) -> list[str]:
        """The topics of what was appended, in order."""
        return [record.topic for record in self.records]


class MemoryStore:
    """A dedupe store that answers, fails or hangs as the test wants it."""

    def __init__(self) -> None:
        self.entries: dict[Key, datetime] = {}
        self.asked: list[list[Key]] = []
        self.written: list[list[Entry]] = []
        self.failing: Callable[[], Exception] | None = None
        self.hanging: asyncio.Event | None = None

    async def known(self, keys: Sequence[Key], now: datetime) -> set[Key]:
        """Those that were remembered."""
        self.asked.append(list(keys))
        await self._misbehave()
        return {key for key in keys if key in self.entries and self.entries[key] > now}

    async def remember(self, entries: Sequence[Entry], now: datetime) -> None:
        """Remember them."""
        del now
        await self._misbehave()
        self.written.append(list(entries))
        self.entries.update({(source, name): expires for source, name, expires in entries})

    async def _misbehave(self) -> None:
        if self.failing is not None:
            raise self.failing()
        if self.hanging is not None:
            await self.hanging.wait()
