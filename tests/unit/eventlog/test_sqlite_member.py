"""Who reads for a group of the embedded log, by a clock that the test moves."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from eventlog.errors import NotOwner
from eventlog.log import Commit
from schemas.record import TopicPartition
from schemas.topics import TopicSettings
from tests.unit.eventlog.sqlite_logs import AT, STOPS, TOPIC, Clock, Taker, append, running, until


async def test_new_topics_are_assigned_to_a_member(tmp_path: Path) -> None:
    """A member that waits for a topic gets its partitions when it is created."""
    async with running(tmp_path) as log:
        taker = Taker(log)
        taker.member = log.member("g", ["later", TOPIC], taker)
        await taker.joined()
        assert taker.mine == {AT}
        await log.create({"later": TopicSettings(partitions=2)})
        await until(lambda: len(taker.mine) == 3)
        assert taker.mine == {AT, TopicPartition("later", 0), TopicPartition("later", 1)}


async def test_an_orderly_stop_frees_the_group_at_once(tmp_path: Path) -> None:
    """The clock stands still, so the lease cannot have run out."""
    clock = Clock()
    async with running(tmp_path, clock=clock) as one, running(tmp_path, clock=clock) as two:
        first, second = await Taker(one).joined(), Taker(two)
        await second.member.start()
        await first.member.stop(STOPS)
        await until(lambda: second.mine == {AT})
        assert first.revocations == 1


async def test_a_crashed_owner_is_followed_after_its_lease(tmp_path: Path) -> None:
    """While the lease runs nobody takes over; when it ran out, who stands by does."""
    clock = Clock()
    async with running(tmp_path, clock=clock) as one, running(tmp_path, clock=clock) as two:
        first, second = await Taker(one).joined(), Taker(two)
        await first.member.abandon()
        await second.member.start()
        clock.ms += 9_999
        assert await second.take() == []
        assert second.mine == frozenset()
        clock.ms += 1
        await until(lambda: second.mine == {AT})


async def test_a_frozen_owner_has_lost_its_partitions(tmp_path: Path) -> None:
    """Another took over by its clock; the commit of the first is refused and changes nothing."""
    here, there = Clock(), Clock()
    there.ms += 60_000
    async with running(tmp_path, clock=here) as one, running(tmp_path, clock=there) as two:
        await append(one, 3)
        first = await Taker(one).joined()
        await first.commit(1)
        second = Taker(two)
        await second.member.start()
        await until(lambda: second.mine == {AT})
        await second.commit(2)
        with pytest.raises(NotOwner):
            await first.commit(3)
        assert await one.group_positions("g", [AT]) == {AT: Commit(2)}
        await until(lambda: first.revocations == 1)
        assert first.mine == frozenset()
        assert await first.take() == []


async def test_a_lost_group_comes_back(tmp_path: Path) -> None:
    """A member that lost the group stands by, and has it again when the other stops."""
    here, there = Clock(), Clock()
    there.ms += 60_000
    async with running(tmp_path, clock=here) as one, running(tmp_path, clock=there) as two:
        await append(one, 3)
        first, second = await Taker(one).joined(), Taker(two)
        await second.member.start()
        await until(lambda: first.revocations == 1)
        await second.commit(1)
        await second.member.stop(STOPS)
        await until(lambda: first.mine == {AT})
        assert [each.offset for each in await first.take()] == [1, 2]


async def test_a_lease_of_another_boot_is_free(tmp_path: Path) -> None:
    """After a reboot the boot-time clock begins anew, and so do the leases."""
    clock = Clock()
    async with running(tmp_path, clock=clock) as log:
        await (await Taker(log).joined()).member.abandon()
    after = Clock(boot="next")
    after.ms = 5
    async with running(tmp_path, clock=after) as log:
        assert (await Taker(log).joined()).mine == {AT}


class Hanging(Taker):
    """Has a handler that does not end."""

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:  # noqa: ARG002 - the interface
        await asyncio.Event().wait()


class Stubborn(Taker):
    """A dispatcher that cannot end its work."""

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:  # noqa: ARG002 - the interface
        raise ValueError("still writing")


class Failing(Taker):
    """A dispatcher that refuses to run."""

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:  # noqa: ARG002 - the interface
        raise ValueError("no position for this store")


async def test_a_slow_revocation_keeps_the_lease(tmp_path: Path) -> None:
    """When work cannot be stopped in time, nobody else begins before the lease ran out."""
    clock = Clock()
    async with running(tmp_path, clock=clock) as one, running(tmp_path, clock=clock) as two:
        first = await Hanging(one).joined()
        await first.member.stop(timedelta(milliseconds=50))
        second = Taker(two)
        await second.member.start()
        assert await second.take() == []
        assert second.mine == frozenset()
        clock.ms += 10_000
        await until(lambda: second.mine == {AT})


async def test_what_an_assignment_raises_reaches_the_reader(tmp_path: Path) -> None:
    """An error in `assigned` is not swallowed: the next fetch raises it."""
    async with running(tmp_path) as log:
        taker = Failing(log)
        await taker.member.start()
        with pytest.raises(ValueError, match="no position for this store"):
            await taker.member.fetch((), max_records=1, timeout=STOPS)
        await taker.member.stop(STOPS)


async def test_what_a_revocation_raises_reaches_who_stops(tmp_path: Path) -> None:
    """And the lease is not given back: what was running may still run."""
    clock = Clock()
    async with running(tmp_path, clock=clock) as one, running(tmp_path, clock=clock) as two:
        first = await Stubborn(one).joined()
        with pytest.raises(ValueError, match="still writing"):
            await first.member.stop(STOPS)
        second = Taker(two)
        await second.member.start()
        assert await second.take() == []
        assert second.mine == frozenset()
        await second.member.stop(STOPS)
