"""Commits: of what moved, in one call, and again until they are stored."""

from dispatcher.clock import SystemClock
from dispatcher.committer import Committer
from dispatcher.equipment import Limits
from dispatcher.holdings import Holdings
from dispatcher.metadata import decode
from dispatcher.metrics import Metrics
from dispatcher.tracker import Finished
from eventlog.errors import LogUnavailable, NotOwner
from tests.unit.dispatcher.members import AT, OTHER, FakeMember, partition

STORE = "6f2c4a52-31c5-4f0e-9d2b-0f6f7a3d5b11"


def committing(member: FakeMember) -> Committer:
    return Committer(
        member=member,
        holdings=Holdings(),
        store=STORE,
        limits=Limits(),
        clock=SystemClock(),
        metrics=Metrics().of("h"),
    )


async def test_only_partitions_that_moved_are_committed() -> None:
    """With what is settled above the watermark, and the store's id."""
    member = FakeMember()
    moved, idle = partition(), partition(OTHER)
    for offset in range(3):
        moved.tracker.add(offset)
    moved.tracker.done(0)
    moved.tracker.done(2)
    assert await committing(member).commit([moved, idle]) is True
    [commits] = member.committed_
    assert set(commits) == {AT}
    found = decode(commits[AT].metadata, commits[AT].offset)
    assert found is not None
    assert (commits[AT].offset, found.store, found.finished) == (1, STORE, Finished(3, (1,)))


async def test_what_is_stored_is_not_stored_again() -> None:
    """An idle worker does not write to the log."""
    member, committer = FakeMember(), None
    moved = partition()
    moved.tracker.add(0)
    moved.tracker.done(0)
    committer = committing(member)
    assert [await committer.commit([moved]), await committer.commit([moved])] == [True, True]
    assert len(member.committed_) == 1


async def test_a_commit_that_failed_is_made_again() -> None:
    """The log was away, or a rebalance came between: nothing is taken for stored."""
    member = FakeMember(errors=[LogUnavailable("away"), NotOwner("gone")])
    committer, moved = committing(member), partition()
    moved.tracker.add(0)
    moved.tracker.done(0)
    assert [await committer.commit([moved]) for _ in range(3)] == [False, False, True]
    assert len(member.committed_) == 1


async def test_a_lost_partition_is_not_committed() -> None:
    """Its new owner says where it stands."""
    member, moved = FakeMember(), partition()
    moved.tracker.add(0)
    moved.tracker.done(0)
    moved.lost = True
    assert await committing(member).commit([moved]) is True
    assert member.committed_ == []


async def test_progress_during_a_commit_is_committed_next() -> None:
    """What was settled while the log was asked is not taken for stored."""
    member, moved = FakeMember(), partition()
    committer = committing(member)
    for offset in range(2):
        moved.tracker.add(offset)
    moved.tracker.done(0)
    store = member.commit

    async def slow(commits: object) -> None:
        await store(commits)  # type: ignore[arg-type]  # passed on as it came
        if len(member.committed_) == 1:
            moved.tracker.done(1)

    member.commit = slow  # type: ignore[method-assign]  # something happens meanwhile
    await committer.commit([moved])
    await committer.commit([moved])
    assert [commits[AT].offset for commits in member.committed_] == [1, 2]
