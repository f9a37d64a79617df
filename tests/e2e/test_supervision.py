"""No server outlives the tests that started it, and a run says what it ran on."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.runs import output, start
from tests.servers.child import Child, Program
from tests.servers.errors import SupervisorError
from tests.servers.eventually import eventually

ROOT = Path(__file__).parents[2]

# Starts a server of two processes under supervision, says who they are, and waits to be killed.
OWNER = """
import sys, time
from pathlib import Path
from tests.e2e.runs import output, start
from tests.servers.child import Child, Program
home = Path(sys.argv[1])
script = "sleep 300 & echo $! > ../grandchild; wait"
child = Child(Program(argv=["sh", "-c", script], cwd=home, log=home.with_name("log"), removed=[home]))
child.start()
while not (home.with_name("grandchild").exists() and home.with_name("grandchild").read_text().strip()):
    time.sleep(0.01)
print(child.pid, home.with_name("grandchild").read_text().strip(), flush=True)
time.sleep(300)
"""

USES_KAFKA = """
async def test_uses_kafka(kafka, fresh_prefix):
    await kafka.create_topic(fresh_prefix + "t")
    assert kafka.kind == "mock"
"""
USES_BROKER_OF_ITS_OWN = """
async def test_uses_broker_of_its_own(kafka_private):
    await kafka_private()
"""
USES_POSTGRES = """
def test_uses_postgres(postgres_url):
    assert False, "it found a server where there is none"
"""
USES_NEITHER = """
def test_uses_neither():
    pass
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (home / "data").write_text("x")
    return home


async def test_server_dies_with_killed_tests(home: Path) -> None:
    """After kill -9 of the tests the server, its children and its folder are gone; the log stays."""
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(home), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    server, grandchild = map(int, (await owner.stdout.readline()).split())
    assert alive(server)
    assert alive(grandchild)
    owner.kill()
    await owner.wait()
    await eventually(lambda: not alive(server) and not alive(grandchild), what="the server ends")
    await eventually(lambda: not home.exists(), what="its folder is removed")
    assert home.with_name("log").exists()


async def test_ctrl_c_does_not_reach_the_server(home: Path) -> None:
    """The terminal's Ctrl-C goes to a process group the server is not in: fixtures end it in their order."""
    child = Child(Program(argv=["sleep", "300"], cwd=home, log=home / "log", removed=[]))
    child.start()
    assert child.pid is not None
    assert os.getpgid(child.pid) != os.getpgid(0)
    child.close()
    await eventually(lambda: not alive(child.pid or 0))


def test_server_can_be_asked_to_end(home: Path) -> None:
    """SIGTERM reaches a server that wants to hear it: the supervisor leaves no signal ignored."""
    child = Child(Program(argv=["sleep", "300"], cwd=home, log=home / "log", removed=[]))
    child.start()
    child.terminate()
    assert not child.running()
    child.close()


def test_program_that_is_not_there_is_an_error(home: Path) -> None:
    """The reason is the operating system's own."""
    child = Child(Program(argv=["/no/such/server"], cwd=home, log=home / "log", removed=[]))
    with pytest.raises(SupervisorError, match="No such file"):
        child.start()
    child.close()


def poorly(folder: Path, test: str, **environment: str) -> tuple[int, str]:
    """Status and output of a test where neither Docker nor Java nor PostgreSQL can be found."""
    run = start(folder, test, workers=0, poor=True, **environment)
    said = output(run)
    return run.returncode, said


def test_mock_serves_and_the_summary_says_so(tmp_path: Path) -> None:
    """Without a broker the tests run, and nobody can overlook on what."""
    _, said = poorly(tmp_path, USES_KAFKA)
    assert "1 passed" in said, said
    assert "KAFKA: NO REAL BROKER. THE KAFKA TESTS RAN ON LIBRDKAFKA'S MOCK CLUSTER" in said
    assert "Apache Kafka's jars: no java on PATH" in said
    assert "Docker: no Docker engine answers" in said


def test_ci_without_a_broker_fails(tmp_path: Path) -> None:
    """With CI=true the mock cluster is no substitute."""
    status, said = poorly(tmp_path, USES_KAFKA, CI="true")
    assert "1 error" in said, said
    assert status == 1
    assert "KAFKA: NO BROKER" in said


def test_given_broker_that_is_absent_is_not_replaced(tmp_path: Path) -> None:
    """Who names a broker gets that one or an error."""
    _, said = poorly(tmp_path, USES_KAFKA, HOOKLINE_TEST_KAFKA="127.0.0.1:1")
    assert "1 error" in said, said
    assert "HOOKLINE_TEST_KAFKA: 127.0.0.1:1 does not answer as Kafka does" in said


def test_ci_without_postgres_fails(tmp_path: Path) -> None:
    """With CI=true a PostgreSQL named and absent is a failure, not a skip."""
    away = "postgresql://127.0.0.1:1/postgres"
    status, said = poorly(tmp_path, USES_POSTGRES, CI="true", HOOKLINE_TEST_POSTGRES=away)
    assert "1 error" in said, said
    assert status == 1


def test_missing_postgres_is_said_aloud(tmp_path: Path) -> None:
    """Outside CI its tests are skipped, in capitals."""
    _, said = poorly(tmp_path, USES_POSTGRES, HOOKLINE_TEST_POSTGRES="mysql://127.0.0.1/x")
    assert "1 skipped" in said, said
    assert "POSTGRESQL: NO SERVER" in said
    assert "mysql:// is no PostgreSQL" in said


def test_missing_private_broker_is_said_aloud(tmp_path: Path) -> None:
    """A broker to be killed cannot be a mock: outside CI its tests are skipped, in capitals."""
    _, said = poorly(tmp_path, USES_BROKER_OF_ITS_OWN)
    assert "1 skipped" in said, said
    assert "TESTS WERE SKIPPED FOR WANT OF A SERVER" in said


def test_ci_without_a_private_broker_fails(tmp_path: Path) -> None:
    """In CI the same is a failure."""
    _, said = poorly(tmp_path, USES_BROKER_OF_ITS_OWN, CI="true")
    assert "1 failed" in said, said


def test_servers_nobody_asks_for_do_not_start(tmp_path: Path) -> None:
    """A run of pure tests costs no broker, even in CI."""
    _, said = poorly(tmp_path, USES_NEITHER, CI="true")
    assert "1 passed" in said, said
    assert "Kafka: no test asked for the shared broker" in said
    assert "PostgreSQL: no test asked for the shared server" in said
