"""The pytest plugin: fixtures for real servers, and what the end of a run says about them.

Servers of the whole run start before the first test that is collected for them, so that no test's time limit pays.
With pytest-xdist they are the controller's (see `sharing.py`), and so is the summary.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, NoReturn, Protocol

import pytest
import pytest_asyncio

from tests.servers.broker import Broker, PrivateBroker
from tests.servers.errors import NoServerError
from tests.servers.harness import Harness, new_log_folder
from tests.servers.mock import MockCluster, followers_first
from tests.servers.ports import Port
from tests.servers.postgres import PostgresServer, PrivatePostgres
from tests.servers.proxy import FaultProxy
from tests.servers.sharing import Desk, Guest
from tests.servers.summary import summary
from tests.servers.workers import how_many, slow_first

HARNESS = pytest.StashKey[Harness]()
DESK = pytest.StashKey[Desk]()
FAILED = pytest.StashKey[bool]()
TOLD = "hookline_servers"


class MakeBroker(Protocol):
    """`await kafka_private()`: a started broker of the test's own."""

    async def __call__(
        self, properties: Mapping[str, str] | None = None, *, started: bool = True, proxied: bool = False
    ) -> PrivateBroker:
        """Make one more.

        Args:
            properties: broker properties that override those of `tests/servers/properties.py`.
            started: False for a broker that is absent at first; `start()` and `wait_ready()` bring it up.
            proxied: put a `FaultProxy` before it (`broker.proxy`), which is up whether or not the broker is.
        """


class MakePostgres(Protocol):
    """`await postgres_private()`: a started PostgreSQL of the test's own."""

    async def __call__(self, *, started: bool = True) -> PrivatePostgres:
        """Make one more; `started=False` for one that is absent at first."""


class MakeProxy(Protocol):
    """`await fault_proxy(("127.0.0.1", 8787))`: a proxy before any TCP server, up until the end of the test."""

    async def __call__(self, upstream: tuple[str, int]) -> FaultProxy:
        """Make one more."""


def pytest_configure(config: pytest.Config) -> None:
    told = getattr(config, "workerinput", {}).get(TOLD)
    config.stash[HARNESS] = Harness(new_log_folder()) if told is None else Guest(told)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist, also one that takes a crashed one's place, where to ask for the shared servers."""
    stash = node.config.stash
    if DESK not in stash:
        stash[DESK] = Desk(stash[HARNESS])
    node.workerinput[TOLD] = stash[DESK].told()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """What `-n auto` means here."""
    return how_many()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in filter(_is_slow, items):
        # Real processes on a machine that others load too: a second try, which the summary tells (RERUN).
        item.add_marker(pytest.mark.flaky(reruns=1))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        items[:] = slow_first(items, _is_slow, workers)


def _is_slow(item: pytest.Item) -> bool:
    """Tell whether it starts, kills or freezes processes."""
    return item.path.parent.name in ("faults", "e2e")


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    harness = session.config.stash[HARNESS]
    wanted = [
        shared
        for name, shared in (("kafka", harness.kafka), ("postgres", harness.postgres))
        if any(_wants(item, name) for item in session.items)
    ]
    for shared in wanted:
        try:
            shared.get()
        except NoServerError:  # each test that asks for it says so
            continue


def _wants(item: pytest.Item, name: str) -> bool:
    """Tell whether a test uses the shared server: by fixture, or by mark, for it may ask while it runs."""
    fixtures = getattr(item, "fixturenames", ())
    return name in fixtures or (item.get_closest_marker(name) is not None and f"{name}_private" not in fixtures)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[FAILED] = exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    harness = config.stash[HARNESS]
    terminalreporter.section("servers")
    for line in summary(harness):
        terminalreporter.write_line(line)
    if config.stash.get(FAILED, False) and any(harness.logs.iterdir()):
        terminalreporter.write_line(f"Their logs: {harness.logs}")


def pytest_unconfigure(config: pytest.Config) -> None:
    if DESK in config.stash:
        config.stash[DESK].close()
    config.stash[HARNESS].close(keep_logs=config.stash.get(FAILED, False))


def _missing(harness: Harness, error: NoServerError) -> NoReturn:
    """In CI a missing server is a failure; elsewhere the test is skipped, and the summary says so in capitals."""
    if harness.ci:
        raise error
    harness.miss(str(error))
    pytest.skip(str(error))


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Harness:
    """All servers of this run; `servers.logs` is a folder whose files are kept when a test fails."""
    return pytestconfig.stash[HARNESS]


@pytest.fixture(scope="session")
def kafka(servers: Harness) -> Iterator[Broker]:
    """The broker all tests share; use `fresh_prefix` for topics and groups, and never hurt it."""
    broker = servers.kafka.get()
    if broker.kind == "mock":
        with followers_first():
            yield broker
    else:
        yield broker


@pytest_asyncio.fixture
async def kafka_private(servers: Harness) -> AsyncIterator[MakeBroker]:
    """Makes brokers of the test's own, to be killed, frozen and started again."""
    async with AsyncExitStack() as at_end:

        async def make(
            properties: Mapping[str, str] | None = None, *, started: bool = True, proxied: bool = False
        ) -> PrivateBroker:
            front = Port.claim() if proxied else None
            advertised = front.number if front else None
            try:
                broker = await asyncio.to_thread(servers.private_kafka, properties, advertised=advertised)
            except NoServerError as error:
                _missing(servers, error)
            at_end.push_async_callback(asyncio.to_thread, broker.close)
            if front:
                at_end.callback(front.release)
                broker.proxy = await at_end.enter_async_context(FaultProxy(broker.listener, front.number))
            if started:
                broker.start()
                await broker.wait_ready()
            return broker

        yield make


@pytest.fixture
def mock_kafka() -> Iterator[MockCluster]:
    """A mock cluster of one broker for this test alone; `MockCluster.launch(3)` makes a larger one."""
    cluster = MockCluster.launch()
    try:
        with followers_first():
            yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="session")
def postgres(servers: Harness) -> PostgresServer:
    """The PostgreSQL all tests share; `postgres_url` gives a database in it."""
    try:
        return servers.postgres.get()
    except NoServerError as error:
        _missing(servers, error)


@pytest_asyncio.fixture
async def postgres_url(postgres: PostgresServer) -> AsyncIterator[str]:
    """The URL `postgresql+asyncpg://…` of an empty database of this test's own, dropped afterwards."""
    name = await postgres.create_database()
    yield postgres.url_of(name)
    await postgres.drop_database(name)


@pytest_asyncio.fixture
async def postgres_private(servers: Harness) -> AsyncIterator[MakePostgres]:
    """Makes PostgreSQL servers of the test's own, to be killed, frozen and started again."""
    async with AsyncExitStack() as at_end:

        async def make(*, started: bool = True) -> PrivatePostgres:
            try:
                server = await asyncio.to_thread(servers.private_postgres)
            except NoServerError as error:
                _missing(servers, error)
            at_end.push_async_callback(asyncio.to_thread, server.close)
            if started:
                server.start()
                await server.wait_ready()
            return server

        yield make


@pytest_asyncio.fixture
async def fault_proxy() -> AsyncIterator[MakeProxy]:
    """Makes proxies before any TCP server of the test's."""
    async with AsyncExitStack() as at_end:

        async def make(upstream: tuple[str, int]) -> FaultProxy:
            port = Port.claim()
            at_end.callback(port.release)
            return await at_end.enter_async_context(FaultProxy(upstream, port.number))

        yield make


@pytest.fixture
def fresh_prefix() -> str:
    """A prefix for topics and groups that no other test has, such as "t3f9a1c."."""
    return f"t{secrets.token_hex(3)}."


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port that nobody listens on and no other test run takes; `Port.claim()` gives more."""
    port = Port.claim()
    yield port.number
    port.release()
