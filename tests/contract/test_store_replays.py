"""Replays of dead letters, on both databases."""

import asyncio
from dataclasses import replace

import pytest

from schemas.record import StoredRecord, TopicPartition
from store.effects import EffectKey
from store.errors import NotOwned, ReplaysFull
from store.owners import Epoch
from store.replay_rows import LetterName, Order, Replay
from store.replays import MAX_OPEN, Asked, Ending, Replays
from store.schedule import TimerName, TimerSet
from store.store import Store
from tests.contract.interleaving import SteppedDatabase, Turns
from tests.contract.stores import AT, DAY, LOG, NOW, minute, rows

DONE = Ending(state="done")
DEAD = TopicPartition("hookline.dead", 1)


def record(offset: int = 7, *, at: TopicPartition = AT) -> StoredRecord:
    """A record with everything a record may have: names twice, bytes that are no text, an empty header."""
    return StoredRecord(
        topic=at.topic,
        partition=at.partition,
        offset=offset,
        key=b"c\x00\xff",
        value=b'{"content": "\xff"}',
        headers=(("ce_id", b"e"), ("x", b""), ("x", b"\x00\xff"), ("n\x00\ud800", b"1")),
        timestamp=1_700_000_000_123,
    )


def order(
    number: int = 0, *, handler: str = "h", offset: int = 7, at: TopicPartition = AT, redo_effects: bool = False
) -> Order:
    """A letter of an event that stands at some place."""
    letter = LetterName(
        handler=handler,
        at=DEAD,
        offset=number,
        source="support",
        event_id=f"e{number}\x00",
        failed_at="2026-11-21T12:00:00Z",
    )
    death = (("x-dlq-reason", b"exhausted"), ("x-dlq-attempts", b"3"))
    return Order(letter=letter, record=record(offset, at=at), log=LOG, death=death, redo_effects=redo_effects)


@pytest.fixture
async def epoch(store: Store) -> Epoch:
    return (await store.owners.claim("h", [AT], LOG))[AT]


async def asked(store: Store, *orders: Order) -> list[int]:
    """Ask; the ids."""
    return [each.id for each in await store.replays.ask(orders, NOW)]


async def taken(store: Store, epoch: Epoch) -> list[Replay]:
    """All that the owner of the partition finds."""
    ids = [each.id for each in await store.replays.waiting("h") if each.at == AT]
    return await store.replays.take("h", AT, epoch, ids, now=minute(1))


async def states(store: Store) -> list[str]:
    return [mark.state for mark in await store.replays.marks()]


async def test_a_worker_gets_the_record_byte_for_byte(store: Store, epoch: Epoch) -> None:
    """Key, value, headers with their order and repetitions, timestamp and place, and what the letter says."""
    [number] = await asked(store, order())
    [replay] = await taken(store, epoch)
    assert replay == Replay(id=number, record=record(), log=LOG, death=order().death, at=AT, offset=record().offset)
    assert await states(store) == ["running"]


async def test_a_record_without_key_and_value_stays_without(store: Store, epoch: Epoch) -> None:
    """None is not the empty string."""
    bare = replace(record(), key=None, value=None, headers=())
    await asked(store, replace(order(), record=bare))
    [replay] = await taken(store, epoch)
    assert replay.record == bare


async def happened(store: Store, epoch: Epoch, number: int, *, handler: str = "h", source: str = "support") -> None:
    """An effect of a letter's event that happened."""
    key = EffectKey(handler=handler, source=source, event_id=order(number).letter.event_id, name="send")
    await store.effects.begin(key, at=AT, epoch=epoch, now=NOW)
    await store.effects.finish(key, "1", at=AT, epoch=epoch)


async def known_effects(store_url: str) -> list[tuple[object, ...]]:
    return await rows(store_url, "SELECT handler, source, substr(event_id, 1, 2) FROM effects ORDER BY 1, 2, 3")


async def test_effects_are_kept(store: Store, epoch: Epoch, store_url: str) -> None:
    """They happened, and a replay finds their results."""
    await happened(store, epoch, 1)
    await asked(store, order(1))
    await taken(store, epoch)
    assert await known_effects(store_url) == [("h", "support", "e1")]


async def test_effects_are_forgotten_when_somebody_says_so(store: Store, epoch: Epoch, store_url: str) -> None:
    """Those of this event for this entry; not again when the next owner begins it after a crash."""
    other = (await store.owners.claim("other", [AT], LOG))[AT]
    await happened(store, epoch, 1)
    await happened(store, epoch, 1, source="shop")
    await happened(store, epoch, 2)
    await happened(store, other, 1, handler="other")
    await asked(store, order(1, redo_effects=True))
    await taken(store, epoch)
    rest = [("h", "shop", "e1"), ("h", "support", "e2"), ("other", "support", "e1")]
    assert await known_effects(store_url) == rest
    await happened(store, epoch, 1)
    await taken(store, (await store.owners.claim("h", [AT], LOG))[AT])
    assert await known_effects(store_url) == sorted([*rest, ("h", "support", "e1")])


async def test_asking_twice_changes_nothing_while_it_is_open(store: Store, epoch: Epoch) -> None:
    """Neither while it waits nor while it runs."""
    [first] = await store.replays.ask([order()], NOW)
    assert first.accepted
    assert await store.replays.ask([order()], minute(1)) == [Asked(first.id, accepted=False)]
    await taken(store, epoch)
    assert await store.replays.ask([order()], minute(2)) == [Asked(first.id, accepted=False)]
    [mark] = await store.replays.marks()
    assert (mark.state, mark.asked_at) == ("running", NOW)


async def test_effects_are_redone_by_a_replay_that_waits_when_somebody_says_so_later(
    store: Store, epoch: Epoch, store_url: str
) -> None:
    """And by whoever asked for it last without that; one that runs goes on as it began."""
    for number in (1, 2):
        await happened(store, epoch, number)
    await asked(store, order(1), order(2))
    for redo in (True, False):
        assert not (await store.replays.ask([order(1, redo_effects=redo)], minute(1)))[0].accepted
    await taken(store, epoch)
    assert await known_effects(store_url) == [("h", "support", "e2")]
    await asked(store, order(2, redo_effects=True))
    await taken(store, (await store.owners.claim("h", [AT], LOG))[AT])
    assert await known_effects(store_url) == [("h", "support", "e2")]
    assert [mark.redo_effects for mark in await store.replays.marks()] == [True, False]


async def test_what_redoes_effects_has_forgotten_them_though_both_come_at_once(
    store: Store, epoch: Epoch, store_url: str
) -> None:
    """Whoever asks for that beside the worker that begins it, statement by statement, is told what holds."""

    async def look() -> None: ...

    for seed in range(8):
        await happened(store, epoch, seed)
        [number] = await asked(store, order(seed))
        turns = Turns(seed)
        worker, desk = (SteppedDatabase(store_url, name, turns) for name in ("worker", "desk"))
        begins = Replays(worker).take("h", AT, epoch, [number], now=minute(1))
        asks = Replays(desk).ask([order(seed, redo_effects=True)], minute(1))
        await turns.conduct({"worker": begins, "desk": asks}, look)
        for database in (worker, desk):
            await database.stop()
        redone = (await store.replays.found([number]))[number].redo_effects
        kept = ("h", "support", f"e{seed}") in await known_effects(store_url)
        assert kept is not redone, f"seed {seed}"


async def test_asking_at_once_makes_one_row(store: Store) -> None:
    """Command and console ask for the same letter."""
    answers = await asyncio.gather(*(store.replays.ask([order()], NOW) for _ in range(8)))
    assert sorted(accepted for [(_, accepted)] in answers) == [False] * 7 + [True]
    assert await states(store) == ["waiting"]


async def test_what_was_done_is_not_done_again(store: Store, epoch: Epoch) -> None:
    """Whoever asks again is told so."""
    await asked(store, order())
    [replay] = await taken(store, epoch)
    await store.replays.end("h", replay, epoch, DONE, now=minute(2))
    assert await store.replays.ask([order()], minute(3)) == [Asked(replay.id, accepted=False)]
    assert await states(store) == ["done"]


@pytest.mark.parametrize("ended", ["dead", "discarded"])
async def test_what_was_not_done_may_be_asked_for_again(store: Store, epoch: Epoch, ended: str) -> None:
    """With its record, which was taken out when it ended."""
    await asked(store, order())
    [replay] = await taken(store, epoch)
    if ended == "dead":
        failed = Ending(state="dead", reason="exhausted", detail="ValueError")
        await store.replays.end("h", replay, epoch, failed, now=minute(2))
    else:
        await store.replays.discard([order().letter], minute(2))
    assert await store.replays.ask([order()], minute(3)) == [Asked(replay.id, accepted=True)]
    [mark] = await store.replays.marks()
    assert (mark.state, mark.asked_at, mark.ended_at, mark.reason) == ("waiting", minute(3), None, None)
    assert [again.record for again in await taken(store, epoch)] == [record()]


async def test_a_letter_of_another_log_at_the_same_place_is_another_letter(store: Store) -> None:
    """A log that was deleted, or stepped up from, gives its offsets anew."""
    other = replace(order().letter, failed_at="2026-11-21T12:00:01Z")
    assert len(set(await asked(store, order(), replace(order(), letter=other)))) == 2


async def test_replays_of_an_entry_are_bounded(store: Store) -> None:
    """All or none of what is asked for; other entries have their own bound."""
    for first in range(0, MAX_OPEN - 1, 333):
        await store.replays.ask([order(first + number) for number in range(333)], NOW)
    assert (await store.replay_jobs.room("h", 0)).open == 999
    with pytest.raises(ReplaysFull, match=r"At most 1,000 replays .* h has room for 1 more\. Ask again when") as caught:
        await store.replays.ask([order(5), order(2000), order(2001)], NOW)
    assert caught.value.room == 1
    assert (await store.replay_jobs.room("h", 0)).open == 999
    await store.replays.ask([order(5), order(2000)], NOW)
    assert (await store.replay_jobs.room("h", 0)).open == 1000
    await store.replays.ask([order(handler="other")], NOW)
    assert (await store.replay_jobs.room("other", 0)).open == 1


async def test_they_wait_in_the_order_of_their_events(store: Store, epoch: Epoch) -> None:
    """Whatever order they were asked for in; of one place, the letter that was asked for first."""
    there = TopicPartition("hookline.contacts", 0)
    numbers = await asked(
        store, order(1, offset=9), order(2, offset=8), order(3, at=there), order(4, offset=8), order(5, handler="x")
    )
    found = await store.replays.waiting("h")
    assert [(each.at, each.id) for each in found] == [
        (there, numbers[2]),
        (AT, numbers[1]),
        (AT, numbers[3]),
        (AT, numbers[0]),
    ]
    assert [replay.id for replay in await taken(store, epoch)] == [numbers[1], numbers[3], numbers[0]]


async def test_a_former_owner_begins_nothing(store: Store, epoch: Epoch) -> None:
    """A worker that was frozen finds the letter waiting, and may not take it."""
    await asked(store, order())
    await store.owners.claim("h", [AT], LOG)
    with pytest.raises(NotOwned):
        await taken(store, epoch)
    assert await states(store) == ["waiting"]


async def test_a_former_owner_ends_nothing(store: Store, epoch: Epoch) -> None:
    """Neither its result nor its timers count; the next owner begins the replay again."""
    await asked(store, order())
    [replay] = await taken(store, epoch)
    successor = (await store.owners.claim("h", [AT], LOG))[AT]
    ending = Ending(state="done", event_id="e", set=[timer("a", 10)])
    with pytest.raises(NotOwned):
        await store.replays.end("h", replay, epoch, ending, now=minute(2))
    assert await states(store) == ["running"]
    assert await store.schedule.load("h", AT, LOG) == []
    assert await taken(store, successor) == [replay]
    assert (await store.replays.end("h", replay, successor, ending, now=minute(3))).first
    assert await states(store) == ["done"]


async def test_the_record_is_kept_no_longer_than_needed(store: Store, epoch: Epoch, store_url: str) -> None:
    """The mark that stays holds nothing a visitor wrote."""
    await asked(store, order(1), order(2))
    replay, _ = await taken(store, epoch)
    await store.replays.end("h", replay, epoch, DONE, now=minute(2))
    await store.replays.discard([order(2).letter], minute(2))
    kept = await rows(store_url, "SELECT key, value, headers, timestamp, death FROM replays")
    assert kept == [(None,) * 5] * 2


async def test_why_it_died_again_is_told(store: Store, epoch: Epoch) -> None:
    """The reason and the detail of the new letter."""
    [number] = await asked(store, order())
    [replay] = await taken(store, epoch)
    failed = Ending(state="dead", reason="rejected", detail="no such plan\x00")
    await store.replays.end("h", replay, epoch, failed, now=minute(2))
    mark = (await store.replays.found([number]))[number]
    assert (mark.state, mark.reason, mark.detail, mark.ended_at) == ("dead", "rejected", "no such plan\x00", minute(2))
    assert (mark.letter, mark.origin) == (order().letter, AT)


async def test_a_discarded_replay_is_not_begun(store: Store, epoch: Epoch) -> None:
    """Somebody took it back between the worker's look and its hand."""
    [number] = await asked(store, order())
    await store.replays.discard([order().letter], minute(1))
    assert await store.replays.take("h", AT, epoch, [number], now=minute(2)) == []
    assert await store.replays.waiting("h") == []
    assert await states(store) == ["discarded"]


async def test_a_discarded_replay_stays_discarded_when_its_attempt_ends(store: Store, epoch: Epoch) -> None:
    """And its timers are not set."""
    await asked(store, order())
    [replay] = await taken(store, epoch)
    await store.replays.discard([order().letter], minute(1))
    ending = Ending(state="done", event_id="e", set=[timer("a", 10)])
    assert not (await store.replays.end("h", replay, epoch, ending, now=minute(2))).first
    assert await states(store) == ["discarded"]
    assert await store.schedule.load("h", AT, LOG) == []


async def test_discarding_needs_no_replay_before(store: Store) -> None:
    """A letter that nobody asked for has no origin, only a mark; discarding it again changes nothing."""
    await store.replays.discard([order().letter], NOW)
    await store.replays.discard([order().letter], minute(5))
    [mark] = await store.replays.marks("h")
    assert (mark.state, mark.origin, mark.asked_at, mark.ended_at) == ("discarded", None, NOW, NOW)
    assert await store.replays.marks("other") == []


async def test_done_stays_done_when_it_is_discarded(store: Store, epoch: Epoch) -> None:
    """The mark says what happened."""
    await asked(store, order())
    [replay] = await taken(store, epoch)
    await store.replays.end("h", replay, epoch, DONE, now=minute(2))
    await store.replays.discard([order().letter], minute(3))
    assert await states(store) == ["done"]


def timer(name: str, due: int) -> TimerSet:
    return TimerSet(
        source="support",
        key="c",
        name=name,
        due=minute(due),
        platform="mygptassistants",
        conversation_id=None,
        received_at=NOW,
    )


async def test_ending_may_be_repeated(store: Store, epoch: Epoch) -> None:
    """The first time counts, with its timers: a worker that did not hear of it asks again."""
    await asked(store, order())
    [replay] = await taken(store, epoch)
    assert (
        await store.replays.end("h", replay, epoch, Ending(state="done", set=[timer("a", 10)]), now=minute(2))
    ).first
    assert not (
        await store.replays.end("h", replay, epoch, Ending(state="done", set=[timer("a", 99)]), now=minute(3))
    ).first
    assert [row.due for row in await store.schedule.load("h", AT, LOG)] == [minute(10)]


@pytest.mark.parametrize(
    ("written_at", "firing", "due"),
    [
        pytest.param(6, False, 10, id="moves what an older event set"),
        pytest.param(7, False, 50, id="leaves what its own event set before"),
        pytest.param(8, False, 50, id="leaves what a newer event set"),
        pytest.param(7, True, 10, id="as a firing, moves what the record at its place set"),
        pytest.param(8, True, 50, id="as a firing, leaves what a newer event set"),
    ],
)
async def test_a_replay_sets_timers_as_of_its_place(
    store: Store, epoch: Epoch, written_at: int, firing: bool, due: int
) -> None:
    """Events that came after the replayed one had their say already."""
    await store.schedule.settle(
        "h", AT, epoch, offset=written_at, event_id="other", now=NOW, set=[timer("a", 50)], cancel=()
    )
    await asked(store, order(offset=7))
    [replay] = await taken(store, epoch)
    ending = Ending(state="done", event_id="e", set=[timer("a", 10)], firing=firing)
    await store.replays.end("h", replay, epoch, ending, now=minute(2))
    assert [row.due for row in await store.schedule.load("h", AT, LOG)] == [minute(due)]


async def test_a_replay_cancels_timers_as_of_its_place(store: Store, epoch: Epoch) -> None:
    """The older timer goes, the newer one stays."""
    for offset, name in ((6, "older"), (8, "newer")):
        await store.schedule.settle("h", AT, epoch, offset=offset, event_id="x", now=NOW, set=[timer(name, 50)])
    await asked(store, order(offset=7))
    [replay] = await taken(store, epoch)
    cancels = [TimerName(source="support", key="c", name=name) for name in ("older", "newer")]
    await store.replays.end("h", replay, epoch, Ending(state="done", event_id="e", cancel=cancels), now=minute(2))
    assert [row.name for row in await store.schedule.load("h", AT, LOG)] == ["newer"]


async def test_old_marks_expire_and_open_replays_do_not(store: Store, epoch: Epoch) -> None:
    """By the time they ended, a few at a time."""
    await asked(store, order(1), order(2), order(3))
    for replay in (await taken(store, epoch))[:2]:
        await store.replays.end("h", replay, epoch, DONE, now=NOW)
    assert await store.replays.expire(NOW) == 0
    assert await store.replays.expire(NOW + DAY, limit=1) == 1
    assert await store.replays.expire(NOW + DAY) == 1
    assert await states(store) == ["running"]
