"""The implementations each contract suite runs on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from eventlog.kafka_settings import KafkaSettings
from eventlog.log import EventLog
from eventlog.open import EventLogSettings, open_log
from store.migrations import migrate
from store.store import Store
from tests.contract.eventlogs import STOPS, Kind, Logs
from tests.contract.stores import clear, opened
from tests.servers.broker import Broker
from tests.servers.postgres import PostgresServer

KINDS: tuple[Kind, ...] = ("sqlite", "mock", "kafka")
DATABASES = ("sqlite", pytest.param("postgres", marks=pytest.mark.postgres))
FIXTURES = {"mock": "mock_kafka", "kafka": "kafka"}


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.kafka if kind == "kafka" else ()) for kind in KINDS])
async def eventlog(request: pytest.FixtureRequest, tmp_path: Path, fresh_prefix: str) -> AsyncIterator[Logs]:
    """Every implementation of the event log in turn, empty, under a prefix of the test's own."""
    kind: Kind = request.param
    server: Broker | None = request.getfixturevalue(FIXTURES[kind]) if kind in FIXTURES else None
    if server is not None and server.kind == "mock":
        kind = "mock"  # where there is no real broker the mock stands in, with what it lacks
    url = f"sqlite:///{tmp_path}/events.db" if server is None else f"kafka://{server.bootstrap}"

    # A rebalance of the mock lasts a whole session.
    kafka = KafkaSettings(session_timeout=timedelta(seconds=5)) if kind == "mock" else KafkaSettings()

    def build() -> EventLog:
        return open_log(url, EventLogSettings(url=url, kafka=kafka))

    logs = Logs(kind=kind, build=build, prefix=fresh_prefix, server=server)
    yield logs
    for log in reversed(logs.opened):
        await log.stop(STOPS)


@pytest.fixture(scope="session")
def postgres_tables(postgres: PostgresServer) -> Iterator[str]:
    """The url of a migrated PostgreSQL database, which each test leaves empty."""
    # in a thread: this one's event loop is pytest-asyncio's
    with ThreadPoolExecutor(1) as thread:
        name = thread.submit(asyncio.run, postgres.create_database()).result()
        thread.submit(asyncio.run, migrate(postgres.url_of(name))).result()
        yield postgres.url_of(name)
        thread.submit(asyncio.run, postgres.drop_database(name)).result()


@pytest.fixture
async def cleared_url(postgres_tables: str) -> AsyncIterator[str]:
    """The same for one test."""
    yield postgres_tables
    await clear(postgres_tables)


@pytest.fixture(params=DATABASES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The url of a database without a row, SQLite and PostgreSQL in turn."""
    return f"sqlite:///{tmp_path}/state.db" if request.param == "sqlite" else request.getfixturevalue("cleared_url")


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The url of a database without a table, likewise."""
    return f"sqlite:///{tmp_path}/state.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """A migrated and started store on each database in turn."""
    async with opened(store_url) as started:
        yield started
