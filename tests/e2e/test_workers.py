"""Tests that run side by side share one set of servers, and the end of the run says the same as without workers."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.runs import output, start
from tests.servers.eventually import eventually

# Two tests that only pass side by side, each telling where its PostgreSQL is.
MEET = """
import json, os, time
import pytest
@pytest.mark.parametrize("me", [0, 1])
async def test_meets_the_other(postgres_url, postgres, me):
    open(f"{me}.json", "w").write(json.dumps([os.getpid(), postgres.url.port]))
    deadline = time.monotonic() + 60
    while not os.path.exists(f"{1 - me}.json"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""
HANGS = """
import json, os, time
async def test_hangs(postgres, postgres_private):
    mine = await postgres_private()
    both = [postgres.url.port, mine.url.port]
    with open("hangs.part", "w") as file:
        file.write(json.dumps([os.getpid(), *both]))
    os.rename("hangs.part", "hangs.json")
    time.sleep(100)
"""
SKIPS = """
async def test_skips(kafka_private):
    await kafka_private()
"""
USES_KAFKA = """
async def test_uses_kafka(kafka, fresh_prefix):
    await kafka.create_topic(fresh_prefix + "t")
"""


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """What is started meanwhile ends at a SIGINT, even if this run is a script's background job and ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def listens(port: int) -> bool:
    """Tell whether anybody listens on the port, as Linux tells it (proc_net(5)): a connection would disturb."""
    with Path("/proc/net/tcp").open() as connections:
        return any(
            line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in list(connections)[1:]
        )


@pytest.mark.postgres
def test_workers_share_one_server(tmp_path: Path) -> None:
    """Two processes, one PostgreSQL, named in the summary."""
    said = output(start(tmp_path, MEET, workers=2))
    assert "2 passed" in said
    told = [json.loads((tmp_path / f"{me}.json").read_text()) for me in (0, 1)]
    assert told[0][0] != told[1][0]
    assert told[0][1] == told[1][1]
    assert "PostgreSQL: 1" in said
    assert "Kafka: no test asked for the shared broker" in said


@pytest.mark.postgres
async def test_no_server_outlives_ctrl_c(tmp_path: Path) -> None:
    """The terminal's Ctrl-C reaches the controller and its workers, and ends what both have started."""
    with heeding_ctrl_c():
        run = start(tmp_path, HANGS, workers=2)
    told = tmp_path / "hangs.json"
    await eventually(told.exists, 60, what="the test hangs")
    _, shared, private = json.loads(told.read_text())
    assert listens(shared)
    assert listens(private)
    os.killpg(run.pid, signal.SIGINT)
    await eventually(lambda: not listens(shared) and not listens(private), 60, what="the servers end")
    output(run)


@pytest.mark.postgres
async def test_a_killed_worker_takes_only_its_own_servers_along(tmp_path: Path) -> None:
    """The shared server serves the worker that takes its place, and the test is named as the one it died in."""
    run = start(tmp_path, HANGS + "async def test_later(postgres_url):\n    pass\n", workers=2)
    told = tmp_path / "hangs.json"
    await eventually(told.exists, 60, what="the test hangs")
    worker, _, private = json.loads(told.read_text())
    os.kill(worker, signal.SIGKILL)
    said = output(run)
    assert "1 failed, 1 passed" in said
    assert "crashed while running 'test_it.py::test_hangs'" in said
    assert not listens(private)


def test_what_was_missing_is_said_aloud(tmp_path: Path) -> None:
    """Also when it was a worker that used the mock cluster, or skipped for want of a server."""
    said = output(start(tmp_path, USES_KAFKA + SKIPS, workers=2, poor=True))
    assert "1 passed, 1 skipped" in said
    assert "KAFKA: NO REAL BROKER. THE KAFKA TESTS RAN ON LIBRDKAFKA'S MOCK CLUSTER" in said
    assert "Apache Kafka's jars:" in said
    assert "TESTS WERE SKIPPED FOR WANT OF A SERVER" in said


def test_ci_without_a_broker_fails(tmp_path: Path) -> None:
    """What the controller could not start fails the worker's test, with the reasons."""
    run = start(tmp_path, USES_KAFKA, workers=2, poor=True, CI="true")
    said = output(run)
    assert "1 error" in said
    assert run.returncode == 1
    assert "KAFKA: NO BROKER" in said
