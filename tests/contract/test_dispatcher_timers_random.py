"""Long random walks over one lane's timers: what the worker holds in memory is what the store has, after every step."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from dispatcher.outcome import Done
from dispatcher.partition import Partition, Recent
from dispatcher.settlement import Settlement, Settler
from dispatcher.timers import Timers
from dispatcher.tracker import Tracker
from dispatcher.work import Firing, Heading, Received, Replayed, Work
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated, Timer
from schemas.record import StoredRecord, TopicPartition
from store.replay_rows import LetterName, Order
from store.schedule import TimerName, TimerSet
from tests.contract.dispatchers import NOW, Rig, on_sqlite, quick

NAMES = "abc"
STEPS = 60
AT = TopicPartition("hookline.conversations", 0)


@handler("h", on=(MessageCreated, Timer))
async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None: ...


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with on_sqlite(tmp_path, partitions=1) as made:
        yield made


def record(offset: int, *, timer: bool = False) -> StoredRecord:
    kind = Timer.event_type if timer else MessageCreated.event_type
    headers = (("ce_type", kind.encode()), ("ce_source", b"/sources/support"), ("ce_id", f"e{offset}".encode()))
    return StoredRecord(
        topic=AT.topic, partition=0, offset=offset, key=b"c1", value=b"{}", headers=headers, timestamp=0
    )


class Walk:
    """One walk: events, events delivered again, firings, replays, crashes and changes of the log."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self._store = rig.store
        self._settler = Settler(quick(h), rig.equipment())
        self._random = Random(seed)  # noqa: S311 - a seeded walk, not a secret
        self._log = "one"
        self._next = {"one": 0, "two": 0}
        # What each event wishes, the same each time: by its log and offset.
        self._wishes: dict[tuple[str, int], tuple[TimerSet | TimerName, ...]] = {}
        self._replays = 0
        self.partition = Partition(at=AT, epoch=None, tracker=Tracker(0), recent=Recent(0))  # type: ignore[arg-type]  # `open` follows

    async def open(self) -> None:
        """Another owner takes over, with nothing in memory."""
        store = self._store
        epoch = (await store.owners.claim("h", [AT], self._log))[AT]
        await store.strays.adopt("h", AT, epoch, await store.strays.found("h", self._log), now=NOW)
        timers = Timers()
        timers.load(await store.schedule.load("h", AT, self._log))
        end = self._next[self._log]
        self.partition = Partition(at=AT, epoch=epoch, tracker=Tracker(end), recent=Recent(0), timers=timers)

    async def step(self) -> None:
        """One thing that can happen."""
        match self._random.choices(["event", "again", "fire", "replay", "crash", "move"], [8, 3, 6, 3, 2, 1])[0]:
            case "event":
                offset = self._next[self._log]
                self._next[self._log] += 1
                self.partition.tracker.passed(offset + 1)
                await self._received(offset)
            case "again" if self._next[self._log]:
                await self._received(self._random.randrange(self._next[self._log]))
            case "fire":
                await self._fire()
            case "replay" if self._next[self._log]:
                await self._replay()
            case "move":
                self._log = {"one": "two", "two": "one"}[self._log]
                await self.open()
            case _:
                await self.open()

    async def agrees(self) -> bool:
        """Whether memory and store have the same timers."""
        held = self.partition.timers
        stored = await self._store.schedule.load("h", AT, self._log)
        waiting = held.next_due() is not None
        return len(held) == len(stored) and all(map(held.pending, stored)) and waiting == bool(stored)

    def _wish(self, offset: int) -> tuple[TimerSet | TimerName, ...]:
        chosen = self._random.sample(NAMES, self._random.randrange(3))
        return self._wishes.setdefault((self._log, offset), tuple(map(self._one, chosen)))

    def _one(self, name: str) -> TimerSet | TimerName:
        if self._random.random() < 0.4:
            return TimerName(source="support", key="c1", name=name)
        due = NOW + timedelta(minutes=self._random.randrange(30))
        return TimerSet(
            source="support", key="c1", name=name, due=due, platform="p", conversation_id=None, received_at=NOW
        )

    async def _received(self, offset: int) -> None:
        found = record(offset)
        work = Received(self.partition, found, Heading.of(found))
        await self._settle(work, f"{self._log}-e{offset}", self._wish(offset))

    async def _fire(self) -> None:
        timers = self.partition.timers
        for row in timers.due(NOW + timedelta(hours=1))[:1]:
            work = Firing(self.partition, row, offset=self.partition.tracker.position - 1)
            wishes = tuple(map(self._one, self._random.sample(NAMES, self._random.randrange(2))))
            await self._settle(work, row.firing, wishes)
            # those that came due with it wait in their lanes: here another owner has them come due again
            await self.open()

    async def _replay(self) -> None:
        offset = self._random.randrange(self._next[self._log])
        self._replays += 1
        timer = self._random.random() < 0.5
        letter = LetterName(
            handler="h", at=AT, offset=self._replays, source="support", event_id=f"{offset}", failed_at=""
        )
        order = Order(letter=letter, record=record(offset, timer=timer), log=self._log, death=())
        [asked] = await self._store.replays.ask([order], NOW)
        [replay] = await self._store.replays.take("h", AT, self.partition.epoch, [asked.id], now=NOW)
        work = Replayed(self.partition, replay, Heading.of(replay.record))
        await self._settle(work, f"{self._log}-e{offset}", self._wish(offset))

    async def _settle(self, work: Work, event_id: str, wishes: tuple[TimerSet | TimerName, ...]) -> None:
        await self._settler.carry_out(work, Settlement(outcome=Done(), event_id=event_id, timers=wishes, appended=True))


@pytest.mark.parametrize("seed", range(12))
async def test_memory_and_store_always_agree(rig: Rig, seed: int) -> None:
    """Whatever is delivered again, fired, replayed, taken over or moved to another log."""
    walk = Walk(rig, seed)
    await walk.open()
    for step in range(STEPS):
        await walk.step()
        assert await walk.agrees(), f"after step {step} of walk {seed}"
