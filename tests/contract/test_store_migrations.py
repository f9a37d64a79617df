"""Making and updating the schema, on both databases."""

import asyncio
import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from store import dedupe_days
from store.addresses import address
from store.database import Database
from store.digests import fingerprint
from store.errors import StoreMisconfigured
from store.migrations import migrate, pending
from store.migrations.versions import v0001_first, v0002_replays
from store.replay_rows import LetterName, Order
from store.schema import REVISIONS, VERSION_TABLE
from store.store import Store
from store.tables import metadata
from tests.contract.stores import AT, LOG, NOW, modes, opened, rows
from tests.contract.test_store_replays import record

STEPS = [
    "0001: Make the first tables.",
    "0002: Add replays of dead letters.",
    "0003: Tell event logs apart, and give a timer's data a column.",
    "0004: Find the effects that were begun and have no result.",
    "0005: Keep how far platforms were asked for news.",
    "0006: Keep which entries are to stand still.",
    "0007: Keep records of lanes that wait long.",
    "0008: Keep what was under way when a worker crashed.",
    "0009: Remember which version of each contact the log has.",
    "0010: Replay sets of events, and remember which name an entry had.",
    "0011: Remember which deliveries of the quarantine were dealt with.",
    "0012: Find the timers that come due next.",
]
MIGRATE = "import asyncio, sys; from store.migrations import migrate; print(asyncio.run(migrate(sys.argv[1])))"


async def execute(url: str, statement: str) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql(statement)

    async with opened(url) as store:
        await store._database.write(work)


async def test_a_new_database_gets_every_step(empty_url: str) -> None:
    """Once; then there is nothing to do."""
    assert await pending(empty_url) == STEPS
    assert [step[:4] for step in STEPS] == list(REVISIONS)
    assert await migrate(empty_url) == STEPS
    assert await pending(empty_url) == []
    assert await migrate(empty_url) == []


def differences(connection: Connection) -> list[object]:
    """What `alembic revision --autogenerate` would write; the tables of dedupe come and go by themselves."""

    def ours(_: object, name: str | None, kind: str, *__: object) -> bool:
        return not (kind == "table" and (name or "").startswith(dedupe_days.PREFIX))

    options = {"version_table": VERSION_TABLE, "compare_type": True, "include_object": ours}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_the_steps_make_exactly_the_tables_of_the_code(store: Store) -> None:
    """A column that is in one only would be found here."""

    async def work(connection: AsyncConnection) -> list[object]:
        return await connection.run_sync(differences)

    assert await store._database.read(work) == []


async def test_a_store_has_an_id_that_stays(empty_url: str) -> None:
    """Made with the first table, the same for every process, another for another database."""
    ids = []
    for _ in range(2):
        async with opened(empty_url) as store:
            ids.append(store.id)
    assert ids[0] == ids[1]
    assert len(ids[0]) == 36


async def test_a_database_without_tables_is_refused(empty_url: str) -> None:
    """With the command that makes them."""
    store = Store.open(empty_url)
    try:
        told = rf"behind this hookline by {len(STEPS)} step\(s\).*Run `hookline migrate`"
        with pytest.raises(StoreMisconfigured, match=told):
            await store.start()
    finally:
        await store.stop()


async def older(url: str, steps: Sequence[ModuleType]) -> None:
    """A database as an earlier hookline left it."""

    def upgrade(connection: Connection) -> None:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        for step in steps:
            step.upgrade(Operations(context))
        connection.exec_driver_sql(f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL)")
        connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} VALUES ('{steps[-1].revision}')")  # noqa: S608 - our own

    await untouched(url, lambda connection: connection.run_sync(upgrade))


async def untouched(url: str, work: Callable[[AsyncConnection], Awaitable[Any]]) -> None:
    """Work on a database of whatever schema."""
    database = Database(address(url))
    try:
        await database.write(work)
    finally:
        await database.stop()


async def test_an_older_schema_is_refused_and_brought_up_to_date(empty_url: str) -> None:
    """What was in its tables stays."""
    await older(empty_url, [v0001_first])
    await untouched(
        empty_url,
        lambda connection: connection.exec_driver_sql(
            "INSERT INTO entries (handler, start_at, registered_at) VALUES ('h', NULL, 5)"
        ),
    )
    store = Store.open(empty_url)
    try:
        told = rf"behind this hookline by {len(STEPS) - 1} step\(s\), from 0002 on"
        with pytest.raises(StoreMisconfigured, match=told):
            await store.start()
    finally:
        await store.stop()
    assert await migrate(empty_url) == STEPS[1:]
    async with opened(empty_url) as store:
        assert (await store.entries.start_of("h", "now", NOW)).first is False


@pytest.mark.parametrize(
    ("before", "conversation", "data"),
    [
        ("c1", "c1", None),
        ("\x1etimer:" + json.dumps(["c1", {"n": [1]}]), "c1", {"n": [1]}),
        ("\x1etimer:" + json.dumps(["\ud800", {"a": "\0"}]), "\ud800", {"a": "\0"}),
        ("\x1etimer:" + json.dumps([None, {"n": 1}]), None, {"n": 1}),
        ("\x1etimer:" + json.dumps(["\x1etimer:x", {}]), "\x1etimer:x", None),
    ],
)
async def test_timers_of_before_logs_were_told_apart_go_on(
    empty_url: str, before: str, conversation: str | None, data: object
) -> None:
    """With what their handler gave them, in whichever log is read next."""
    await older(empty_url, [v0001_first, v0002_replays])
    statement = sa.text(
        "INSERT INTO schedule (kind, handler, topic, partition, slot, source, key, name, state, setter_offset,"
        " setter_id, due, firing, platform, conversation_id, received_at, written_at)"
        " VALUES ('timer', 'h', :topic, 3, :slot, 'support', 'c1', 'ask', 'set', 7, 'e7', 60000000, 'f', 'p',"
        " :conversation, 0, 0)"
    ).bindparams(topic=AT.topic, slot=fingerprint("support", "c1", "ask"), conversation=before)
    await untouched(empty_url, lambda connection: connection.execute(statement))
    await migrate(empty_url)
    async with opened(empty_url) as store:
        epoch = (await store.owners.claim("h", [AT], LOG))[AT]
        await store.strays.adopt("h", AT, epoch, await store.strays.found("h", LOG), now=NOW)
        [row] = await store.schedule.load("h", AT, LOG)
    assert row.conversation_id == conversation
    assert (None if row.data is None else json.loads(row.data)) == data
    assert (row.firing, row.setter_id, row.due) == ("f", "e7", datetime(1970, 1, 1, 0, 1, tzinfo=UTC))


async def test_what_was_decided_on_letters_before_sets_were_replayed_holds(empty_url: str) -> None:
    """It is found by the event, whatever its platform called it."""
    await older(empty_url, [v0001_first, v0002_replays])
    letter = LetterName(
        handler="h", at=AT, offset=7, source="support", event_id="e\0", failed_at="2026-11-21T12:00:00Z"
    )
    statement = sa.text(
        "INSERT INTO replays (handler, slot, letter_topic, letter_partition, letter_offset, source, event_id,"
        " failed_at, state, effects, asked_at, ended_at) VALUES ('h', :slot, :topic, 3, 7, 'support', :event, :failed,"
        " 'discarded', 'keep', 0, 0)"
    ).bindparams(slot=letter.slot, topic=AT.topic, event="e\x1a0000", failed=letter.failed_at)
    await untouched(empty_url, lambda connection: connection.execute(statement))
    await migrate(empty_url)
    async with opened(empty_url) as store:
        asked = Order(letter=letter, record=record(), death=())
        mark = (await store.replay_jobs.decided([asked])).on(letter)
    assert mark is not None
    assert (mark.state, mark.letter) == ("discarded", letter)


async def test_of_contacts_of_before_any_snapshot_may_be_in_the_log(empty_url: str) -> None:
    """So the tombstone of one that is deleted now is published."""
    await older(empty_url, [v0001_first])
    columns = "id, version, revision, created_at, updated_at, attributes"
    made = f"INSERT INTO contacts ({columns}) VALUES ('k', 3, 3, 0, 0, '{{}}')"  # noqa: S608 - our own
    former = "INSERT INTO former_contacts (id, into_id, version, at) VALUES ('f', NULL, 2, 0)"
    await untouched(empty_url, lambda connection: connection.exec_driver_sql(made))
    await untouched(empty_url, lambda connection: connection.exec_driver_sql(former))
    await migrate(empty_url)
    async with opened(empty_url) as store:
        found = [await store.contacts.appending("e", one, now=NOW) for one in ("k", "f", "unknown")]
    assert [one and one.version for one in found] == [3, 2, None]


async def test_a_newer_schema_is_refused(empty_url: str) -> None:
    """By everything that could touch it: this code does not know what it means."""
    await execute(empty_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")  # noqa: S608 - a constant
    store = Store.open(empty_url)
    try:
        for call in (store.start(), migrate(empty_url), pending(empty_url)):
            with pytest.raises(StoreMisconfigured, match="newer than this hookline: it stands at 9999"):
                await call
    finally:
        await store.stop()


async def test_processes_may_migrate_at_once(empty_url: str) -> None:
    """One takes the steps, the others wait and find nothing to do."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATE, empty_url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    ends = await asyncio.gather(*(process.communicate() for process in processes))
    assert [error.decode() for _, error in ends] == [""] * 4
    assert sorted(out.decode().strip() for out, _ in ends) == [str(STEPS), "[]", "[]", "[]"]


async def test_tasks_may_migrate_at_once(empty_url: str) -> None:
    """Roles that start in one process share no global of the migration tool."""
    taken = await asyncio.gather(*(migrate(empty_url) for _ in range(4)))
    assert sorted(taken) == [[], [], [], STEPS]


async def test_a_step_that_fails_leaves_nothing(empty_url: str, tmp_path: Path) -> None:
    """Somebody else's table of one of our names: all steps are undone, and the error says what to do."""
    database = f"sqlite:///{tmp_path}/state.db" if empty_url.startswith("sqlite") else empty_url
    await make_foreign_table(database)
    with pytest.raises(StoreMisconfigured, match="give hookline a database of its own"):
        await migrate(database)
    assert await pending(database) == STEPS
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    if not database.startswith("sqlite"):
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    assert await rows(database, tables) == [("caps",)]


async def make_foreign_table(url: str) -> None:
    await untouched(url, lambda connection: connection.exec_driver_sql("CREATE TABLE caps (hat INTEGER)"))


async def test_asking_what_is_pending_makes_no_file(tmp_path: Path) -> None:
    """`migrate --check` changes nothing."""
    path = tmp_path / "state.db"
    assert await pending(f"sqlite:///{path}") == STEPS
    assert not path.exists()


async def test_the_file_is_private_and_in_wal_mode(tmp_path: Path) -> None:
    """Also when a wider one was there; SQLite's companions have the same mode."""
    path = tmp_path / "state.db"
    path.touch(mode=0o644)
    path.chmod(0o644)
    async with opened(f"sqlite:///{path}"):
        assert modes(tmp_path) == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


async def test_every_connection_is_durable_and_checks_references(tmp_path: Path) -> None:
    """WAL, synchronous=FULL (2), foreign keys on, and a limit to waiting."""

    async def work(connection: AsyncConnection) -> list[object]:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [(await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar() for pragma in pragmas]

    async with opened(f"sqlite:///{tmp_path}/state.db") as store:
        assert await store._database.read(work) == ["wal", 2, 1, 13500]


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """And left as it is."""
    path = tmp_path / "state.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreMisconfigured, match="no SQLite database"):
        await migrate(f"sqlite:///{path}")
    assert path.read_bytes() == b"no database at all" * 100


async def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """With what to do."""
    path = tmp_path / "state.db"
    async with opened(f"sqlite:///{path}"):
        pass
    raw = bytearray(path.read_bytes())
    raw[4096:] = b"\xff" * (len(raw) - 4096)
    path.write_bytes(raw)
    store = Store.open(f"sqlite:///{path}")
    try:
        with pytest.raises(StoreMisconfigured, match="restore the file from a backup"):
            await store.start()
    finally:
        await store.stop()


def test_sqlite_here_knows_what_the_store_uses() -> None:
    """RETURNING came with 3.35; a Python built on an older library would fail late."""
    assert sqlite3.sqlite_version_info >= (3, 35)


def test_the_steps_are_inside_the_wheel(tmp_path: Path) -> None:
    """Whoever installs hookline has them, wherever he stands."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=Path(__file__).parents[2], check=True, capture_output=True)
    site = tmp_path / "site"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    code = f"import sys; sys.path.insert(0, {str(site)!r}); {MIGRATE}; import store; print(store.__file__)"
    command = [sys.executable, "-P", "-c", code, f"sqlite:///{tmp_path}/state.db"]
    out = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert out.splitlines() == [str(STEPS), str(site / "store" / "__init__.py")]
