"""A database that does not answer: every call is over by its deadline, and afterwards all is well by itself."""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.record import TopicPartition
from store.dedupe import Dedupe
from store.errors import NotOwned, StoreError, StoreUnavailable
from store.migrations import migrate
from store.owners import Epoch
from store.store import Store
from tests.contract.stores import LOG, NOW, opened, rows
from tests.faults.store_calls import ANN, CALLS, KEY
from tests.faults.store_writer import AT, HANDLER
from tests.servers.plugin import MakePostgres, MakeProxy
from tests.servers.postgres import PrivatePostgres

DEADLINE = timedelta(seconds=1)
LATEST = 5.0
"""Seconds by which a call with that deadline has to be over, on a machine that is busy with other things."""


async def unavailable(call: Awaitable[Any]) -> float:
    """Await a call that must fail as unavailable; the seconds it took."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await call
    return time.monotonic() - began


@pytest.fixture
async def server(postgres_private: MakePostgres) -> PrivatePostgres:
    return await postgres_private()


@pytest.fixture
async def url(server: PrivatePostgres) -> str:
    return server.url_of(await server.create_database())


@pytest.fixture
async def store(server: PrivatePostgres, url: str) -> AsyncIterator[Store]:
    """On a server of the test's own, with a short deadline."""
    async with opened(url, deadline=DEADLINE) as started:
        yield started
        server.cont()


def test_every_call_of_the_store_is_among_those_that_are_tried() -> None:
    """A new one has to be added here."""
    parts = (
        "owners", "schedule", "effects", "entries", "caps", "contacts", "replays", "replay_jobs", "stops", "suspects",
        "parked",
    )  # fmt: skip
    store = Store.open("sqlite:///unused.db")
    public = {
        f"{part}.{name}" for part in parts for name in vars(type(getattr(store, part))) if not name.startswith("_")
    }
    # `Store.expire` calls theirs; `end` wants what was taken or loaded, and is a transaction like those. `lanes` is
    # given longer: it reads all there is of a partition.
    assert public - CALLS.keys() == {
        "effects.expire",
        "caps.expire",
        "contacts.expire",
        "replays.expire",
        "replay_jobs.expire",
        "replays.end",
        "parked.end",
        "parked.lanes",
    }


@pytest.mark.postgres
async def test_every_call_is_over_by_its_deadline_while_postgresql_is_frozen(
    server: PrivatePostgres, store: Store
) -> None:
    """With connections that were open, and more calls than connections. Afterwards they work as before."""
    await asyncio.gather(*(store.contacts.get("c") for _ in range(20)))
    before = len(asyncio.all_tasks())
    server.stop()
    took = dict(zip(CALLS, await asyncio.gather(*(unavailable(call(store)) for call in CALLS.values())), strict=True))
    assert max(took.values()) < LATEST, took
    server.cont()
    async with asyncio.timeout(10):
        while True:
            try:
                claimed = await store.owners.claim(HANDLER, [AT], LOG)
            except StoreUnavailable:
                continue
            break
    assert claimed[AT].value >= 1
    # What was being written when the server froze may still have been written; nothing may be half.
    assert (await store.contacts.save(ANN, at=NOW, now=NOW, name="Ann")).contact.name == "Ann"
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110 - tasks that end tell nobody
            await asyncio.sleep(0.05)


@pytest.mark.postgres
async def test_a_cancelled_call_ends_at_once_while_postgresql_is_frozen(server: PrivatePostgres, store: Store) -> None:
    """The receiver gives a look-up 50 ms, and must not wait for the connection to be given back."""
    await store.contacts.get("c")
    server.stop()
    for call in CALLS.values():
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await call(store)
        assert time.monotonic() - began < DEADLINE.total_seconds()


@pytest.mark.postgres
async def test_stopping_ends_while_postgresql_is_frozen(server: PrivatePostgres, url: str) -> None:
    """With calls under way, and later ones refused instead of connecting again."""
    await migrate(url)
    store = Store.open(url, deadline=DEADLINE)
    await store.start()
    server.stop()
    calls = [asyncio.create_task(unavailable(store.contacts.get("c"))) for _ in range(5)]
    await asyncio.sleep(0)
    began = time.monotonic()
    await store.stop()
    assert time.monotonic() - began < 2 * LATEST
    await asyncio.gather(*calls)
    assert await unavailable(store.contacts.get("c")) < DEADLINE.total_seconds()
    server.cont()


@pytest.mark.postgres
async def test_dedupe_is_over_by_its_deadline_too(server: PrivatePostgres, url: str) -> None:
    """Deliveries are accepted without it."""
    async with aclosing(Stopping(Dedupe.open(url, deadline=DEADLINE))) as held:
        await held.dedupe.start()
        server.stop()
        calls = (
            held.dedupe.known([("s", "1")], NOW),
            held.dedupe.remember([("s", "1", NOW + timedelta(days=1))], NOW),
            held.dedupe.expire(NOW),
            held.dedupe.start(),
        )
        assert max(await asyncio.gather(*(unavailable(call) for call in calls))) < LATEST
        server.cont()
        await server.wait_ready()
        await held.dedupe.remember([("s", "2", NOW + timedelta(days=1))], NOW)
        assert ("s", "2") in await held.dedupe.known([("s", "2")], NOW)


class Stopping:
    """Stops a `Dedupe` at the end of a block."""

    def __init__(self, dedupe: Dedupe) -> None:
        self.dedupe = dedupe

    async def aclose(self) -> None:
        await self.dedupe.stop()


@pytest.mark.postgres
async def test_a_server_that_is_away_at_the_start(server: PrivatePostgres, url: str) -> None:
    """Starting fails as unavailable, and succeeds when it is there."""
    await migrate(url)
    server.kill()
    store = Store.open(url, deadline=DEADLINE)
    try:
        assert await unavailable(store.start()) < LATEST
        server.start()
        await server.wait_ready()
        await store.start()
        assert len(store.id) == 36
    finally:
        await store.stop()


@pytest.mark.postgres
async def test_a_network_that_swallows_everything(
    server: PrivatePostgres, url: str, store: Store, fault_proxy: MakeProxy
) -> None:
    """No reset tells of it. New connections are tried after each deadline, so it recovers by itself."""
    proxy = await fault_proxy(server.listener)
    through = url.replace(f":{server.listener[1]}/", f":{proxy.port}/")
    far = Store.open(through, deadline=DEADLINE)
    try:
        await far.start()
        proxy.freeze()
        assert await unavailable(far.contacts.get("c")) < LATEST
        assert await unavailable(far.contacts.get("c")) < LATEST
        proxy.thaw()
        async with asyncio.timeout(10):
            while True:
                try:
                    assert await far.contacts.get("c") is None
                except StoreUnavailable:
                    continue
                break
    finally:
        await far.stop()


@pytest.mark.postgres
async def test_connections_that_died_silently_cost_one_deadline_and_not_one_each(store: Store, url: str) -> None:
    """Their sessions are frozen, new ones work: as when something on the way has forgotten the old connections."""
    await asyncio.gather(*(store.contacts.get("c") for _ in range(30)))
    pids = [
        int(str(pid))
        for (pid,) in await rows(url, "SELECT pid FROM pg_stat_activity WHERE application_name = 'hookline'")
    ]
    assert len(pids) == 10
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert await unavailable(store.contacts.get("c")) < LATEST
        began = time.monotonic()
        assert await asyncio.gather(*(store.contacts.get("c") for _ in range(30))) == [None] * 30
        assert time.monotonic() - began < LATEST
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.postgres
async def test_no_more_connections_than_agreed(server: PrivatePostgres, url: str) -> None:
    """Sixty calls share three, and none fails."""
    await migrate(url)
    store = Store.open(url, connections=3)
    await store.start()
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(60):
                group.create_task(store.owners.claim(HANDLER, [TopicPartition("t", number)], LOG))
        (found,) = await rows(url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hookline'")
        assert found == (3,)
    finally:
        await store.stop()


@pytest.mark.postgres
async def test_nothing_goes_on_in_the_server_after_the_deadline(store: Store, url: str) -> None:
    """A statement that waits for a lock is ended by the server itself."""
    async with opened(url) as other:
        held, release = asyncio.Event(), asyncio.Event()

        async def hold_all(connection: AsyncConnection) -> None:
            await connection.execute(text("LOCK TABLE owners IN ACCESS EXCLUSIVE MODE"))
            held.set()
            await release.wait()

        holding = asyncio.create_task(other._database.write(hold_all))
        await held.wait()
        try:
            assert await unavailable(store.owners.claim(HANDLER, [AT], LOG)) < LATEST
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            async with asyncio.timeout(5):
                while await rows(url, waiting) != [(0,)]:  # noqa: ASYNC110 - the server tells nobody
                    await asyncio.sleep(0.05)
        finally:
            release.set()
            await holding
        assert (await store.owners.claim(HANDLER, [AT], LOG))[AT].value == 1


@pytest.mark.postgres
async def test_a_worker_frozen_inside_a_transaction_holds_nothing_for_long(store: Store, url: str) -> None:
    """Its session is ended by the server, the next owner claims, and the worker that wakes up has written nothing."""
    epoch = (await store.owners.claim(HANDLER, [AT], LOG))[AT]
    pipe = asyncio.subprocess.PIPE
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.store_holder", url, str(epoch.value), stdin=pipe, stdout=pipe
    )
    assert worker.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert await worker.stdout.readline() == b"held\n"
            worker.send_signal(signal.SIGSTOP)
            while True:
                try:
                    claimed = await store.owners.claim(HANDLER, [AT], LOG)
                except StoreUnavailable:
                    continue
                break
            assert claimed[AT].value == epoch.value + 1
            worker.send_signal(signal.SIGCONT)
            out, _ = await worker.communicate(b"\n")
            assert out == b"StoreUnavailable\n"
        with pytest.raises(NotOwned):
            await store.effects.begin(KEY, at=AT, epoch=epoch, now=NOW)
    finally:
        if worker.returncode is None:
            worker.kill()
        await worker.wait()


async def test_a_sqlite_file_locked_by_another_process(tmp_path: Path) -> None:
    """Writers fail by their deadline, readers go on, and all is well when the lock is gone."""
    async with opened(f"sqlite:///{tmp_path}/state.db", deadline=DEADLINE) as store:
        other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            calls = (store.owners.claim(HANDLER, [TopicPartition("t", n)], LOG) for n in range(5))
            assert max(await asyncio.gather(*(unavailable(call) for call in calls))) < LATEST
            assert await store.contacts.get("c") is None
            other.execute("COMMIT")
        finally:
            other.close()
        async with asyncio.timeout(10):
            assert (await store.owners.claim(HANDLER, [AT], LOG))[AT] == Epoch(1, clean=True, log=LOG)


async def test_a_cancelled_sqlite_call_leaves_the_store_usable(tmp_path: Path) -> None:
    """Its statement may still run in its thread; the next writer comes after it."""
    async with opened(f"sqlite:///{tmp_path}/state.db") as store:
        for number in range(30):
            call = asyncio.create_task(store.owners.claim(HANDLER, [AT], LOG))
            await asyncio.sleep(number / 10_000)
            call.cancel()
            await asyncio.wait([call])
        claimed = (await store.owners.claim(HANDLER, [AT], LOG))[AT]
        assert 1 <= claimed.value <= 31
        with pytest.raises(NotOwned):
            await store.effects.begin(KEY, at=AT, epoch=Epoch(claimed.value + 1, clean=True), now=NOW)


async def test_an_error_names_no_password() -> None:
    """Nor does anything that is printed under it."""
    store = Store.open("postgresql://ann:s3cret@127.0.0.1:1/hook", deadline=DEADLINE)
    try:
        with pytest.raises(StoreError, match=r"postgresql://127\.0\.0\.1:1/hook") as caught:
            await store.start()
    finally:
        await store.stop()
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in str(error)
        error = error.__cause__
