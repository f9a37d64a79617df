"""Timers: what sets, moves, cancels and ends them, on both databases."""

from dataclasses import dataclass, field

import pytest

from schemas.record import TopicPartition
from store.errors import NotOwned
from store.owners import Epoch
from store.schedule import TimerName, TimerSet
from store.store import Store
from tests.contract.stores import AT, DAY, LOG, NOW, minute


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event at an offset that is done: it set some timers (name → minute) and cancelled some."""

    offset: int
    set: dict[str, int] = field(default_factory=dict)
    cancel: tuple[str, ...] = ()
    # The offset of the event it is a copy of.
    copy_of: int | None = None

    @property
    def id(self) -> str:
        """The same in every copy."""
        return f"e{self.offset if self.copy_of is None else self.copy_of}"


@dataclass(frozen=True, kw_only=True)
class Firing:
    """A firing of a timer that is done, when all up to an offset had been read."""

    of: str
    read: int
    set: dict[str, int] = field(default_factory=dict)
    cancel: tuple[str, ...] = ()
    # The firing that was settled before, once more.
    again: bool = False


Step = Event | Firing

TABLE: dict[str, tuple[list[Step], dict[str, int]]] = {
    "set": ([Event(offset=5, set={"a": 10})], {"a": 10}),
    "a newer event moves it": ([Event(offset=5, set={"a": 10}), Event(offset=7, set={"a": 20})], {"a": 20}),
    "an older event does not": ([Event(offset=7, set={"a": 20}), Event(offset=5, set={"a": 10})], {"a": 20}),
    "the same event does not": ([Event(offset=5, set={"a": 10}), Event(offset=5, set={"a": 11})], {"a": 10}),
    "cancelled": ([Event(offset=5, set={"a": 10}), Event(offset=6, cancel=("a",))], {}),
    "an older cancel does nothing": ([Event(offset=7, set={"a": 10}), Event(offset=6, cancel=("a",))], {"a": 10}),
    "the same event's cancel does nothing": (
        [Event(offset=5, set={"a": 10}), Event(offset=5, cancel=("a",))],
        {"a": 10},
    ),
    "a redelivered setter does not undo a cancel": (
        [Event(offset=5, set={"a": 10}), Event(offset=6, cancel=("a",)), Event(offset=5, set={"a": 10})],
        {},
    ),
    "set again after a cancel": (
        [Event(offset=5, set={"a": 10}), Event(offset=6, cancel=("a",)), Event(offset=7, set={"a": 30})],
        {"a": 30},
    ),
    "a cancel of nothing outlives an older set": ([Event(offset=6, cancel=("a",)), Event(offset=5, set={"a": 10})], {}),
    "fired": ([Event(offset=5, set={"a": 10}), Firing(of="a", read=5)], {}),
    "a redelivered setter does not wake a fired one": (
        [Event(offset=5, set={"a": 10}), Firing(of="a", read=5), Event(offset=5, set={"a": 10})],
        {},
    ),
    "a copy does not set again what fired": (
        [Event(offset=5, set={"a": 10}), Firing(of="a", read=5), Event(offset=8, set={"a": 10}, copy_of=5)],
        {},
    ),
    "nor does it keep a later event from it": (
        [
            Event(offset=5, set={"a": 10}),
            Firing(of="a", read=5),
            Event(offset=8, set={"a": 10}, copy_of=5),
            Event(offset=9, set={"a": 40}),
        ],
        {"a": 40},
    ),
    "cancelled after it fired": (
        [
            Event(offset=5, set={"a": 10}),
            Firing(of="a", read=5),
            Event(offset=9, cancel=("a",)),
            Event(offset=8, set={"a": 40}),
        ],
        {},
    ),
    "a copy brings back what a later event cancelled": (
        [Event(offset=5, set={"a": 10}), Event(offset=6, cancel=("a",)), Event(offset=8, set={"a": 10}, copy_of=5)],
        {"a": 10},
    ),
    "set again after firing": (
        [Event(offset=5, set={"a": 10}), Firing(of="a", read=5), Event(offset=8, set={"a": 40})],
        {"a": 40},
    ),
    "a firing sets itself again": (
        [Event(offset=5, set={"a": 10}), Firing(of="a", read=5, set={"a": 20})],
        {"a": 20},
    ),
    "a repeated firing changes nothing": (
        [
            Event(offset=5, set={"a": 10}),
            Firing(of="a", read=5, set={"a": 20}),
            Firing(of="a", read=5, set={"a": 99}, cancel=("b",), again=True),
        ],
        {"a": 20},
    ),
    "what a firing set is not undone by its setter": (
        [Event(offset=5, set={"a": 10}), Firing(of="a", read=5, set={"a": 20}), Event(offset=5, set={"a": 10})],
        {"a": 20},
    ),
    "what a firing set is not undone by an event read before it": (
        [
            Event(offset=5, set={"a": 10}),
            Event(offset=6),
            Firing(of="a", read=6, set={"b": 20}),
            Event(offset=6, cancel=("b",)),
        ],
        {"b": 20},
    ),
    "what a firing set is moved by a newer event": (
        [Event(offset=5, set={"a": 10}), Firing(of="a", read=5, set={"a": 20}), Event(offset=6, set={"a": 60})],
        {"a": 60},
    ),
    "a firing cancels a timer of a newer event": (
        [Event(offset=5, set={"a": 10}), Event(offset=6, set={"b": 50}), Firing(of="a", read=6, cancel=("b",))],
        {},
    ),
    "even when it is given its setter's offset": (
        [Event(offset=5, set={"a": 10}), Event(offset=6, set={"b": 50}), Firing(of="a", read=5, cancel=("b",))],
        {},
    ),
    "and then an older event does not set it again": (
        [
            Event(offset=5, set={"a": 10}),
            Event(offset=6, set={"b": 50}),
            Firing(of="a", read=5, cancel=("b",)),
            Event(offset=6, set={"b": 50}),
        ],
        {},
    ),
    "a firing of before a move changes nothing": (
        [
            Event(offset=5, set={"a": 10}),
            Firing(of="a", read=5, set={"a": 20}),
            Event(offset=6, set={"a": 60}),
            Firing(of="a", read=6, set={"b": 1}, again=True),
        ],
        {"a": 60},
    ),
    "names are apart": (
        [Event(offset=5, set={"a": 10, "b": 20}), Event(offset=6, cancel=("a",))],
        {"b": 20},
    ),
    "one event sets and cancels": (
        [Event(offset=5, set={"a": 10}), Event(offset=6, set={"b": 20}, cancel=("a",))],
        {"b": 20},
    ),
}


def named(name: str, *, source: str = "support", key: str = "c1") -> TimerName:
    return TimerName(source=source, key=key, name=name)


def due(name: str, at: int, *, source: str = "support", key: str = "c1") -> TimerSet:
    return TimerSet(
        source=source,
        key=key,
        name=name,
        due=minute(at),
        platform="mygptassistants",
        conversation_id=key,
        received_at=NOW,
    )


async def play(store: Store, epoch: Epoch, steps: list[Step]) -> None:
    firings: dict[str, str] = {}
    for step in steps:
        fired = None
        if isinstance(step, Firing):
            if not step.again:
                firings[step.of] = next(
                    row.firing for row in await store.schedule.load("h", AT, LOG) if row.name == step.of
                )
            fired = firings[step.of]
        await store.schedule.settle(
            "h",
            AT,
            epoch,
            offset=step.offset if isinstance(step, Event) else step.read,
            event_id=fired or (step.id if isinstance(step, Event) else "e0"),
            now=NOW,
            set=[due(name, at) for name, at in step.set.items()],
            cancel=[named(name) for name in step.cancel],
            fired=fired,
        )


@pytest.fixture
async def epoch(store: Store) -> Epoch:
    return (await store.owners.claim("h", [AT], LOG))[AT]


@pytest.mark.parametrize("case", TABLE)
async def test_the_rules_of_timers(store: Store, epoch: Epoch, case: str) -> None:
    """After these steps exactly these timers are pending."""
    steps, expected = TABLE[case]
    await play(store, epoch, steps)
    pending = await store.schedule.load("h", AT, LOG)
    assert {row.name: row.due for row in pending} == {name: minute(at) for name, at in expected.items()}


async def test_a_timer_comes_back_with_all_its_event_needs(store: Store, epoch: Epoch) -> None:
    """Strangers' texts too, whatever characters they have."""
    key = "k\x00\ud800\x1a" + "é" * 5_000
    timer = TimerSet(
        source="support", key=key, name="n", due=minute(1), platform="p", conversation_id=None, received_at=NOW
    )
    await store.schedule.settle("h", AT, epoch, offset=2**40, event_id="e\x00", now=NOW, set=[timer])
    (row,) = await store.schedule.load("h", AT, LOG)
    assert (row.handler, row.at, row.source, row.key, row.name) == ("h", AT, "support", key, "n")
    assert (row.due, row.platform, row.conversation_id, row.received_at) == (minute(1), "p", None, NOW)
    assert (row.setter_offset, row.setter_id) == (2**40, "e\x00")
    assert await store.schedule.is_pending("h", row.firing)
    # Of any text that an operator asks for, and no database can hold.
    assert not await store.schedule.is_pending("h", "e\x00\ud800")


async def test_timers_of_other_keys_sources_partitions_and_handlers_are_others(store: Store) -> None:
    """A name means something inside its lane only."""
    other = TopicPartition(AT.topic, 4)
    for handler, at in (("h", AT), ("h", other), ("g", AT)):
        epoch = (await store.owners.claim(handler, [at], LOG))[at]
        timers = [due("a", 1), due("a", 2, key="c2"), due("a", 3, source="sales")]
        await store.schedule.settle(handler, at, epoch, offset=5, event_id="e", now=NOW, set=timers)
        await store.schedule.settle(handler, at, epoch, offset=6, event_id="f", now=NOW, cancel=[named("a")])
    for handler, at in (("h", AT), ("h", other), ("g", AT)):
        found = {(row.source, row.key): row.due for row in await store.schedule.load(handler, at, LOG)}
        assert found == {("support", "c2"): minute(2), ("sales", "c1"): minute(3)}


async def test_each_setting_has_a_firing_of_its_own(store: Store, epoch: Epoch) -> None:
    """The same one on every look, another after the timer was moved."""
    await play(store, epoch, [Event(offset=5, set={"a": 10})])
    first = [row.firing for row in await store.schedule.load("h", AT, LOG)]
    await play(store, epoch, [Event(offset=5, set={"a": 10})])
    assert [row.firing for row in await store.schedule.load("h", AT, LOG)] == first
    await play(store, epoch, [Event(offset=6, set={"a": 10})])
    assert [row.firing for row in await store.schedule.load("h", AT, LOG)] != first


async def test_of_two_settings_of_one_name_the_last_counts(store: Store, epoch: Epoch) -> None:
    """An attempt may change its mind."""
    timers = [due("a", 1), due("a", 2)]
    await store.schedule.settle("h", AT, epoch, offset=5, event_id="e", now=NOW, set=timers)
    assert [row.due for row in await store.schedule.load("h", AT, LOG)] == [minute(2)]


async def test_setting_and_cancelling_one_name_is_refused(store: Store, epoch: Epoch) -> None:
    """The order of the two is lost by then, so the caller has to say which was last."""
    with pytest.raises(ValueError, match="both sets and cancels"):
        await store.schedule.settle(
            "h", AT, epoch, offset=5, event_id="e", now=NOW, set=[due("a", 1)], cancel=[named("a")]
        )


async def test_a_refused_settle_writes_nothing(store: Store, epoch: Epoch) -> None:
    """Neither sets nor fires."""
    await play(store, epoch, [Event(offset=5, set={"a": 10})])
    (row,) = await store.schedule.load("h", AT, LOG)
    stale = Epoch(epoch.value - 1, clean=True)
    with pytest.raises(NotOwned):
        await store.schedule.settle(
            "h", AT, stale, offset=6, event_id="e", now=NOW, set=[due("b", 1)], fired=row.firing
        )
    assert await store.schedule.load("h", AT, LOG) == [row]


async def test_nothing_to_settle_asks_nobody(store: Store) -> None:
    """Most events set no timer: they cost no transaction, not even a look at the owner."""
    await store.schedule.settle("h", AT, Epoch(77, clean=True), offset=5, event_id="e", now=NOW)


async def test_more_timers_than_a_page_are_loaded(store: Store, epoch: Epoch) -> None:
    """5,500 pending ones come back, each once."""
    for start in range(0, 5_500, 500):
        timers = [due("a", 1, key=f"c{number}") for number in range(start, start + 500)]
        await store.schedule.settle("h", AT, epoch, offset=start, event_id="e", now=NOW, set=timers)
    assert {row.key for row in await store.schedule.load("h", AT, LOG)} == {f"c{number}" for number in range(5_500)}


async def test_timers_that_are_over_expire(store: Store, epoch: Epoch) -> None:
    """Fired and cancelled ones of long ago go; pending ones stay however old."""
    await play(store, epoch, [Event(offset=5, set={"a": 10, "b": 10, "c": 10}), Event(offset=6, cancel=("a",))])
    await play(store, epoch, [Firing(of="b", read=6)])
    assert await store.schedule.expire(NOW) == 0
    assert await store.schedule.expire(NOW + DAY) == 2
    assert [row.name for row in await store.schedule.load("h", AT, LOG)] == ["c"]


async def test_timers_that_are_set_are_counted(store: Store, epoch: Epoch) -> None:
    """By handler; not those that are over, nor those of another log."""
    await play(store, epoch, [Event(offset=5, set={"a": 10, "b": 10, "c": 10}), Event(offset=6, cancel=("a",))])
    assert await store.schedule.waiting(LOG) == {"h": 2}
    assert await store.schedule.waiting("another") == {}
