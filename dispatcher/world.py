"""A world for tests: a real log and a real store in a temporary folder, and a clock that is set by hand."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clients.account import Account
from dispatcher.equipment import Equipment
from dispatcher.observers import Happening
from dispatcher.registry import AnyHandler, Loaded, Registry
from dispatcher.settings import Entry, plan
from eventlog.log import EventLog
from eventlog.sqlite import SqliteEventLog
from schemas.durations import duration
from schemas.envelope import decode
from schemas.events import Event
from schemas.record import TopicPartition
from schemas.topics import Topics, TopicSettings
from store.migrations import migrate
from store.store import Store

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""What the clock shows unless you set it."""

STOPS = timedelta(seconds=5)
"""How long the parts of a world may take to stop."""


@dataclass(slots=True)
class FakeClock:
    """A clock that stands still until it is put forward; sleeping puts it forward."""

    time: datetime = NOW
    _seconds: float = 0.0

    def now(self) -> datetime:
        """The time it shows, UTC."""
        return self.time

    def monotonic(self) -> float:
        """Seconds it was put forward so far."""
        return self._seconds

    def advance(self, by: str | timedelta) -> None:
        """Put it forward."""
        step = duration(by)
        self.time += step
        self._seconds += step.total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Put it forward by so many seconds, at once."""
        self.advance(timedelta(seconds=seconds))
        await asyncio.sleep(0)


def entries_of(handlers: Sequence[AnyHandler], section: Mapping[str, Mapping[str, Any]]) -> tuple[Entry, ...]:
    """What `[handlers]` means in a world of these handlers. Every account and source that is named is taken for one.

    Args:
        handlers: those there are.
        section: entry → its table.

    Raises:
        ValueError: a table cannot work, or a handler needs settings and has none.
    """
    used = {table.get("use", name) for name, table in section.items()}
    # one that has no table and lacks settings would not run, and a test would not notice
    without: dict[str, Any] = {each.name: {} for each in handlers if each.name not in used}
    registry = Registry({each.name: Loaded(each, "a test") for each in handlers})
    made = plan(without | dict(section), registry, None)
    if made.problems:
        raise ValueError("; ".join(map(str, made.problems)))
    return made.entries


@asynccontextmanager
async def opened_world(
    clock: FakeClock,
    happened: list[Happening],
    *,
    account: Account | None = None,
    accounts: Mapping[str, Account] | None = None,
    **more: Any,
) -> AsyncIterator[Equipment]:
    """The equipment of entries; the account serves every source.

    Args:
        clock: the time there.
        happened: is told what happens.
        account: the account of every source.
        accounts: further ones, by name.
        more: other parts of the equipment.
    """
    topics = Topics()
    with tempfile.TemporaryDirectory(prefix="hookline-") as folder:
        url = f"sqlite:///{Path(folder) / 'state.db'}"
        await migrate(url)
        store, log = Store.open(url), SqliteEventLog(Path(folder) / "events.db")
        await store.start()
        try:
            await log.start()
            await log.create({name: TopicSettings(partitions=1) for name in topics.all()})
            yield Equipment(
                log=log,
                store=store,
                topics=topics,
                accounts={**(accounts or {}), **({} if account is None else {account.name: account})},
                account_of=_EverySource(account.name) if account is not None else {},
                clock=clock,
                jitter=lambda: 1.0,
                observers=(happened.append,),
                **more,
            )
        finally:
            await log.stop(STOPS)
            await store.stop()


async def ends(log: EventLog, topics: Topics) -> Mapping[TopicPartition, int]:
    """Where each topic of a world ends now."""
    return await log.offsets([TopicPartition(name, 0) for name in topics.all()], "end")


async def events_since(log: EventLog, topics: Topics, start: Mapping[TopicPartition, int]) -> AsyncIterator[Event]:
    """What is new in the log, but for dead letters and tombstones."""
    dead = topics.name("dead")
    async for record in log.read({at: offset for at, offset in start.items() if at.topic != dead}, follow=False):
        if record.value is not None:
            yield decode(record)


class _EverySource(dict[str, str]):
    """Every source has the same account."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002 - the same for all
        return self._name
