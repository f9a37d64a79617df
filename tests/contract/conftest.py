"""The implementations each contract suite runs on."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eventlog.log import EventLog
from eventlog.open import EventLogSettings, open_log
from store.store import Store
from tests.contract.eventlogs import STOPS, Kind, Logs, Server
from tests.contract.stores import opened

KINDS: tuple[Kind, ...] = ("sqlite", "mock", "kafka")
FIXTURES = {"mock": "mock_kafka", "kafka": "kafka"}


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.kafka if kind == "kafka" else ()) for kind in KINDS])
async def eventlog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Logs]:
    """Every implementation of the event log in turn, empty, under a prefix of the test's own."""
    kind: Kind = request.param
    server: Server | None = request.getfixturevalue(FIXTURES[kind]) if kind in FIXTURES else None
    url = f"sqlite:///{tmp_path}/events.db" if server is None else f"kafka://{server.bootstrap}"

    def build() -> EventLog:
        return open_log(url, EventLogSettings(url=url))

    logs = Logs(kind=kind, build=build, prefix=f"t-{uuid.uuid4().hex[:12]}.", server=server)
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
