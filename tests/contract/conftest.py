"""The implementations each contract suite runs on."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from eventlog.kafka_settings import KafkaSettings
from eventlog.log import EventLog
from eventlog.open import EventLogSettings, open_log
from store.store import Store
from tests.contract.eventlogs import STOPS, Kind, Logs
from tests.contract.stores import opened
from tests.servers.broker import Broker

KINDS: tuple[Kind, ...] = ("sqlite", "mock", "kafka")
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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The url of an empty database, SQLite and PostgreSQL in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """A migrated and started store on each database in turn."""
    async with opened(store_url) as started:
        yield started
