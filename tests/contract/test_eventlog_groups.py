"""What every event log does for groups: assignment, fetching, positions, ownership. Goes with `test_eventlog.py`."""

import asyncio
from datetime import timedelta

import pytest

from eventlog.errors import NotOwner, PositionLost
from eventlog.log import Commit
from schemas.record import TopicPartition
from tests.contract.eventlogs import NOW, SOON, STOPS, WITHIN, Logs, Reader, fill, record, values


async def start(reader: Reader, *owns: TopicPartition) -> Reader:
    """Start a member and wait until it owns these partitions."""
    await reader.member.start()
    await reader.owns(set(owns))
    return reader


async def test_a_lone_member_reads_everything(eventlog: Logs) -> None:
    """The only member of a group owns every partition and gets each record once, in order."""
    topic, log = await eventlog.topic(partitions=3), await eventlog.connect()
    for partition in range(3):
        await fill(log, topic, 20, partition=partition)
    reader = await start(Reader(log, eventlog.group(), [topic]), *(TopicPartition(topic, n) for n in range(3)))
    stored = await reader.collect(60)
    for partition in range(3):
        assert [each.offset for each in stored if each.partition == partition] == list(range(20))
    await reader.member.stop(STOPS)


async def test_a_group_is_forgotten_when_nobody_reads_for_it(eventlog: Logs) -> None:
    """With its positions; one that is not there is forgotten too."""
    eventlog.needs("forgetting")
    topic, log, group = await eventlog.topic(), await eventlog.connect(), eventlog.group()
    at = TopicPartition(topic, 0)
    await log.forget(group)
    await fill(log, topic, 3)
    reader = await start(Reader(log, group, [topic]), at)
    await reader.member.commit({at: Commit(2)})
    with pytest.raises(NotOwner, match="still reads as"):
        await log.forget(group)
    await reader.member.stop(STOPS)
    assert await log.group_positions(group, [at]) == {at: Commit(2)}
    await log.forget(group)
    assert await log.group_positions(group, [at]) == {at: None}


async def test_a_member_reads_several_topics(eventlog: Logs) -> None:
    """Partitions of all its topics are a member's."""
    one, two, log = await eventlog.topic("one"), await eventlog.topic("two"), await eventlog.connect()
    await fill(log, one, 1)
    await fill(log, two, 1)
    at_one, at_two = TopicPartition(one, 0), TopicPartition(two, 0)
    reader = await start(Reader(log, eventlog.group(), [one, two]), at_one, at_two)
    assert {each.at for each in await reader.collect(2)} == {at_one, at_two}
    await reader.member.stop(STOPS)


async def test_fetch_names_what_was_appended(eventlog: Logs) -> None:
    """A fetched record is the appended one with its place."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    await log.append(record(topic, b"v", key=b"k", headers=(("h", b"1"),), timestamp=NOW), partition=0).offset()
    reader = await start(Reader(log, eventlog.group(), [topic]), TopicPartition(topic, 0))
    [stored] = await reader.collect(1)
    assert (stored.at, stored.offset, stored.key, stored.value) == (TopicPartition(topic, 0), 0, b"k", b"v")
    assert (stored.headers, stored.timestamp) == ((("h", b"1"),), NOW)
    await reader.member.stop(STOPS)


async def test_an_empty_selection_reads_nothing(eventlog: Logs) -> None:
    """Fetching from no partitions gives nothing and skips nothing."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    await fill(log, topic, 3)
    reader = await start(Reader(log, eventlog.group(), [topic]), TopicPartition(topic, 0))
    assert dict(await reader.member.fetch((), max_records=10, timeout=SOON)) == {}
    assert values(await reader.collect(3)) == [b"0", b"1", b"2"]
    await reader.member.stop(STOPS)


async def test_partitions_left_out_are_read_later(eventlog: Logs) -> None:
    """Choosing partitions is back-pressure: those left out lose nothing."""
    topic, log = await eventlog.topic(partitions=2), await eventlog.connect()
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    await fill(log, topic, 2, partition=0)
    await fill(log, topic, 2, partition=1)
    reader = await start(Reader(log, eventlog.group(), [topic]), zero, one)
    found = list((await reader.member.fetch([zero], max_records=10, timeout=STOPS)).items())
    while sum(len(batch) for _, batch in found) < 2:
        found += (await reader.member.fetch([zero], max_records=10, timeout=STOPS)).items()
    assert {at for at, _ in found} == {zero}
    assert [(each.at, each.offset) for each in await reader.collect(2)] == [(one, 0), (one, 1)]
    await reader.member.stop(STOPS)


async def test_max_records_bounds_a_fetch(eventlog: Logs) -> None:
    """At most so many records in all, over every partition; the rest comes with the next fetch."""
    topic, log = await eventlog.topic(partitions=2), await eventlog.connect()
    await fill(log, topic, 10, partition=0)
    await fill(log, topic, 10, partition=1)
    reader = await start(Reader(log, eventlog.group(), [topic]), TopicPartition(topic, 0), TopicPartition(topic, 1))
    sizes: list[int] = []
    async with asyncio.timeout(WITHIN):
        while sum(sizes) < 20:
            found = await reader.member.fetch(reader.mine, max_records=3, timeout=SOON)
            sizes.append(sum(map(len, found.values())))
    assert (max(sizes), sum(sizes)) == (3, 20)
    await reader.member.stop(STOPS)


async def test_fetch_waits_for_a_record(eventlog: Logs) -> None:
    """A fetch that finds nothing returns as soon as another connection appends something."""
    topic, log, other = await eventlog.topic(), await eventlog.connect(), await eventlog.connect()
    reader = await start(Reader(log, eventlog.group(), [topic]), TopicPartition(topic, 0))
    began = asyncio.get_running_loop().time()
    fetching = asyncio.create_task(reader.member.fetch(reader.mine, max_records=10, timeout=timedelta(seconds=WITHIN)))
    await asyncio.sleep(0)
    await fill(other, topic, 1)
    assert values((await fetching)[TopicPartition(topic, 0)]) == [b"0"]
    assert asyncio.get_running_loop().time() - began < WITHIN / 2
    await reader.member.stop(STOPS)


async def test_fetch_ends_after_its_timeout(eventlog: Logs) -> None:
    """Nothing to read is an empty answer."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    reader = await start(Reader(log, eventlog.group(), [topic]), TopicPartition(topic, 0))
    async with asyncio.timeout(WITHIN):
        assert dict(await reader.member.fetch(reader.mine, max_records=10, timeout=SOON)) == {}
    await reader.member.stop(STOPS)


async def test_partitions_of_others_are_ignored(eventlog: Logs) -> None:
    """Asking for what is not ours reads what is ours, or nothing."""
    topic, other, log = await eventlog.topic("mine"), await eventlog.topic("other"), await eventlog.connect()
    await fill(log, other, 1)
    reader = await start(Reader(log, eventlog.group(), [topic]), TopicPartition(topic, 0))
    foreign = [TopicPartition(other, 0)]
    assert dict(await reader.member.fetch(foreign, max_records=10, timeout=SOON)) == {}
    await reader.member.stop(STOPS)


async def test_position_follows_fetch_and_seek(eventlog: Logs) -> None:
    """The position is the next offset: where `seek` put it, then behind what was fetched."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    await fill(log, topic, 5)
    at = TopicPartition(topic, 0)
    reader = await start(Reader(log, eventlog.group(), [topic]), at)
    reader.member.seek(at, 3)
    assert reader.member.position(at) == 3
    assert values(await reader.collect(2)) == [b"3", b"4"]
    assert reader.member.position(at) == 5
    reader.member.seek(at, 1)
    assert values(await reader.collect(4)) == [b"1", b"2", b"3", b"4"]
    await reader.member.stop(STOPS)


async def test_commits_come_back_with_their_metadata(eventlog: Logs) -> None:
    """A position and its metadata are seen by the member and from outside; None where nothing was committed."""
    topic, log = await eventlog.topic(partitions=2), await eventlog.connect()
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    reader = await start(Reader(log, eventlog.group(), [topic]), zero, one)
    assert dict(await reader.member.committed([zero, one])) == {zero: None, one: None}
    await reader.member.commit({zero: Commit(0, "first")})
    await reader.member.commit({zero: Commit(0, "w1:äé")})
    assert dict(await reader.member.committed([zero, one])) == {zero: Commit(0, "w1:äé"), one: None}
    other = await eventlog.connect()
    assert dict(await other.group_positions(eventlog.group(), [zero, one])) == {zero: Commit(0, "w1:äé"), one: None}
    await reader.member.stop(STOPS)


async def test_a_group_nobody_knows_has_no_positions(eventlog: Logs) -> None:
    """Positions of a group that never committed are None."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    at = TopicPartition(topic, 0)
    assert dict(await log.group_positions(eventlog.group("nobody"), [at])) == {at: None}


async def test_metadata_is_bounded(eventlog: Logs) -> None:
    """4,096 characters come back whole; one more is the caller's mistake and commits nothing."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    at = TopicPartition(topic, 0)
    reader = await start(Reader(log, eventlog.group(), [topic]), at)
    await reader.member.commit({at: Commit(0, "m" * 4096)})
    with pytest.raises(ValueError, match="4,096"):
        await reader.member.commit({at: Commit(0, "m" * 4097)})
    assert await reader.member.committed([at]) == {at: Commit(0, "m" * 4096)}
    await reader.member.stop(STOPS)


async def test_the_next_member_goes_on_where_the_last_committed(eventlog: Logs) -> None:
    """A commit names the next offset to read."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    at = TopicPartition(topic, 0)
    await fill(log, topic, 5)
    first = await start(Reader(log, eventlog.group(), [topic]), at)
    await first.collect(5)
    await first.member.commit({at: Commit(2)})
    await first.member.stop(STOPS)
    second = await start(Reader(await eventlog.connect(), eventlog.group(), [topic]), at)
    assert values(await second.collect(3)) == [b"2", b"3", b"4"]
    await second.member.stop(STOPS)


async def test_a_position_without_seek_is_the_committed_one(eventlog: Logs) -> None:
    """A partition that `assigned` left alone is read from the group's position."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    at = TopicPartition(topic, 0)
    await fill(log, topic, 3)
    first = await start(Reader(log, eventlog.group(), [topic]), at)
    await first.member.commit({at: Commit(1)})
    await first.member.stop(STOPS)
    second = await start(Reader(log, eventlog.group(), [topic], seeks=False), at)
    assert values(await second.collect(2)) == [b"1", b"2"]
    await second.member.stop(STOPS)


async def test_no_position_at_all_is_lost(eventlog: Logs) -> None:
    """Without seek and commit nobody guesses where to begin."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    at = TopicPartition(topic, 0)
    await fill(log, topic, 3)
    reader = await start(Reader(log, eventlog.group(), [topic], seeks=False), at)
    with pytest.raises(PositionLost) as lost:
        await reader.collect(1)
    assert (lost.value.at, lost.value.wanted, lost.value.earliest) == (at, None, 0)
    await reader.member.stop(STOPS)


async def test_a_position_out_of_range_is_lost(eventlog: Logs) -> None:
    """A position behind the end names the gap; seeking back heals the member."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    at = TopicPartition(topic, 0)
    await fill(log, topic, 3)
    reader = await start(Reader(log, eventlog.group(), [topic]), at)
    reader.member.seek(at, 9)
    with pytest.raises(PositionLost) as lost:
        await reader.collect(1)
    assert (lost.value.at, lost.value.wanted, lost.value.earliest) == (at, 9, 0)
    reader.member.seek(at, 2)
    assert values(await reader.collect(1)) == [b"2"]
    await reader.member.stop(STOPS)


async def test_groups_are_independent(eventlog: Logs) -> None:
    """Two groups read the same records and commit positions of their own."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    at = TopicPartition(topic, 0)
    await fill(log, topic, 2)
    one = await start(Reader(log, eventlog.group("one"), [topic]), at)
    two = await start(Reader(log, eventlog.group("two"), [topic]), at)
    assert values(await one.collect(2)) == values(await two.collect(2)) == [b"0", b"1"]
    await one.member.commit({at: Commit(2)})
    assert await two.member.committed([at]) == {at: None}
    await one.member.stop(STOPS)
    await two.member.stop(STOPS)


async def test_stopping_revokes_first(eventlog: Logs) -> None:
    """`stop` calls `revoked` for what is assigned, and what is committed there counts."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    at = TopicPartition(topic, 0)
    await fill(log, topic, 3)
    reader = await start(Reader(log, eventlog.group(), [topic]), at)
    reader.last_words[at] = Commit(3, "bye")
    await reader.member.stop(STOPS)
    assert reader.revocations == [{at}]
    assert await log.group_positions(eventlog.group(), [at]) == {at: Commit(3, "bye")}


async def test_a_member_that_stopped_owns_nothing(eventlog: Logs) -> None:
    """Its later commits are refused."""
    topic, log = await eventlog.topic(), await eventlog.connect()
    at = TopicPartition(topic, 0)
    reader = await start(Reader(log, eventlog.group(), [topic]), at)
    await reader.member.stop(STOPS)
    with pytest.raises(NotOwner):
        await reader.member.commit({at: Commit(0)})
    assert await log.group_positions(eventlog.group(), [at]) == {at: None}


async def test_a_commit_counts_whole_or_not_at_all(eventlog: Logs) -> None:
    """One partition that is not ours spoils the commit of the others."""
    topic, other, log = await eventlog.topic("mine"), await eventlog.topic("other"), await eventlog.connect()
    mine, foreign = TopicPartition(topic, 0), TopicPartition(other, 0)
    reader = await start(Reader(log, eventlog.group(), [topic]), mine)
    with pytest.raises(NotOwner):
        await reader.member.commit({mine: Commit(0), foreign: Commit(0)})
    assert await log.group_positions(eventlog.group(), [mine, foreign]) == {mine: None, foreign: None}
    await reader.member.stop(STOPS)


async def test_members_share_without_overlap(eventlog: Logs) -> None:
    """Whatever the log gives to whom, every partition has exactly one owner."""
    eventlog.needs("sharing")
    topic = await eventlog.topic(partitions=4)
    everything = {TopicPartition(topic, n) for n in range(4)}
    readers = [Reader(await eventlog.connect(), eventlog.group(), [topic]) for _ in range(2)]
    await start(readers[0], *everything)
    await readers[1].member.start()
    async with asyncio.timeout(WITHIN):
        for _ in range(5):  # longer than a rebalance takes to begin
            await asyncio.gather(*(each.member.fetch((), max_records=1, timeout=SOON * 5) for each in readers))
        while readers[0].mine | readers[1].mine != everything:
            await asyncio.gather(*(each.member.fetch((), max_records=1, timeout=SOON) for each in readers))
    assert not readers[0].mine & readers[1].mine
    await asyncio.gather(*(each.member.stop(STOPS) for each in readers))


async def test_another_member_takes_over_after_a_stop(eventlog: Logs) -> None:
    """What one member gave back, the next one owns and continues."""
    eventlog.needs("sharing")
    topic, log = await eventlog.topic(partitions=2), await eventlog.connect()
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    await fill(log, topic, 4)
    first = await start(Reader(log, eventlog.group(), [topic]), zero, one)
    await first.collect(4)
    first.last_words[zero] = Commit(3)
    second = Reader(await eventlog.connect(), eventlog.group(), [topic])
    await second.member.start()
    stopping = asyncio.create_task(first.member.stop(STOPS))
    await second.owns({zero, one})
    await stopping
    assert values(await second.collect(1)) == [b"3"]
    await second.member.stop(STOPS)
