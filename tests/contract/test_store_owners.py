"""Who owns a partition, on both databases."""

import asyncio

import pytest

from schemas.record import TopicPartition
from store.errors import NotOwned
from store.owners import Epoch
from store.schedule import TimerName
from store.store import Store
from tests.contract.stores import AT, LOG, NOW, OTHER_LOG, opened

OTHER = TopicPartition("hookline.contacts", 0)


async def test_the_first_owner_finds_the_partition_clean(store: Store) -> None:
    """Nobody was there before, so nobody crashed."""
    assert await store.owners.claim("h", [AT], LOG) == {AT: Epoch(1, clean=True, log=LOG)}


async def test_each_claim_takes_the_next_epoch_of_each_partition(store: Store) -> None:
    """Epochs grow by one per partition, and partitions do not share them."""
    await store.owners.claim("h", [AT], LOG)
    claimed = await store.owners.claim("h", [AT, OTHER], LOG)
    assert {at: epoch.value for at, epoch in claimed.items()} == {AT: 2, OTHER: 1}


async def test_handlers_own_apart(store: Store) -> None:
    """One partition has an owner per handler entry."""
    await store.owners.claim("h", [AT], LOG)
    assert await store.owners.claim("other", [AT], LOG) == {AT: Epoch(1, clean=True, log=LOG)}


async def test_claiming_from_a_living_owner_finds_it_unclean(store: Store) -> None:
    """Who did not release may have crashed."""
    await store.owners.claim("h", [AT], LOG)
    assert await store.owners.claim("h", [AT], LOG) == {AT: Epoch(2, clean=False, log=LOG)}


async def test_claiming_after_a_release_finds_it_clean(store: Store) -> None:
    """An orderly leave is remembered for the next owner, and only for that one."""
    assert await store.owners.release("h", await store.owners.claim("h", [AT], LOG)) == {AT}
    assert (await store.owners.claim("h", [AT], LOG))[AT] == Epoch(2, clean=True, log=LOG)
    assert (await store.owners.claim("h", [AT], LOG))[AT] == Epoch(3, clean=False, log=LOG)


async def test_a_former_owner_releases_nothing(store: Store) -> None:
    """A frozen worker that wakes up cannot mark the partition clean under its successor."""
    former = await store.owners.claim("h", [AT], LOG)
    await store.owners.claim("h", [AT], LOG)
    assert await store.owners.release("h", former) == frozenset()
    assert (await store.owners.claim("h", [AT], LOG))[AT].clean is False


async def test_claiming_and_releasing_nothing_is_nothing(store: Store) -> None:
    """An empty assignment needs no database."""
    assert await store.owners.claim("h", [], LOG) == {}
    assert await store.owners.release("h", {}) == frozenset()


async def test_many_claims_at_once_give_each_its_own_epoch(store: Store) -> None:
    """Overlapping claims in any order neither deadlock nor share an epoch."""
    partitions = [TopicPartition("t", number) for number in range(6)]
    orders = [partitions, partitions[::-1]] * 6
    claims = await asyncio.gather(*(store.owners.claim("h", order, LOG) for order in orders))
    for at in partitions:
        assert sorted(claim[at].value for claim in claims) == list(range(1, 13))


async def test_a_former_owner_writes_nothing(store: Store) -> None:
    """After another claim the old epoch is refused, whichever table it writes to."""
    former = (await store.owners.claim("h", [AT], LOG))[AT]
    await store.owners.claim("h", [AT], LOG)
    with pytest.raises(NotOwned, match=r"h does not own hookline.conversations/3 under epoch 1"):
        await store.schedule.settle(
            "h", AT, former, offset=1, event_id="e", now=NOW, cancel=[TimerName(source="s", key="k", name="n")]
        )


async def test_a_claim_waits_for_the_owners_running_writes(store_url: str) -> None:
    """What the old owner commits is there when the new one loads, or it is refused: never written afterwards."""
    name = TimerName(source="s", key="k", name="n")
    async with opened(store_url) as old, opened(store_url) as new:
        epoch = (await old.owners.claim("h", [AT], LOG))[AT]
        writes = [
            old.schedule.settle("h", AT, epoch, offset=offset, event_id=f"e{offset}", now=NOW, cancel=[name])
            for offset in range(20)
        ]
        claim = asyncio.create_task(new.owners.claim("h", [AT], LOG))
        results = await asyncio.gather(*writes, return_exceptions=True)
        await claim
        assert {type(result) for result in results} <= {dict, NotOwned}
        with pytest.raises(NotOwned):
            await old.schedule.settle("h", AT, epoch, offset=99, event_id="e", now=NOW, cancel=[name])


async def test_logs_are_owned_apart(store: Store) -> None:
    """A place in one log is another one than the same place in another."""
    await store.owners.claim("h", [AT], LOG)
    assert await store.owners.claim("h", [AT], OTHER_LOG) == {AT: Epoch(1, clean=True, log=OTHER_LOG)}
    assert await store.owners.is_owned("h", AT.topic, OTHER_LOG)
    assert not await store.owners.is_owned("h", OTHER.topic, OTHER_LOG)


async def test_that_an_entry_began_is_known_to_every_later_owner(store: Store) -> None:
    """Of that log."""
    first = await store.owners.claim("h", [AT], LOG)
    await store.owners.begun("h", first)
    await store.owners.begun("h", first)
    assert (await store.owners.claim("h", [AT], LOG))[AT] == Epoch(2, clean=False, log=LOG, started=True)
    assert (await store.owners.claim("h", [AT], OTHER_LOG))[AT].started is False


async def test_a_former_owner_does_not_say_that_an_entry_began(store: Store) -> None:
    """Its commit may have been refused."""
    former = await store.owners.claim("h", [AT, OTHER], LOG)
    await store.owners.claim("h", [AT], LOG)
    with pytest.raises(NotOwned):
        await store.owners.begun("h", former)
    assert (await store.owners.claim("h", [OTHER], LOG))[OTHER].started is False


async def test_who_was_followed_is_told(store: Store) -> None:
    """Before it does what no transaction can take back."""
    former = await store.owners.claim("h", [AT, OTHER], LOG)
    present = await store.owners.claim("h", [AT], LOG)
    await store.owners.confirm("h", AT, present[AT])
    await store.owners.confirm("h", OTHER, former[OTHER])
    with pytest.raises(NotOwned):
        await store.owners.confirm("h", AT, former[AT])
