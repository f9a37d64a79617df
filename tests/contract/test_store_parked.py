"""Records of lanes that wait long, on both databases."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.record import StoredRecord, TopicPartition
from store.errors import NotOwned, ParkingFull
from store.owners import Epoch
from store.parked_rows import LaneName, ParkedLane, ParkedRow, ToPark, Tried
from store.schedule import TimerName, TimerSet
from store.store import Store
from tests.contract.stores import AT, LOG, NOW, OTHER_LOG, minute, rows

LANE = LaneName(b"support", b"c\x00\xff")
TRIED = Tried(
    due=minute(5),
    made=3,
    free=2,
    first_failed_at=minute(1),
    held_up_since=minute(2),
    detail="TimedOut\x00: no answer",
)


def to_park(offset: int = 7, *, lane: LaneName = LANE, tried: Tried = TRIED, event: str = "") -> ToPark:
    """A record with everything a record may have: names twice, bytes that are no text, an empty header."""
    return ToPark(
        record=StoredRecord(
            topic=AT.topic,
            partition=AT.partition,
            offset=offset,
            key=lane.key,
            value=b'{"content": "\xff"}',
            headers=(("ce_id", b"e"), ("x", b""), ("x", b"\x00\xff"), ("n\x00\ud800", b"1")),
            timestamp=1_700_000_000_123,
        ),
        lane=lane,
        identity=b"/sources/support\x00" + (event or f"e{offset}").encode(),
        event_id=event or f"e{offset}",
        tried=tried,
    )


@pytest.fixture
async def epoch(store: Store) -> Epoch:
    return (await store.owners.claim("h", [AT], LOG))[AT]


async def park(store: Store, epoch: Epoch, *records: ToPark, **more: Any) -> None:
    await store.parked.park("h", AT, epoch, records, {}, **{"bound": 100, "now": NOW, **more})


async def loaded(store: Store, epoch: Epoch, lane: LaneName = LANE, *, limit: int = 100) -> list[ParkedRow]:
    return (await store.parked.load("h", AT, epoch, [lane], limit=limit))[lane]


async def test_a_worker_gets_the_record_byte_for_byte(store: Store, epoch: Epoch) -> None:
    """Key, value, headers with their order and repetitions, timestamp and place, and what was tried."""
    await park(store, epoch, to_park())
    [row] = await loaded(store, epoch)
    assert row == ParkedRow(id=row.id, record=to_park().record, log=LOG, position=7, tried=TRIED)


async def test_a_record_without_key_and_value_stays_without(store: Store, epoch: Epoch) -> None:
    """None is not the empty string, and its offset names its lane."""
    lane = LaneName(b"support", None, 7)
    bare = to_park(lane=lane)
    await park(store, epoch, replace(bare, record=replace(bare.record, value=None, headers=())))
    [row] = await loaded(store, epoch, lane)
    assert (row.record.key, row.record.value, row.record.headers) == (None, None, ())
    assert await store.parked.lanes("h", AT, LOG) == [ParkedLane(lane, 1, minute(5))]


async def test_what_is_there_already_stays_as_it_is(store: Store, epoch: Epoch) -> None:
    """The record is read again after a crash between its row and the commit: what was tried is not forgotten."""
    await park(store, epoch, to_park(7))
    await park(store, epoch, to_park(7, tried=Tried(due=NOW)), to_park(8))
    assert [(row.position, row.tried) for row in await loaded(store, epoch)] == [(7, TRIED), (8, TRIED)]


async def test_another_event_at_the_same_offset_is_another_record(store: Store, epoch: Epoch) -> None:
    """A log that was restored from an older copy gives its offsets anew."""
    await park(store, epoch, to_park(7, event="a"), to_park(7, event="b"))
    assert [row.position for row in await loaded(store, epoch)] == [7, 7]


async def test_rows_come_in_the_order_of_the_log(store: Store, epoch: Epoch) -> None:
    """Whatever order they were written in, a page at a time, and each lane its own."""
    other = LaneName(b"support", b"other")
    await park(store, epoch, to_park(9), to_park(3, lane=other))
    await park(store, epoch, to_park(8), to_park(10))
    assert [row.position for row in await loaded(store, epoch, limit=2)] == [8, 9]
    found = await store.parked.load("h", AT, epoch, [LANE, other], limit=9)
    assert {lane: [row.position for row in page] for lane, page in found.items()} == {LANE: [8, 9, 10], other: [3]}


async def test_lanes_tell_their_rows_and_when_the_first_is_due(store: Store, epoch: Epoch) -> None:
    """Sources and keys are told apart, other partitions, logs and entries left out."""
    shop = LaneName(b"shop", LANE.key)
    await park(store, epoch, to_park(8, tried=replace(TRIED, due=minute(1))), to_park(7), to_park(9, lane=shop))
    await store.owners.claim("other", [AT], LOG)
    assert sorted(await store.parked.lanes("h", AT, LOG)) == [
        ParkedLane(shop, 1, minute(5)),
        ParkedLane(LANE, 2, minute(5)),
    ]
    assert await store.parked.lanes("h", AT._replace(partition=0), LOG) == []
    assert await store.parked.lanes("h", AT, OTHER_LOG) == []
    assert await store.parked.lanes("other", AT, LOG) == []


async def test_what_was_tried_again_is_kept(store: Store, epoch: Epoch) -> None:
    """In one transaction with the rows of others."""
    await park(store, epoch, to_park(7), to_park(8))
    first, _ = await loaded(store, epoch)
    later = replace(TRIED, due=minute(9), made=4, detail="again")
    await store.parked.park("h", AT, epoch, [to_park(9)], {first.id: later}, bound=100, now=NOW)
    assert [row.tried for row in await loaded(store, epoch)] == [later, TRIED, TRIED]


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


async def test_a_settled_record_is_gone_and_its_timers_are_set(store: Store, epoch: Epoch) -> None:
    """Once: a worker that did not hear of it says so again, and changes nothing."""
    await park(store, epoch, to_park(7), to_park(8))
    row, _ = await loaded(store, epoch)
    now = await store.parked.end("h", AT, epoch, row, event_id="e7", now=NOW, set=[timer("a", 10)])
    assert [each and each.due for each in now.values()] == [minute(10)]
    await store.parked.end("h", AT, epoch, row, event_id="e7", now=NOW, set=[timer("a", 99)])
    assert [each.due for each in await store.schedule.load("h", AT, LOG)] == [minute(10)]
    assert [each.position for each in await loaded(store, epoch)] == [8]


async def test_a_parked_record_changes_no_timer_of_a_later_event(store: Store, epoch: Epoch) -> None:
    """Its timers are as old as its place."""
    await park(store, epoch, to_park(7))
    [row] = await loaded(store, epoch)
    await store.schedule.settle("h", AT, epoch, offset=8, event_id="e8", now=NOW, set=[timer("a", 50)])
    cancel = TimerName(source="support", key="c", name="a")
    await store.parked.end("h", AT, epoch, row, event_id="e7", now=NOW, cancel=[cancel])
    assert [each.due for each in await store.schedule.load("h", AT, LOG)] == [minute(50)]


async def test_a_former_owner_does_nothing(store: Store, epoch: Epoch) -> None:
    """It was frozen: it parks nothing, postpones nothing, settles nothing, and is told nothing."""
    await park(store, epoch, to_park(7))
    [row] = await loaded(store, epoch)
    successor = (await store.owners.claim("h", [AT], LOG))[AT]
    with pytest.raises(NotOwned):
        await park(store, epoch, to_park(8))
    with pytest.raises(NotOwned):
        await store.parked.park("h", AT, epoch, [], {row.id: replace(TRIED, made=9)}, bound=100, now=NOW)
    with pytest.raises(NotOwned):
        await store.parked.end("h", AT, epoch, row, event_id="e7", now=NOW, set=[timer("a", 10)])
    with pytest.raises(NotOwned):
        await loaded(store, epoch)
    assert await loaded(store, successor) == [row]
    assert await store.schedule.load("h", AT, LOG) == []


async def test_an_entry_has_so_many_rows_at_most(store: Store, epoch: Epoch) -> None:
    """All or none of what is to be parked at once; what was tried again waits too, and other entries do not."""
    await park(store, epoch, to_park(7), to_park(8), bound=2)
    with pytest.raises(ParkingFull, match="At most 2 records of an entry may be parked at once, and h has so many"):
        await park(store, epoch, to_park(9), bound=2)
    other = (await store.owners.claim("other", [AT], LOG))[AT]
    await store.parked.park("other", AT, other, [to_park(7)], {}, bound=2, now=NOW)
    assert await store.parked.counts() == {"h": 2, "other": 1}
    row, _ = await loaded(store, epoch)
    await store.parked.end("h", AT, epoch, row, event_id="e7", now=NOW)
    await park(store, epoch, to_park(9), bound=2)


async def test_many_records_are_parked_at_once(store: Store, epoch: Epoch) -> None:
    """As many as a partition holds in memory."""
    await park(store, epoch, *(to_park(number) for number in range(1_000)), bound=1_000)
    assert [lane.rows for lane in await store.parked.lanes("h", AT, LOG)] == [1_000]
    assert [row.position for row in await loaded(store, epoch, limit=3)] == [0, 1, 2]


async def test_whether_an_event_waits_is_known_by_its_id(store: Store, epoch: Epoch) -> None:
    """Of the entry that parked it."""
    await park(store, epoch, to_park(7, event="e\x00"))
    assert await store.parked.is_parked("h", "e\x00")
    assert not await store.parked.is_parked("h", "e")
    assert not await store.parked.is_parked("other", "e\x00")


ELSEWHERE = TopicPartition(AT.topic, 0)


async def moved(store: Store, *, to: TopicPartition = ELSEWHERE, log: str = OTHER_LOG) -> Epoch:
    """Go on with another log."""
    epoch = (await store.owners.claim("h", [to], log))[to]
    lanes = await store.strays.parked("h", log)
    for _ in range(2):
        await store.strays.adopt_parked("h", to, epoch, lanes)
    assert await store.strays.parked("h", log) == []
    return epoch


async def test_rows_of_another_log_are_taken_over(store: Store, epoch: Epoch) -> None:
    """Before all that this log says, in their order; their records keep their first place."""
    await park(store, epoch, to_park(900), to_park(901))
    before = await loaded(store, epoch)
    there = await moved(store)
    await store.parked.park("h", ELSEWHERE, there, [to_park(0)], {}, bound=100, now=NOW)
    found = (await store.parked.load("h", ELSEWHERE, there, [LANE], limit=9))[LANE]
    assert [row.position for row in found] == [900 - 2**50, 901 - 2**50, 0]
    assert [(row.record, row.log, row.tried) for row in found[:2]] == [(row.record, LOG, row.tried) for row in before]


async def test_whoever_still_owns_the_former_place_does_nothing(store: Store, epoch: Epoch) -> None:
    """Its rows are gone, so it must not go on as if it had them."""
    await park(store, epoch, to_park(7))
    await moved(store)
    with pytest.raises(NotOwned):
        await park(store, epoch, to_park(8))


async def test_one_event_that_waits_in_two_logs_is_kept_once(store: Store, epoch: Epoch, store_url: str) -> None:
    """A platform was asked for the same news with two logs: where both rows come to one place, one is enough."""
    await park(store, epoch, to_park(7))
    other = (await store.owners.claim("h", [AT], OTHER_LOG))[AT]
    await store.parked.park("h", AT, other, [to_park(7)], {}, bound=100, now=NOW)
    await moved(store, log="kafka:three")
    assert await rows(store_url, "SELECT log, record_offset FROM parked") == [("kafka:three", 7)]
