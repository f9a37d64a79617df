"""Deliveries of the quarantine that were dealt with, on both databases."""

from dataclasses import replace

from schemas.record import TopicPartition
from store.quarantine import QuarantineName
from store.store import Store
from tests.contract.stores import LOG, NOW, OTHER_LOG, minute

AT = TopicPartition("hookline.quarantine", 1)
ONE = QuarantineName(log=LOG, at=AT, offset=7, name="q\x00", timestamp=1_700_000_000_123)


async def test_a_delivery_that_was_dealt_with_is_known(store: Store) -> None:
    """Another at its place, as in a topic that was made anew, is not."""
    others = [
        replace(ONE, offset=8),
        replace(ONE, name="other"),
        replace(ONE, timestamp=1),
        replace(ONE, log=OTHER_LOG),
        replace(ONE, at=TopicPartition(AT.topic, 2)),
    ]
    await store.quarantine.note(ONE, events=2, now=NOW)
    await store.quarantine.note(ONE, events=0, now=minute(1))
    assert await store.quarantine.done([ONE, *others]) == {ONE}
    assert await store.quarantine.done([]) == set()


async def test_those_that_a_topic_still_has_are_counted(store: Store) -> None:
    """What retention dropped is not, nor what is of another log."""
    for one in (ONE, replace(ONE, offset=3), replace(ONE, log=OTHER_LOG), replace(ONE, at=AT._replace(partition=0))):
        await store.quarantine.note(one, events=1, now=NOW)
    assert await store.quarantine.count(LOG, {AT: 3}) == 2
    assert await store.quarantine.count(LOG, {AT: 4, AT._replace(partition=0): 0}) == 2
    assert await store.quarantine.count(LOG, {}) == 0


async def test_old_ones_are_thrown_away(store: Store) -> None:
    """As many as asked for at once."""
    for offset in range(3):
        await store.quarantine.note(replace(ONE, offset=offset), events=1, now=minute(offset))
    assert await store.quarantine.expire(minute(2), limit=1) == 1
    assert await store.quarantine.expire(minute(2)) == 1
    assert await store.quarantine.count(LOG, {AT: 0}) == 1
