"""kill -9 of a process that writes, and of the PostgreSQL it writes to: what was told durable is there, and whole."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from random import Random
from typing import Any

import pytest

from schemas.contacts import Identity
from store.contacts import Tombstone
from store.effects import Begun, Finished, Fresh
from store.errors import StoreUnavailable
from store.migrations import migrate
from store.owners import Epoch
from store.store import Store
from tests.contract.stores import LOG, check_promises, opened
from tests.faults import store_writer
from tests.faults.forks import telling
from tests.faults.store_writer import AT, HANDLER, NOON, effect
from tests.servers.plugin import MakePostgres

ROUNDS = 4


class Writer:
    """The writing process, and what it has told."""

    def __init__(self, process: BaseProcess, said: asyncio.StreamReader) -> None:
        self.process = process
        self.said = said
        self.told: list[list[Any]] = []

    async def listen(self, lines: int) -> None:
        """Read on until it told so much."""
        async with asyncio.timeout(60):
            while len(self.told) < lines and (line := await self.said.readline()):
                self.told.append(json.loads(line))

    async def kill(self) -> None:
        """Kill as `kill -9` does, then read what was still in the pipe: it was durable before it was told."""
        self.process.kill()
        await self.ended()

    async def ended(self) -> None:
        """Wait for its end, and read what it told until then."""
        await self.listen(sys.maxsize)
        await asyncio.to_thread(self.process.join)

    def of(self, what: str) -> list[list[Any]]:
        """The details of what was told of one kind."""
        return [details for kind, *details in self.told if kind == what]


@asynccontextmanager
async def writing(url: str) -> AsyncIterator[Writer]:
    writer = Writer(*await telling(store_writer.run, url))
    try:
        yield writer
    finally:
        await writer.kill()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


async def check(url: str, writer: Writer) -> None:
    """Compare the store with what was told, through its own calls and by the promises of its tables."""
    await check_promises(url)
    async with opened(url) as store:
        (claimed,) = writer.of("claimed")
        epoch = (await store.owners.claim(HANDLER, [AT], LOG))[AT]
        assert (epoch.value, epoch.clean) == (claimed[0] + 1, False)
        await check_effects(store, epoch, writer)
        await check_timers(store, writer)
        await check_contacts(store, writer)


async def check_effects(store: Store, epoch: Epoch, writer: Writer) -> None:
    begun, finished = len(writer.of("begun")), len(writer.of("finished"))
    for number in range(begun + 2):
        state = await store.effects.begin(effect(number), at=AT, epoch=epoch, now=NOON)
        if number < finished:
            assert state == Finished(str(number))
        elif number < begun:
            assert isinstance(state, Begun | Finished)
        elif number > begun:
            assert state == Fresh()


async def check_timers(store: Store, writer: Writer) -> None:
    latest = {str(number % 50): number for (number,) in writer.of("timer")}
    found = {row.key: row.setter_offset for row in await store.schedule.load(HANDLER, AT, LOG)}
    assert found.keys() >= latest.keys()
    for key, offset in found.items():
        # The one that was being written may be there untold.
        assert offset in {latest.get(key), len(writer.of("timer"))}


async def check_contacts(store: Store, writer: Writer) -> None:
    versions: dict[str, int] = {}
    for _, contact_id, version in writer.of("contact"):
        assert version >= versions.get(contact_id, 0)
        versions[contact_id] = version
    for contact_id, version in versions.items():
        state = await store.contacts.get(contact_id)
        assert state is not None
        assert state.version >= version
    number, contact_id, version = writer.of("contact")[-1]
    state = await store.contacts.get(contact_id)
    if state is not None and not isinstance(state, Tombstone) and state.version == version:
        assert state.attributes[str(number)] == number


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_a_killed_writer_leaves_all_it_told_and_nothing_half(url: str, seed: int) -> None:
    """At any moment: between two writes, in one, before its answer."""
    await migrate(url)
    async with writing(url) as writer:
        await writer.listen(Random(seed).randrange(30, 300))  # noqa: S311 - a seeded moment, not a secret
        await asyncio.sleep(Random(seed).random() / 100)  # noqa: S311 - inside a write rather than after one
        await writer.kill()
        assert len(writer.told) >= 30
        await check(url, writer)


@pytest.mark.postgres
async def test_a_killed_postgresql_keeps_what_was_told(postgres_private: MakePostgres) -> None:
    """An fsync stands behind each answer; the writer's call fails as unavailable, and nothing is half."""
    server = await postgres_private()
    url = server.url_of(await server.create_database())
    await migrate(url)
    async with writing(url) as writer:
        await writer.listen(200)
        server.kill()
        await writer.ended()
        server.start()
        await server.wait_ready()
        await check(url, writer)


@pytest.mark.postgres
async def test_a_running_store_survives_the_restart_of_its_server(postgres_private: MakePostgres) -> None:
    """Its pool is full of dead connections: the next call replaces them, and nobody has to do anything."""
    server = await postgres_private()
    url = server.url_of(await server.create_database())
    async with opened(url) as store:
        someone = Identity(source="s", platform="p", id="1")
        many = [store.contacts.save(someone, at=NOON, now=NOON, attributes={str(n): n}) for n in range(8)]
        await asyncio.gather(*many)
        server.kill()
        with pytest.raises(StoreUnavailable):
            await store.contacts.find(identity=someone)
        server.start()
        await server.wait_ready()
        found = await asyncio.gather(*(store.contacts.find(identity=someone) for _ in range(8)))
        assert all(contact is not None and len(contact.attributes) == 8 for contact in found)
