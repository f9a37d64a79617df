"""Effects that happen once, on both databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from store.addresses import address
from store.database import Database, Work
from store.effects import Begun, EffectKey, Effects, Finished, Fresh
from store.errors import NotOwned, StoreUnavailable
from store.owners import Epoch
from store.store import Store
from tests.contract.stores import AT, DAY, LOG, NOW, minute

KEY = EffectKey(handler="h", source="support", event_id="message.created:1", name="ask")


@pytest.fixture
async def epoch(store: Store) -> Epoch:
    return (await store.owners.claim("h", [AT], LOG))[AT]


async def test_an_effect_is_fresh_once(store: Store, epoch: Epoch) -> None:
    """Whoever comes second is told that nobody knows, and since when."""
    assert await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW) == Fresh()
    assert await store.effects.begin(KEY, at=AT, epoch=epoch, now=minute(1)) == Begun(NOW)


async def test_a_finished_effect_gives_its_result(store: Store, epoch: Epoch) -> None:
    """As it was given, on every later attempt."""
    await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW)
    await store.effects.finish(KEY, '{"id": "m\x00\\ud800"}', at=AT, epoch=epoch)
    assert await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW) == Finished('{"id": "m\x00\\ud800"}')


async def test_unfinished_effects_of_an_event_are_known(store: Store, epoch: Epoch) -> None:
    """Those that were begun and neither finished nor forgotten; of this event and no other."""
    for name in ("a", "b", "c"):
        await store.effects.begin(replace(KEY, name=name), at=AT, epoch=epoch, now=NOW)
    await store.effects.begin(replace(KEY, event_id="other"), at=AT, epoch=epoch, now=NOW)
    await store.effects.finish(replace(KEY, name="a"), "1", at=AT, epoch=epoch)
    await store.effects.forget(replace(KEY, name="b"), at=AT, epoch=epoch)
    found = await store.effects.unfinished(handler=KEY.handler, source=KEY.source, event_id=KEY.event_id)
    assert found == ["c"]


async def test_finishing_may_be_repeated(store: Store, epoch: Epoch) -> None:
    """The write is retried until it succeeds, and may have succeeded before."""
    await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW)
    await store.effects.finish(KEY, "1", at=AT, epoch=epoch)
    await store.effects.finish(KEY, "1", at=AT, epoch=epoch)
    assert await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW) == Finished("1")


async def test_a_forgotten_effect_is_fresh_again(store: Store, epoch: Epoch) -> None:
    """Proof that nothing happened takes the row away."""
    await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW)
    await store.effects.forget(KEY, at=AT, epoch=epoch)
    await store.effects.forget(KEY, at=AT, epoch=epoch)
    assert await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW) == Fresh()


async def test_a_finished_effect_is_not_forgotten(store: Store, epoch: Epoch) -> None:
    """What is known to have happened stays known."""
    await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW)
    await store.effects.finish(KEY, "1", at=AT, epoch=epoch)
    await store.effects.forget(KEY, at=AT, epoch=epoch)
    assert await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW) == Finished("1")


@pytest.mark.parametrize("part", ["handler", "source", "event_id", "name"])
async def test_every_part_of_the_key_counts(store: Store, epoch: Epoch, part: str) -> None:
    """Two sources may well give two events one id."""
    other = replace(KEY, **{part: "other"})
    epochs = {"h": epoch, "other": (await store.owners.claim("other", [AT], LOG))[AT]}
    await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW)
    assert await store.effects.begin(other, at=AT, epoch=epochs[other.handler], now=NOW) == Fresh()


async def test_a_former_owner_begins_finishes_and_forgets_nothing(store: Store, epoch: Epoch) -> None:
    """The row belongs to the new owner's attempt by then."""
    await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW)
    newer = (await store.owners.claim("h", [AT], LOG))[AT]
    with pytest.raises(NotOwned):
        await store.effects.begin(replace(KEY, name="new"), at=AT, epoch=epoch, now=NOW)
    with pytest.raises(NotOwned):
        await store.effects.finish(KEY, "1", at=AT, epoch=epoch)
    with pytest.raises(NotOwned):
        await store.effects.forget(KEY, at=AT, epoch=epoch)
    assert await store.effects.begin(KEY, at=AT, epoch=newer, now=NOW) == Begun(NOW)


async def test_of_many_begins_at_once_one_is_fresh(store: Store, epoch: Epoch) -> None:
    """The index decides."""
    begun = await asyncio.gather(*(store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW) for _ in range(12)))
    assert sorted(type(each).__name__ for each in begun) == ["Begun"] * 11 + ["Fresh"]


async def test_effects_expire(store: Store, epoch: Epoch) -> None:
    """Rows begun before a time go, in bounded bites."""
    for number in range(5):
        key = replace(KEY, name=str(number))
        await store.effects.begin(key, at=AT, epoch=epoch, now=NOW + number * DAY)
    assert await store.effects.expire(NOW + 3 * DAY, limit=2) == 2
    assert await store.effects.expire(NOW + 3 * DAY, limit=2) == 1
    assert await store.effects.expire(NOW + 3 * DAY, limit=2) == 0
    assert await store.effects.begin(replace(KEY, name="3"), at=AT, epoch=epoch, now=NOW) == Begun(NOW + 3 * DAY)


class LosesAnswers(Database):
    """A database whose next answer is lost after the commit."""

    lose = False

    async def write(self, work: Work[Any], *, deadline: timedelta | None = None) -> Any:
        result = await super().write(work, deadline=deadline)
        if self.lose:
            self.lose = False
            raise StoreUnavailable("the answer was lost")
        return result


async def test_a_begin_whose_answer_was_lost_is_still_fresh(store: Store, store_url: str, epoch: Epoch) -> None:
    """Nobody acted on it, so it must not make the event uncertain."""
    database = LosesAnswers(address(store_url))
    effects = Effects(database)
    try:
        database.lose = True
        with pytest.raises(StoreUnavailable):
            await effects.begin(KEY, at=AT, epoch=epoch, now=NOW)
        assert await effects.begin(KEY, at=AT, epoch=epoch, now=NOW) == Fresh()
    finally:
        await database.stop()


async def test_a_cancelled_begin_is_still_fresh(store: Store, epoch: Epoch) -> None:
    """An attempt that timed out while it was asking has run nothing."""
    for number in range(40):
        key = replace(KEY, name=str(number))
        begin = asyncio.create_task(store.effects.begin(key, at=AT, epoch=epoch, now=NOW))
        await asyncio.sleep(number / 4_000)
        begin.cancel()
        await asyncio.wait([begin])
        answered = not begin.cancelled()
        again = await store.effects.begin(key, at=AT, epoch=epoch, now=NOW)
        assert again == (Begun(NOW) if answered else Fresh())


async def test_another_process_takes_a_lost_begin_for_begun(store: Store, store_url: str, epoch: Epoch) -> None:
    """It cannot know whether somebody acted."""
    database = LosesAnswers(address(store_url))
    try:
        database.lose = True
        with pytest.raises(StoreUnavailable):
            await Effects(database).begin(KEY, at=AT, epoch=epoch, now=NOW)
        assert await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW) == Begun(NOW)
    finally:
        await database.stop()
