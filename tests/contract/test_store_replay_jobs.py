"""Sets of events to be replayed, on both databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from store import replay_jobs
from store.decisions import Rename
from store.errors import JobNotHeld, ReplaysFull
from store.owners import Epoch
from store.replay_jobs import Fed, Held, Job, JobOrder, Room
from store.replay_rows import Order
from store.replays import Ending
from store.store import Store
from tests.contract.stores import AT, DAY, LOG, NOW, minute, rows
from tests.contract.test_store_parked import to_park
from tests.contract.test_store_replays import order

SECOND = timedelta(seconds=1)


def job_order(handler: str = "h", **changes: Any) -> JobOrder:
    """All dead letters of an entry."""
    return replace(JobOrder(handler=handler, log=LOG, reads="dead", filters="{}", cursor="[0]", by="ann"), **changes)


def fed(cursor: str = "[1]", *, over: bool = False) -> Fed:
    return Fed(cursor=cursor, over=over, next_at=NOW, held_until=minute(1))


async def held(store: Store, **changes: Any) -> Held:
    """The right to read for a new job."""
    mine = Held(await store.replay_jobs.start(job_order(**changes), NOW), "me")
    assert await store.replay_jobs.claim(mine, now=NOW, until=minute(1)) is not None
    return mine


async def give(store: Store, mine: Held, *orders: Order, over: bool = False) -> Job:
    return await store.replay_jobs.feed(mine, orders, fed(over=over), now=NOW)


async def states(store: Store) -> list[str]:
    return [mark.state for mark in await store.replays.marks()]


async def test_a_job_is_what_was_asked_for(store: Store) -> None:
    """Until a worker has it."""
    asked = job_order(redo_effects=True, spacing=SECOND / 4, filters='{"keys": ["\\u0000"]}')
    number = await store.replay_jobs.start(asked, NOW)
    job = await store.replay_jobs.get(number)
    assert job == Job(
        **{name: getattr(asked, name) for name in asked.__dataclass_fields__},
        id=number,
        state="reading",
        found=0,
        skipped=0,
        asked_at=NOW,
        ended_at=None,
        next_at=NOW,
        held_until=None,
    )
    assert await store.replay_jobs.reading(["h", "x"]) == [job]
    assert await store.replay_jobs.reading(["x"]) == []
    assert await store.replay_jobs.get(number + 1) is None


async def test_one_process_reads_at_a_time(store: Store) -> None:
    """Another takes over when the lease is over, or was given back."""
    number = await store.replay_jobs.start(job_order(), NOW)
    jobs, one, other = store.replay_jobs, Held(number, "one"), Held(number, "other")
    answers = await asyncio.gather(*(jobs.claim(each, now=NOW, until=minute(1)) for each in (one, other) * 3))
    assert sum(each is not None for each in answers) == 3
    assert len({index % 2 for index, each in enumerate(answers) if each is not None}) == 1
    first, second = (one, other) if answers[0] is not None else (other, one)
    assert await jobs.claim(second, now=minute(1), until=minute(2)) is not None
    assert await jobs.claim(first, now=minute(1), until=minute(2)) is None
    await jobs.release(second.holder)
    assert await jobs.claim(first, now=minute(1), until=minute(2)) is not None


async def test_who_has_a_right_from_the_future_has_none(store: Store) -> None:
    """The clock was set back: nothing would be read for an hour. That of another machine may be a bit ahead."""
    number = await store.replay_jobs.start(job_order(), NOW)
    jobs, one, other = store.replay_jobs, Held(number, "one"), Held(number, "other")
    assert await jobs.claim(one, now=minute(61), until=minute(62)) is not None
    assert await jobs.claim(other, now=minute(60), until=minute(61)) is None
    assert await jobs.claim(other, now=minute(1), until=minute(2)) is not None
    assert await jobs.claim(one, now=minute(1), until=minute(2)) is None


async def test_a_job_is_unfinished_while_something_may_come_of_it(store: Store) -> None:
    """Events are looked for, or those that were found are not over."""
    reading, mine, done = [await held(store) for _ in range(3)]
    await give(store, mine, order(1), over=True)
    await give(store, done, over=True)
    assert [job.id for job in await store.replay_jobs.unfinished()] == [reading.job, mine.job]
    await store.replay_jobs.cancel(mine.job, NOW)
    assert [job.id for job in await store.replay_jobs.unfinished()] == [reading.job]


async def test_events_and_how_far_it_is_are_written_at_once(store: Store) -> None:
    """With the job's number on each row, and the time of the next event."""
    mine = await held(store, spacing=SECOND)
    job = await give(store, mine, order(1), order(2))
    assert (job.cursor, job.found, job.skipped, job.next_at, job.state) == ("[1]", 2, 0, NOW + 2 * SECOND, "reading")
    assert [(mark.state, mark.job) for mark in await store.replays.marks()] == [("waiting", mine.job)] * 2
    job = await give(store, mine, over=True)
    assert (job.state, job.ended_at, job.held_until) == ("read", NOW, None)
    assert await store.replay_jobs.reading(["h"]) == []


async def test_who_was_followed_by_another_writes_nothing(store: Store) -> None:
    """A process that was frozen gives no event a second time."""
    mine = await held(store)
    other = Held(mine.job, "other")
    assert await store.replay_jobs.claim(other, now=minute(1), until=minute(2)) is not None
    with pytest.raises(JobNotHeld, match="another process goes on with it"):
        await give(store, mine, order(1))
    assert await states(store) == []
    await give(store, other, order(1))
    assert await states(store) == ["waiting"]


async def taken(store: Store, epoch: Epoch, number: int, *, state: Any) -> None:
    """Run a replay that waits."""
    [replay] = await store.replays.take("h", AT, epoch, [number], now=NOW)
    await store.replays.end("h", replay, epoch, Ending(state=state), now=NOW)


async def test_what_somebody_decided_on_is_left_out(store: Store) -> None:
    """What is open, done, discarded, or died again, for which there is another letter; not what was taken back."""
    epoch = (await store.owners.claim("h", [AT], LOG))[AT]
    asked = [each.id for each in await store.replays.ask([order(number) for number in range(4)], NOW)]
    await taken(store, epoch, asked[0], state="done")
    await taken(store, epoch, asked[1], state="dead")
    await store.replays.discard([order(2).letter], NOW)
    first = await held(store)
    await give(store, first, order(4))
    await store.replay_jobs.cancel(first.job, NOW)
    job = await give(store, await held(store), *(order(number) for number in range(6)))
    assert (job.found, job.skipped) == (6, 4)
    assert await states(store) == ["done", "dead", "discarded", "waiting", "waiting", "waiting"]
    assert (await store.replay_jobs.counts([job.id]))[job.id] == {"waiting": 2}


async def test_what_is_parked_is_left_out(store: Store) -> None:
    """It is tried again by itself, as is what is a copy of it; not what another entry or log has parked."""
    epoch, other = [(await store.owners.claim(name, [AT], LOG))[AT] for name in ("h", "other")]
    await store.parked.park("h", AT, epoch, [to_park(1)], {}, bound=9, now=NOW)
    await store.parked.park("other", AT, other, [to_park(2)], {}, bound=9, now=NOW)
    orders = [replace(order(number), identity=to_park(number).identity) for number in (1, 2)]
    copy = replace(orders[0], letter=replace(order(1).letter, offset=99))
    elsewhere = replace(order(5), log="elsewhere", identity=to_park(1).identity)
    decided = await store.replay_jobs.decided([*orders, copy, elsewhere])
    assert [decided.allow(each.letter) for each in (*orders, copy, elsewhere)] == [False, True, False, True]
    job = await give(store, await held(store), *orders, copy)
    assert (job.found, job.skipped) == (3, 2)


async def test_an_event_is_given_once_by_a_job(store: Store) -> None:
    """A letter that was written twice, in one page or in two; another job may give it again when it was taken back."""
    mine = await held(store)
    twice = replace(order(1), letter=replace(order(1).letter, offset=99))
    job = await give(store, mine, order(1), twice)
    assert (job.found, job.skipped) == (2, 1)
    job = await give(store, mine, twice)
    assert (job.found, job.skipped) == (3, 2)
    nameless = replace(order(5), letter=replace(order(5).letter, event_id=""))
    other = replace(nameless, letter=replace(nameless.letter, offset=98))
    assert (await give(store, mine, nameless, other)).skipped == 2


async def test_an_earlier_letter_of_an_event_that_was_done_is_left_out(store: Store) -> None:
    """A worker that was killed after it had written a letter wrote it again."""
    epoch = (await store.owners.claim("h", [AT], LOG))[AT]
    [asked] = await store.replays.ask([order(7)], NOW)
    await taken(store, epoch, asked.id, state="done")
    earlier = replace(order(7), letter=replace(order(7).letter, offset=3))
    assert (await give(store, await held(store), earlier)).skipped == 1


async def test_a_full_entry_takes_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written then, neither rows nor how far it is."""
    monkeypatch.setattr(replay_jobs, "MAX_OPEN", 3)
    await store.replays.ask([order(number) for number in range(2)], NOW)
    mine = await held(store)
    assert await store.replay_jobs.room("h", mine.job) == Room(2, 0)
    with pytest.raises(ReplaysFull, match="h has room for 1 more"):
        await give(store, mine, order(20), order(21))
    job = await store.replay_jobs.get(mine.job)
    assert job is not None
    assert (job.cursor, job.found) == ("[0]", 0)
    await give(store, mine, order(20))
    assert await store.replay_jobs.room("h", mine.job) == Room(3, 1)


async def test_cancelling_takes_back_what_was_not_begun(store: Store, store_url: str) -> None:
    """Without its record; what runs goes on, and nobody writes for the job any more."""
    epoch = (await store.owners.claim("h", [AT], LOG))[AT]
    mine = await held(store)
    await give(store, mine, order(1), order(2))
    begun = await store.replays.take("h", AT, epoch, [(await store.replays.waiting("h"))[0].id], now=NOW)
    assert await store.replay_jobs.cancel(mine.job, minute(1)) == 1
    with pytest.raises(JobNotHeld):
        await give(store, mine, order(3))
    assert await states(store) == ["running", "cancelled"]
    assert await rows(store_url, "SELECT value FROM replays WHERE state = 'cancelled'") == [(None,)]
    job = await store.replay_jobs.get(mine.job)
    assert job is not None
    assert (job.state, job.ended_at) == ("cancelled", minute(1))
    assert await store.replay_jobs.cancel(mine.job, minute(2)) == 0
    await store.replays.end("h", begun[0], epoch, Ending(state="done"), now=minute(2))
    assert (await store.replay_jobs.counts([mine.job]))[mine.job] == {"done": 1, "cancelled": 1}


async def test_jobs_are_listed_and_old_ones_expire(store: Store) -> None:
    """The newest first; those that go on stay."""
    numbers = [await store.replay_jobs.start(job_order(), minute(number)) for number in range(3)]
    assert [job.id for job in await store.replay_jobs.all(limit=2)] == numbers[:0:-1]
    for number in numbers[:2]:
        await store.replay_jobs.cancel(number, NOW)
    assert await store.replay_jobs.expire(NOW) == 0
    assert await store.replay_jobs.expire(NOW + DAY, limit=1) == 1
    assert await store.replay_jobs.expire(NOW + DAY) == 1
    assert [job.id for job in await store.replay_jobs.all(limit=9)] == numbers[2:]


async def test_what_an_entry_was_called_is_kept(store: Store) -> None:
    """Through several names."""
    await store.entry_rows.rename("a", "b", minute(1))
    await store.entry_rows.rename("b", "c", minute(2))
    assert sorted(await store.entry_rows.renames()) == [Rename("a", minute(1), "c"), Rename("b", minute(2), "c")]
