"""The embedded log when processes are killed or frozen and disks refuse: real processes, judged from outside."""

import asyncio
import random
import signal
import sqlite3
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from eventlog.log import Commit
from eventlog.sqlite import SqliteEventLog
from schemas.record import Record, StoredRecord, TopicPartition
from schemas.topics import TopicSettings
from tests.faults.sqlite_child import LEASE, PARTITIONS, TOPIC, Reader

ROOT = Path(__file__).parents[2]
PLACES = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
WITHIN = 60.0
STOPS = timedelta(seconds=10)
# Structlog's default output, which would mix with what the child says.
QUIET = "import structlog, sys; structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr));"


@dataclass
class Child:
    """A process of `sqlite_child` and the lines it said."""

    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)
    listening: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.endswith(b"\n"):  # a kill may cut the last one
                self.said.append(line.decode().rstrip())

    async def until(self, condition: Callable[[list[str]], object]) -> None:
        """Wait until what it said satisfies the condition."""
        async with asyncio.timeout(WITHIN):
            while not condition(self.said):
                assert self.process.returncode is None, f"it ended: {self.said[-3:]}"
                await asyncio.sleep(0.005)

    async def kill(self) -> None:
        """Kill it, and read what it said before."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        if self.listening is not None:
            await self.listening

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@asynccontextmanager
async def child(*arguments: str) -> AsyncIterator[Child]:
    program = f"{QUIET} import runpy; runpy.run_module('tests.faults.sqlite_child', run_name='__main__')"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        *arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    one = Child(process)
    one.listening = asyncio.create_task(one.listen())
    try:
        yield one
    finally:
        await one.kill()


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteEventLog]:
    log = SqliteEventLog(path, lease=LEASE)
    await log.start()
    await log.create({TOPIC: TopicSettings(partitions=PARTITIONS, retention=None)})
    try:
        yield log
    finally:
        await log.stop(STOPS)


async def everything(log: SqliteEventLog) -> dict[int, list[StoredRecord]]:
    """Each partition, as it is in the file."""
    found: dict[int, list[StoredRecord]] = defaultdict(list)
    async for record in log.read(dict.fromkeys(PLACES, 0), follow=False):
        found[record.partition].append(record)
    return found


def judge(acknowledged: list[str], found: dict[int, list[StoredRecord]]) -> None:
    """Every promise is kept, offsets have no gap, and each task's records are in its order."""
    for line in acknowledged:
        _, partition, offset, value = line.split()
        assert found[int(partition)][int(offset)].value == value.encode()
    for records in found.values():
        assert [record.offset for record in records] == list(range(len(records)))
        last: dict[str, int] = defaultdict(lambda: -1)
        for record in records:
            task, _, n = (record.value or b"").decode().rpartition(".")
            assert int(n) == last[task] + 1
            last[task] = int(n)


async def test_a_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Eight kills at random moments, on one file: whatever was acknowledged before any of them is there, in order."""
    path, dice, acknowledged = tmp_path / "events.db", random.Random(7), list[str]()  # noqa: S311 - dice
    for life in range(8):
        async with child("append", str(path), f"w{life}") as writer:
            await writer.until(lambda said: len(said) > 20)
            await asyncio.sleep(dice.uniform(0, 0.15))
            await writer.kill()
            acknowledged += writer.said
    async with opened(path) as log:
        judge(acknowledged, await everything(log))
    assert len(acknowledged) > 8 * 20


async def test_a_kill_hurts_no_other_process(tmp_path: Path) -> None:
    """While one writer is killed another goes on appending to the same partitions."""
    path = tmp_path / "events.db"
    async with child("append", str(path), "survivor") as survivor, child("append", str(path), "victim") as victim:
        for one in (survivor, victim):
            await one.until(lambda said: len(said) > 50)
        await victim.kill()
        before = len(survivor.said)
        await survivor.until(lambda said: len(said) > before + 200)
        await survivor.kill()
        acknowledged = survivor.said + victim.said
    async with opened(path) as log:
        judge(acknowledged, await everything(log))


async def fill(log: SqliteEventLog, count: int) -> None:
    for n in range(count):
        await log.append(Record(topic=TOPIC, key=None, value=b"%d" % n, timestamp=n), partition=0).offset()


async def test_a_killed_reader_is_followed(tmp_path: Path) -> None:
    """Its acknowledged commit is there, and whoever stands by goes on behind it when the lease ran out."""
    path = tmp_path / "events.db"
    async with opened(path) as log, child("read", str(path), "g") as reader:
        await fill(log, 200)
        await reader.until(lambda said: "commit 20" in said)
        heir = Reader(log, "g")
        await heir.member.start()
        await reader.kill()
        last = max(int(line.split()[1]) for line in reader.said if line.startswith("commit"))
        async with asyncio.timeout(WITHIN):
            while not (found := await heir.member.fetch(PLACES, max_records=1, timeout=LEASE.heartbeat)):
                pass
        # The commit in flight when it died may count, though nobody heard of it.
        assert found[PLACES[0]][0].offset in {last, last + 1}
        await heir.member.stop(STOPS)


async def freeze(process: Child, path: Path) -> None:
    """Freeze it where it holds no lock of SQLite's: nobody else could write until it wakes up."""
    async with asyncio.timeout(WITHIN):
        while True:
            process.signal(signal.SIGSTOP)
            with closing(sqlite3.connect(path, timeout=0.1, isolation_level=None)) as probe:
                try:
                    probe.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    process.signal(signal.SIGCONT)
                    await asyncio.sleep(0.01)
                else:
                    return


async def test_a_frozen_reader_has_lost_its_partitions(tmp_path: Path) -> None:
    """SIGSTOP past the lease: another takes over; awake again, the first one's commits are refused and revoked."""
    path = tmp_path / "events.db"
    async with opened(path) as log, child("read", str(path), "g") as frozen:
        await fill(log, 1)
        await frozen.until(lambda said: "commit 1" in said)
        await freeze(frozen, path)
        heir = Reader(log, "g")
        await heir.member.start()
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(WITHIN):
            while not heir.owns:
                await heir.member.fetch((), max_records=1, timeout=timedelta(milliseconds=20))
        assert asyncio.get_running_loop().time() - began < 20 * LEASE.lasts.total_seconds()
        await heir.member.commit({PLACES[0]: Commit(1, "heir")})
        await fill(log, 1)
        frozen.signal(signal.SIGCONT)
        await frozen.until(lambda said: "revoked" in said)
        assert await log.group_positions("g", [PLACES[0]]) == {PLACES[0]: Commit(1, "heir")}
        assert frozen.said[:2] == ["assigned", "commit 1"]
        assert not [line for line in frozen.said[2:] if line.startswith("commit")]
        await heir.member.stop(STOPS)
        await frozen.until(lambda said: said.count("assigned") == 2)
        await frozen.until(lambda said: "commit 2" in said)


async def test_a_disk_that_takes_no_more(tmp_path: Path) -> None:
    """Appends are refused while files cannot grow, nothing refused is acknowledged, and room heals the log."""
    path = tmp_path / "events.db"
    async with child("bounded", str(path), str(512 * 1024)) as writer:
        await writer.until(lambda said: any(line.startswith("refused") for line in said))
        [refused] = [line for line in writer.said if line.startswith("refused")]
        assert refused.startswith(f"refused False the disk of {path} failed (SQLITE_IOERR")
        before = len(writer.said)
        assert writer.process.stdin is not None
        writer.process.stdin.write(b"\n")
        await writer.until(lambda said: len(said) > before + 20)
        await writer.kill()
    async with opened(path) as log:
        records = (await everything(log))[0]
    acknowledged = [line.split() for line in writer.said if line.startswith("ack")]
    assert len(acknowledged) > 20
    for _, _, offset, value in acknowledged:
        assert (records[int(offset)].value or b"").strip() == value.encode()


def allow(path: Path, file: int, folder: int) -> None:
    """Set the rights of a file and its folder."""
    path.chmod(file)
    path.parent.chmod(folder)


async def test_a_read_only_file_is_told() -> None:
    """A user who may read the file and not write it is told so at the start."""
    with TemporaryDirectory() as folder:  # pytest's own folders are closed to the user the child becomes
        path = Path(folder, "events.db")
        async with opened(path):
            pass
        allow(path, 0o444, 0o555)
        async with child("open", str(path)) as opener:
            await opener.until(lambda said: said)
        allow(path, 0o600, 0o700)
    assert opener.said[0].startswith(f"misconfigured {path} cannot be opened or written (SQLITE_")
    assert opener.said[0].endswith("give this user the right to read and write it and its folder")
