"""Calls that share a transaction, files that are not as they should be, and SQLite's plans of our statements."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.contacts import Identity
from schemas.record import StoredRecord
from store import files
from store.addresses import SqliteAddress
from store.dedupe import Dedupe
from store.errors import StoreMisconfigured, StoreRefused, StoreUnavailable
from store.migrations import migrate
from store.owners import Epoch
from store.replay_rows import LetterName, Order
from store.replays import Ending
from store.schedule import TimerName
from store.sqlite_connection import connect
from store.sqlite_file import SqliteFile
from store.store import Store
from store.transactions import Work
from tests.contract.stores import AT, LOG, NOW, OTHER_LOG, minute, opened

SECOND = timedelta(seconds=1)


class Committed:
    """A file and how many transactions were committed in it."""

    def __init__(self, path: Path) -> None:
        self.file = SqliteFile(SqliteAddress(path), patience=SECOND, connections=2)
        self.commits = 0
        event.listen(self.file.engine, "commit", self._count)

    def _count(self, _: Any) -> None:
        self.commits += 1

    async def numbers(self) -> list[int]:
        """What is in the table."""
        found: list[int] = await self.file.column("SELECT a FROM t ORDER BY a", ())
        return found


@pytest.fixture
async def committed(tmp_path: Path) -> AsyncIterator[Committed]:
    """With a table `t` of numbers."""
    found = Committed(tmp_path / "x.db")
    await found.file.write(lambda connection: connection.exec_driver_sql("CREATE TABLE t (a INTEGER)"))
    found.commits = 0
    yield found
    await found.file.close()


def writes(number: int, error: Exception | None = None) -> Work[int]:
    """A call that writes a number, and may fail then."""

    async def work(connection: AsyncConnection) -> int:
        await connection.exec_driver_sql("INSERT INTO t VALUES (?)", (number,))
        if error is not None:
            raise error
        return number

    return work


async def test_what_is_asked_for_meanwhile_is_one_transaction(committed: Committed) -> None:
    """A hundred lanes wait for the disk once, and each is told its own result."""
    told = await asyncio.gather(*(committed.file.write(writes(number)) for number in range(100)))
    assert (told, await committed.numbers(), committed.commits) == (list(range(100)), list(range(100)), 1)


async def test_one_that_fails_takes_nobody_with_it(committed: Committed) -> None:
    """Nothing of it is kept, and all of the others, who are not told of it."""
    calls = [writes(1), writes(2, StoreRefused("too large")), writes(3)]
    told = await asyncio.gather(*map(committed.file.write, calls), return_exceptions=True)
    assert [str(each) for each in told] == ["1", "too large", "3"]
    assert await committed.numbers() == [1, 3]


async def test_nobody_knows_when_the_commit_itself_fails(committed: Committed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is told so, and none is run again: it may have happened."""
    runs: list[int] = []

    def work(number: int) -> Work[int]:
        async def counted(connection: AsyncConnection) -> int:
            runs.append(number)
            return await writes(number)(connection)

        return counted

    def fail(_: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(committed.file.engine.dialect, "do_commit", fail)
    told = await asyncio.gather(*(committed.file.write(work(number)) for number in (1, 2)), return_exceptions=True)
    assert [type(each) for each in told] == [StoreUnavailable, StoreUnavailable]
    assert runs == [1, 2]


async def test_one_that_nobody_waits_for_any_more_is_not_begun(committed: Committed) -> None:
    """The others are."""
    calls = [asyncio.create_task(committed.file.write(writes(number))) for number in (1, 2)]
    await asyncio.sleep(0)
    calls[0].cancel()
    await asyncio.wait(calls)
    assert await committed.numbers() == [2]


async def test_a_file_that_another_writes_to_before_it_has_a_log_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself says at once that it is locked, however patient it was told to be."""
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE t (a)")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            _ = await connect(tmp_path / "x.db", patience=SECOND / 20)
        opening = asyncio.create_task(connect(tmp_path / "x.db", patience=SECOND * 20))
        done, _ = await asyncio.wait({opening}, timeout=0.1)
        assert not done
        other.execute("COMMIT")
        connection = await opening
    cursor = await connection.execute("PRAGMA journal_mode")
    assert list(await cursor.fetchall()) == [("wal",)]
    await connection.close()


def test_aiosqlite_still_has_what_is_leaned_on() -> None:
    """A private name of a pinned library."""
    assert aiosqlite.connect(":memory:")._thread.daemon is False


def engine_of(store: Store) -> Engine:
    """What the store's statements go through."""
    connections = store._database._connections
    assert isinstance(connections, SqliteFile)
    return connections.engine


class Told:
    """Keeps the statements a store runs."""

    def __init__(self, store: Store) -> None:
        self.statements: list[tuple[str, Any]] = []
        event.listen(engine_of(store), "before_cursor_execute", self._keep)

    def _keep(self, _: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        self.statements.append((statement, parameters))


async def replayed(store: Store, epoch: Epoch) -> None:
    """All that happens to a replay."""
    letter = LetterName(handler="h", at=AT, offset=1, source="s", event_id="1", failed_at="")
    record = StoredRecord(topic=AT.topic, partition=AT.partition, offset=1, key=None, value=None, timestamp=0)
    await store.replays.ask([Order(letter=letter, record=record, death=())], NOW)
    await store.replay_jobs.room("h", 0)
    [waiting] = await store.replays.waiting("h")
    [replay] = await store.replays.take("h", AT, epoch, [waiting.id], now=NOW)
    await store.replays.end("h", replay, epoch, Ending(state="done"), now=NOW)
    await store.replays.discard([letter], NOW)
    await store.replays.found([replay.id])
    await store.replays.marks("h")


async def test_no_statement_walks_through_a_table(tmp_path: Path) -> None:
    """Each finds its rows by an index, with a hundred thousand timers as with one."""
    async with opened(f"sqlite:///{tmp_path}/state.db") as store:
        told = Told(store)
        epoch = (await store.owners.claim("h", [AT], LOG))[AT]
        await store.owners.begun("h", {AT: epoch})
        await store.strays.found("h", OTHER_LOG)
        names = [TimerName(source="s", key="k", name="n")]
        await store.schedule.settle("h", AT, epoch, offset=1, event_id="1", now=NOW, cancel=names, fired=None)
        await store.schedule.settle("h", AT, epoch, offset=1, event_id="1", now=NOW, fired="f")
        await store.schedule.load("h", AT, LOG)
        who = Identity(source="s", platform="p", id="1")
        saved = await store.contacts.save(who, at=NOW, now=NOW, email="a@x.org", email_verified=True, cause="e")
        await store.contacts.save(who, at=minute(1), now=NOW, phone="1", cause="e")
        await store.contacts.find(email="a@x.org")
        await store.contacts.find(identity=who)
        await store.contacts.find(contact_id=saved.contact.id)
        await store.contacts.delete(who, at=minute(2), now=NOW)
        await store.caps.allow("h", "n", "k", limit=1, window_start=NOW, source="s", event_id="1")
        await replayed(store, epoch)
        await store.expire(NOW)

        async def plans(connection: AsyncConnection) -> dict[str, list[str]]:
            found = {}
            for statement, parameters in told.statements:
                if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
                    one = parameters[0] if isinstance(parameters, list) else parameters
                    rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one)
                    found[statement] = [row.detail for row in rows]
            return found

        explained = await store._database.read(plans)
    firing = next(plan for statement, plan in explained.items() if statement.startswith("UPDATE schedule"))
    assert "ix_schedule_firing (handler=? AND firing=?)" in firing[0]
    looking = next(plan for statement, plan in explained.items() if statement.startswith("SELECT replays.id, "))
    assert looking == ["SEARCH replays USING INDEX ix_replays_open (handler=?)"]
    # A list of values is no table.
    scans = {statement: [step for step in plan if "CONSTANT ROW" not in step] for statement, plan in explained.items()}
    walks = {statement: plan for statement, plan in scans.items() if any(step.startswith("SCAN") for step in plan)}
    assert len(explained) > 25
    assert walks == {}


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
async def test_a_file_on_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Before anything is made there, by migrating, starting and remembering alike."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 0:1 / / rw - ext4 /dev/vda rw\n2 1 0:2 / {tmp_path} rw - {kind} server:/x rw\n")
    monkeypatch.setattr(files, "_MOUNTS", mounts)
    url = f"sqlite:///{tmp_path}/state.db"
    for call in (migrate(url), Store.open(url).start(), Dedupe.open(url).start()):
        with pytest.raises(StoreMisconfigured, match=rf"network file system \({kind}\)"):
            await call
    assert names(tmp_path) == ["mountinfo"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("how", ["removed", "replaced"])
async def test_a_file_that_goes_while_it_is_in_use_is_noticed(tmp_path: Path, how: str) -> None:
    """Or the open connections would write on into nothing, and answer that all is well."""
    path = tmp_path / "state.db"
    async with opened(f"sqlite:///{path}") as store:
        await store.owners.claim("h", [AT], LOG)
        path.rename(tmp_path / "old.db")
        if how == "replaced":
            path.write_bytes((tmp_path / "old.db").read_bytes())
        for call in (store.owners.claim("h", [AT], LOG), store.schedule.load("h", AT, LOG)):
            with pytest.raises(StoreMisconfigured, match=f"was {how} while it was in use"):
                await call


async def test_a_full_disk_is_told_and_leaves_nothing_half(tmp_path: Path) -> None:
    """The call fails as unavailable; with space it works again."""
    async with opened(f"sqlite:///{tmp_path}/state.db") as store:
        await limit_pages(store, 90)
        who = Identity(source="s", platform="p", id="1")
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            await fill(store, who)
        kept = await store.contacts.find(identity=who)
        assert kept is not None
        assert kept.version == len(kept.attributes) > 5
        assert await store.contacts.unpublished(str(kept.version)) == frozenset()
        await limit_pages(store, 100_000)
        assert (await store.contacts.save(who, at=NOW, now=NOW, name="Ann")).contact.version == kept.version + 1


async def limit_pages(store: Store, pages: int) -> None:
    """How large the file may become; a property of the one connection that these calls share."""

    async def work(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    await store._database.write(work)


async def fill(store: Store, who: Identity) -> None:
    for number in range(200):
        await store.contacts.save(who, at=NOW, now=NOW, attributes={str(number): "x" * 1_000}, cause=str(number))
