"""Random walks over an embedded log, held to a model small enough to be right by looking at it."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eventlog.errors import NotOwner, PositionLost
from eventlog.log import Commit
from eventlog.sqlite import SqliteEventLog
from schemas.record import Record, TopicPartition
from schemas.topics import TopicSettings
from tests.unit.eventlog.sqlite_logs import DAY, LEASE, STOPS, TOPIC, Clock, until

T = TypeVar("T")
PARTITIONS = 2
PLACES = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
partitions = st.integers(0, PARTITIONS - 1)
processes = st.integers(0, 1)


class Walker:
    """An `Assignment` that seeks nowhere: it reads on where the group is, else at the start."""

    def __init__(self, log: SqliteEventLog) -> None:
        self.member = log.member("g", [TOPIC], self)
        self.mine: frozenset[TopicPartition] = frozenset()

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        for at, commit in (await self.member.committed(partitions)).items():
            self.member.seek(at, commit.offset if commit else 0)
        self.mine |= partitions

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.mine -= partitions


class LogMachine(RuleBasedStateMachine):
    """Two processes share a file; each may append, read in the group, commit, freeze, crash and start again."""

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.clocks = [Clock(), Clock()]
        # The model, per partition: values ever appended; what retention took; what the group committed and reads next.
        self.values: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
        self.firsts = [0] * PARTITIONS
        self.committed: list[int | None] = [None] * PARTITIONS
        self.nexts = [0] * PARTITIONS
        self.owner: int | None = None
        self.appended = 0
        self.logs = [self.run(self.opened(process)) for process in range(2)]
        self.walkers: list[Walker | None] = [None, None]
        self.join(0)

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.runner.run(work)

    async def opened(self, process: int) -> SqliteEventLog:
        log = SqliteEventLog(
            Path(self.folder.name, "events.db"),
            lease=LEASE,
            upkeep=timedelta(hours=1),
            notice=timedelta(milliseconds=2),
            clock=self.clocks[process],
        )
        await log.start()
        await log.create({TOPIC: TopicSettings(partitions=PARTITIONS, retention=timedelta(days=3))})
        return log

    @rule(process=processes, chosen=st.lists(partitions, min_size=1, max_size=20))
    def append(self, process: int, chosen: list[int]) -> None:
        """A burst of appends gets the next offsets, in the order of the calls."""
        expected = []
        batch = []
        for partition in chosen:
            expected.append(len(self.values[partition]))
            self.values[partition].append(str(self.appended).encode())
            batch.append((partition, str(self.appended).encode()))
            self.appended += 1
        assert self.run(self.append_all(process, batch)) == expected

    async def append_all(self, process: int, batch: list[tuple[int, bytes]]) -> list[int]:
        now = self.clocks[process].now
        appended = [
            self.logs[process].append(Record(topic=TOPIC, key=None, value=value, timestamp=now), partition=partition)
            for partition, value in batch
        ]
        return [await each.offset() for each in appended]

    @rule(process=processes)
    def join(self, process: int) -> None:
        """Whoever joins first owns the group; the other stands by."""
        if self.walkers[process] is None:
            walker = self.walkers[process] = Walker(self.logs[process])
            self.run(walker.member.start())
            self.settle()

    @rule(process=processes)
    def leave(self, process: int) -> None:
        """An orderly stop hands over at once."""
        if (walker := self.walkers[process]) is not None:
            self.walkers[process] = None
            self.run(walker.member.stop(STOPS))
            self.handed_over(process)

    @precondition(lambda self: self.owner is not None and self.walkers[1 - self.owner] is not None)
    @rule()
    def freeze(self) -> None:
        """For the one who stands by the lease ran out: the owner was silent."""
        assert self.owner is not None
        frozen = self.owner
        self.clocks[1 - frozen].ms = max(each.ms for each in self.clocks) + 30_000
        other = self.walkers[1 - frozen]
        assert other is not None
        self.run(until(lambda: other.mine == set(PLACES)))
        self.took_over(1 - frozen)
        # The frozen one wakes: its clock is the machine's, too.
        self.clocks[frozen].ms = self.clocks[1 - frozen].ms
        walker = self.walkers[frozen]
        assert walker is not None
        with pytest.raises(NotOwner):
            self.run(walker.member.commit({PLACES[0]: Commit(0, "late")}))
        self.run(until(lambda: walker.mine == set()))

    @rule(process=processes)
    def crash(self, process: int) -> None:
        """A process ends without a word and starts again; its lease runs out."""
        if (walker := self.walkers[process]) is not None:
            self.run(walker.member.abandon())
            self.walkers[process] = None
        self.run(self.logs[process].stop(STOPS))
        self.logs[process] = self.run(self.opened(process))
        for clock in self.clocks:
            clock.ms += 30_000
        self.handed_over(process)

    @precondition(lambda self: self.owner is not None)
    @rule(most=st.integers(1, 5))
    def fetch_few(self, most: int) -> None:
        """Less than there is, mostly."""
        self.fetch(most)

    @precondition(lambda self: self.owner is not None)
    @rule(chosen=st.lists(partitions, min_size=1, max_size=20), most=st.integers(1, 30))
    def fetch_new(self, chosen: list[int], most: int) -> None:
        """Right after somebody else's appends, which the owner need not have noticed yet."""
        assert self.owner is not None
        self.append(1 - self.owner, chosen)
        self.fetch(most)

    def fetch(self, most: int) -> None:
        """The owner gets what is next in each partition, or hears that retention was quicker."""
        walker = self.current()
        lost = [n for n in range(PARTITIONS) if self.nexts[n] < self.firsts[n]]
        try:
            found = self.run(walker.member.fetch(PLACES, max_records=most, timeout=timedelta()))
        except PositionLost as error:
            self.was_lost(error, lost)
            return
        assert not [at for at in found if at.partition in lost]
        for at, records in found.items():
            start = self.nexts[at.partition]
            assert [each.offset for each in records] == list(range(start, start + len(records)))
            assert [each.value for each in records] == self.values[at.partition][start : start + len(records)]
            self.nexts[at.partition] += len(records)
        waiting = sum(len(self.values[n]) - self.nexts[n] for n in range(PARTITIONS) if n not in lost)
        got = sum(map(len, found.values()))
        assert got <= most
        assert lost or got == most or waiting == 0

    def was_lost(self, error: PositionLost, lost: list[int]) -> None:
        """The gap is named; reading goes on behind it."""
        partition = error.at.partition
        assert partition in lost
        assert (error.wanted, error.earliest) == (self.nexts[partition], self.firsts[partition])
        self.nexts[partition] = error.earliest
        self.current().member.seek(error.at, error.earliest)

    @precondition(lambda self: self.owner is not None)
    @rule(partition=partitions, back=st.integers(0, 5))
    def commit(self, partition: int, back: int) -> None:
        """The owner commits a position it has reached, or an earlier one."""
        offset = max(self.nexts[partition] - back, 0)
        self.run(self.current().member.commit({PLACES[partition]: Commit(offset, f"m{offset}")}))
        self.committed[partition] = offset

    @precondition(lambda self: self.owner is not None)
    @rule(partition=partitions, back=st.integers(0, 5))
    def seek(self, partition: int, back: int) -> None:
        """The owner reads something again."""
        self.nexts[partition] = max(self.nexts[partition] - back, 0)
        self.current().member.seek(PLACES[partition], self.nexts[partition])

    @rule(process=processes)
    def grow_old(self, process: int) -> None:
        """Four days later everything is past its retention; what the group has not settled stays."""
        for clock in self.clocks:
            clock.now += 4 * DAY
        self.run(self.logs[process].trim())
        for n in range(PARTITIONS):
            held = self.committed[n]
            end = len(self.values[n])
            self.firsts[n] = max(self.firsts[n], end if held is None else min(held, end))

    @invariant()
    def positions_are_as_committed(self) -> None:
        """Both processes see what was committed last, whoever owns the group."""
        expected = {
            PLACES[n]: None if offset is None else Commit(offset, f"m{offset}")
            for n, offset in enumerate(self.committed)
        }
        for log in self.logs:
            assert self.run(log.group_positions("g", PLACES)) == expected

    @invariant()
    def ranges_are_as_appended(self) -> None:
        """Nothing is lost but what retention took, and nothing comes twice."""
        for log in self.logs:
            assert list(self.run(log.offsets(PLACES, "earliest")).values()) == self.firsts
            assert list(self.run(log.offsets(PLACES, "end")).values()) == [len(values) for values in self.values]

    def current(self) -> Walker:
        assert self.owner is not None
        walker = self.walkers[self.owner]
        assert walker is not None
        return walker

    def settle(self) -> None:
        """Wait until somebody owns the group, when somebody wants to and nobody did."""
        wanting = [n for n in range(2) if self.walkers[n] is not None]
        if self.owner is None and wanting:
            [process] = wanting
            self.run(until(lambda: self.walkers[process].mine == set(PLACES)))  # type: ignore[union-attr]  # it wants
            self.took_over(process)

    def handed_over(self, process: int) -> None:
        if self.owner == process:
            self.owner = None
        self.settle()

    def took_over(self, process: int) -> None:
        self.owner = process
        self.nexts = [offset or 0 for offset in self.committed]

    def teardown(self) -> None:
        for log in self.logs:
            self.run(log.stop(STOPS))
        self.runner.close()
        self.folder.cleanup()


LogMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestModel = LogMachine.TestCase
