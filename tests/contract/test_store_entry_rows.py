"""All that the store has of an entry: told, renamed, forgotten; on both databases."""

import pytest

from store import entry_rows
from store.effects import EffectKey, Fresh
from store.entry_rows import EntryRows
from store.errors import StoreUnavailable
from store.schedule import TimerName, TimerSet
from store.stops import Stop
from store.store import Store
from tests.contract.stores import AT, LOG, NOW, OTHER_LOG, minute, rows
from tests.contract.test_store_parked import to_park
from tests.contract.test_store_replay_jobs import job_order
from tests.contract.test_store_replays import DONE, order

TABLES = (
    "owners", "entries", "stops", "schedule", "parked", "suspects", "replays", "replay_jobs", "effects", "caps",
    "cap_uses", "renames",
)  # fmt: skip
STOP = Stop(handler="h", reason="paused", by="ann@here", at=NOW)


def timer(number: int) -> TimerSet:
    return TimerSet(
        source="support",
        key=f"c{number}",
        name="ask",
        due=minute(number),
        platform="p",
        conversation_id=None,
        received_at=NOW,
    )


async def fill(store: Store, handler: str = "h", *, timers: int = 5) -> None:
    """One row of everything at least."""
    epoch = (await store.owners.claim(handler, [AT], LOG))[AT]
    await store.entries.start_of(handler, "earliest", NOW)
    await store.stops.stop(Stop(handler=handler, reason="paused", by="ann@here", at=NOW))
    for number in range(timers):
        await store.schedule.settle(
            handler, AT, epoch, offset=number, event_id=f"e{number}", now=NOW, set=[timer(number)]
        )
    gone = TimerName(source="support", key="over", name="ask")
    await store.schedule.settle(handler, AT, epoch, offset=9, event_id="e9", now=NOW, cancel=[gone])
    await store.parked.park(handler, AT, epoch, [to_park(7), to_park(8)], {}, bound=10, now=NOW)
    await store.suspects.note(handler, {AT: epoch}, {AT: {"record 7": 1}})
    for number in range(4):
        key = EffectKey(handler=handler, source="support", event_id=f"e{number}", name="send")
        assert isinstance(await store.effects.begin(key, at=AT, epoch=epoch, now=NOW), Fresh)
    counted = {"limit": 9, "window_start": NOW, "source": "support", "event_id": "e1"}
    await store.caps.allow(handler, "day", "somebody", **counted)
    asked = await store.replays.ask([order(number, handler=handler) for number in range(2)], NOW)
    taken = await store.replays.take(handler, AT, epoch, [asked[0].id], now=NOW)
    await store.replays.end(handler, taken[0], epoch, DONE, now=NOW)
    await store.replay_jobs.start(job_order(handler), NOW)


async def of(url: str, handler: str) -> dict[str, int]:
    """Table → rows of an entry."""
    query = "SELECT count(*) FROM {} WHERE handler = '{}'"
    found = {table: (await rows(url, query.format(table, handler)))[0][0] for table in TABLES}
    return {table: int(str(count)) for table, count in found.items() if count}


ALL = {
    "owners": 1,
    "entries": 1,
    "stops": 1,
    "schedule": 6,
    "parked": 2,
    "suspects": 1,
    "replays": 2,
    "replay_jobs": 1,
    "effects": 4,
    "caps": 1,
    "cap_uses": 1,
}
RENAMED = {**ALL, "renames": 1}


async def test_what_is_kept_of_entries_that_went_away_is_told(store: Store) -> None:
    """What waits for them; not what those have that are there, and not mere marks."""
    await fill(store, "gone")
    await fill(store, "there")
    await store.entries.start_of("marks only", "earliest", NOW)
    assert await store.entry_rows.left({"there"}) == {
        "gone": {"timers": 5, "parked events": 2, "replays": 1, "sets of events to replay": 1, "stops": 1, "effects": 4}
    }


async def test_what_waits_where_its_entry_does_not_read_is_told(store: Store) -> None:
    """And can be given up alone: of each kind, with the topics; what is over waits for nobody."""
    await fill(store)
    await fill(store, "other")
    kept = {"timers": 5, "parked events": 2, "replays": 1}
    assert await store.entry_rows.unread({"h": [AT.topic], "other": ["elsewhere"]}) == {"other": ((AT.topic,), kept)}
    assert [len(each) for each in await store.entry_rows.waiting("other", limit=9, beside=["elsewhere"])] == [5, 2]
    assert await store.entry_rows.waiting("other", limit=9, beside=[AT.topic]) == ([], [])
    assert await store.entry_rows.take_back("other", NOW, beside=[AT.topic]) == 0
    assert await store.entry_rows.take_back("other", NOW, beside=["elsewhere"]) == 1
    assert [mark.state for mark in await store.replays.marks("other")] == ["done", "cancelled"]
    assert [mark.state for mark in await store.replays.marks("h")] == ["done", "waiting"]


async def test_renaming_takes_everything_along(store: Store, store_url: str) -> None:
    """Another entry's rows stay, and an earlier owner can write nothing any more under the old name."""
    await fill(store)
    await fill(store, "other")
    assert await of(store_url, "h") == ALL
    await store.entry_rows.rename("h", "new", NOW)
    assert (await of(store_url, "h"), await of(store_url, "new"), await of(store_url, "other")) == ({}, RENAMED, ALL)
    epoch = (await store.owners.claim("new", [AT], LOG))[AT]
    assert (epoch.value, epoch.clean) == (2, False)
    assert len(await store.schedule.load("new", AT, LOG)) == 5
    assert await store.entry_rows.began("new")
    assert not await store.entry_rows.is_known("h")


async def test_a_renaming_that_was_broken_off_goes_on(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever page: first of all the marks have the new name."""
    monkeypatch.setattr(entry_rows, "_PAGE", 2)
    await fill(store)
    whole = store._database.write
    for breaks_at in range(1, 20):
        calls = 0

        async def breaking(work: object, at: int = breaks_at) -> object:
            nonlocal calls
            calls += 1
            if calls > at:
                raise StoreUnavailable("it went away")
            return await whole(work)  # type: ignore[arg-type]  # passed on

        with monkeypatch.context() as patched:
            patched.setattr(store._database, "write", breaking)
            try:
                await store.entry_rows.rename("h", "new", NOW)
                break
            except StoreUnavailable:
                assert await store.entry_rows.began("new")
    assert (await of(store_url, "h"), await of(store_url, "new")) == ({}, RENAMED)


async def test_forgetting_leaves_what_became_of_dead_letters(store: Store, store_url: str) -> None:
    """Else they would appear again; a replay that waited is taken back. Another entry's rows stay."""
    await fill(store)
    await fill(store, "other")
    await store.entry_rows.forget("h", NOW)
    assert (await of(store_url, "h"), await of(store_url, "other")) == ({"replays": 2}, ALL)
    assert [mark.state for mark in await store.replays.marks("h")] == ["done", "cancelled"]
    assert await store.entry_rows.left({"other"}) == {}


async def test_what_waits_is_given_whole_and_thrown_away_by_its_ids(store: Store) -> None:
    """Timers and parked records of whatever log, a few at a time."""
    await fill(store)
    epoch = (await store.owners.claim("h", [AT], OTHER_LOG))[AT]
    await store.schedule.settle("h", AT, epoch, offset=1, event_id="e", now=NOW, set=[timer(9)])
    timers, records = await store.entry_rows.waiting("h", limit=3)
    assert [each.row.key for each in timers] == ["c0", "c1", "c2"]
    assert [each.record for each in records] == [to_park(7).record, to_park(8).record]
    await store.entry_rows.drop(timers=[each.row.id for each in timers], records=[records[0].id])
    timers, records = await store.entry_rows.waiting("h", limit=3)
    assert [(each.row.key, each.log) for each in timers] == [("c3", LOG), ("c4", LOG), ("c9", OTHER_LOG)]
    assert [each.record.offset for each in records] == [8]


async def test_many_rows_are_renamed_and_forgotten_in_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are."""
    monkeypatch.setattr(entry_rows, "_PAGE", 2)
    await fill(store, timers=7)
    assert isinstance(store.entry_rows, EntryRows)
    assert await store.entry_rows.rename("h", "new", NOW) == 22
    assert await store.entry_rows.forget("new", NOW) == 22
