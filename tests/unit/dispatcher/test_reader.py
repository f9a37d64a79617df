"""Reading: what goes into lanes, what is settled at once, and what is read again."""

from datetime import timedelta

import pytest
import structlog

from dispatcher.equipment import Limits
from dispatcher.holdings import Holdings
from dispatcher.reader import Reader, Wanted
from dispatcher.tracker import Finished, Tracker
from dispatcher.work import Heading
from eventlog.errors import LogUnavailable
from schemas.events import ConversationCompleted
from tests.contract.dispatchers import event, message, quick
from tests.unit.dispatcher.members import AT, OTHER, FakeMember, partition
from tests.unit.dispatcher.test_work import h, stored

LIMITS = Limits(records=3)


def reading(member: FakeMember) -> tuple[Reader, Holdings]:
    holdings = Holdings()
    entry = quick(h)
    reader = Reader(
        entry=entry.name,
        member=member,
        holdings=holdings,
        wanted=Wanted.of(entry),
        limits=LIMITS,
        on_work=lambda: None,
    )
    return reader, holdings


async def test_what_the_handler_wants_goes_into_lanes() -> None:
    """The rest is settled at once, and moves the position."""
    other = event(ConversationCompleted(conversation_id="c1"), key="c1", identity="x")
    member = FakeMember(found={AT: [stored(message(1), offset=0), stored(other, offset=1)]}, positions={AT: 9})
    reader, holdings = reading(member)
    holdings.take_over(mine := partition())
    await reader._fetch([mine], all_open=True)
    assert [work.offset for work in mine.unsettled.values()] == [0]
    assert (len(holdings.lanes), mine.tracker.watermark, mine.tracker.position) == (1, 0, 9)


async def test_what_an_earlier_owner_settled_is_passed_over() -> None:
    """Its id is remembered, so that a copy behind it is recognised."""
    member = FakeMember(found={AT: [stored(message(1), offset=0)]}, positions={AT: 1})
    reader, holdings = reading(member)
    holdings.take_over(mine := partition())
    mine.tracker = Tracker(0, Finished(5))
    await reader._fetch([mine], all_open=True)
    assert (len(holdings.lanes), mine.tracker.watermark) == (0, 1)
    assert Heading.of(stored(message(1))).identity in mine.recent


async def test_a_partition_that_went_and_came_back_is_read_from_where_it_begins() -> None:
    """A rebalance in the middle of the fetch: what it found is of the old assignment, and must be read again."""
    member = FakeMember(found={AT: [stored(message(1), offset=7)]}, positions={AT: 8})
    reader, holdings = reading(member)
    holdings.take_over(old := partition(start=7))
    new = partition(start=3, epoch=2)

    def rebalance() -> None:
        holdings.forget(holdings.give_up([AT]))
        holdings.take_over(new)

    member.meanwhile = rebalance
    await reader._fetch([old], all_open=True)
    assert (len(holdings.lanes), old.unsettled, new.unsettled, new.tracker.position) == (0, {}, {}, 3)
    assert member.sought == [(AT, 3)]


async def test_a_partition_that_went_is_left_to_its_next_owner() -> None:
    """Nothing of it is taken, and nothing is sought."""
    member = FakeMember(found={AT: [stored(message(1), offset=7)]}, positions={AT: 8})
    reader, holdings = reading(member)
    holdings.take_over(old := partition(start=7))
    member.meanwhile = lambda: holdings.forget(holdings.give_up([AT]))
    await reader._fetch([old], all_open=True)
    assert (len(holdings.lanes), member.sought) == (0, [])


@pytest.mark.parametrize(("leaving", "lines"), [(True, []), (False, ["log.lost"])])
async def test_a_log_that_is_gone_because_we_leave_is_not_lost(leaving: bool, lines: list[str]) -> None:
    """A clean stop says nothing of a log that does not answer."""
    member = FakeMember()
    reader, _ = reading(member)
    tries = []

    def gone() -> None:
        tries.append(1)
        reader.ending = leaving or len(tries) > 1
        raise LogUnavailable("the member is not in its group", retry_after=timedelta())

    member.meanwhile = gone
    with structlog.testing.capture_logs() as logged:
        await reader.run()
    assert [line["event"] for line in logged] == lines


def test_a_full_partition_has_no_room() -> None:
    """By records, by bytes, by the span a commit can describe; nor has one that is going."""
    full = partition()
    assert full.has_room(LIMITS)
    records = [stored(message(number), offset=number) for number in range(3)]
    reader, holdings = reading(FakeMember(positions={AT: 3}))
    holdings.take_over(full)
    reader._take(full, records)
    assert not full.has_room(LIMITS)
    assert full.has_room(Limits(records=4))
    assert not full.has_room(Limits(records=4, bytes=1_000))
    assert not full.has_room(Limits(records=4, span=3))
    holdings.give_up([AT])
    assert not full.has_room(Limits(records=4))


async def test_draining_reads_nothing_and_stays_a_member() -> None:
    """An empty selection keeps the membership alive."""
    member = FakeMember()
    reader, holdings = reading(member)
    holdings.take_over(partition())
    holdings.take_over(partition(OTHER))
    reader.draining = True

    def end() -> None:
        reader.ending = True
        holdings.room.set()

    member.meanwhile = end
    await reader.run()
    assert member.fetched == [()]
