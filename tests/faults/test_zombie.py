"""A worker that was frozen while its partitions went to another: what it does when it wakes up counts for nothing."""

import shutil
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import Role, wait_for
from tests.e2e.site import Site, site
from tests.faults.door import Door
from tests.faults.spawner import Spawner
from tests.faults.workshop import QUICK_SESSION, Workshop, workshop
from tests.servers.broker import Broker

# An attempt waits so long before it does anything to the world.
TAKES = 1.0
STALE = 'hookline_handler_stale_results_total{handler="ledger"}'


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def options(request: pytest.FixtureRequest, fresh_prefix: str) -> dict[str, Any]:
    """Each event log in turn; both miss a worker after about two seconds."""
    if request.param == "sqlite":
        return {}
    broker: Broker = request.getfixturevalue("kafka")
    return {"eventlog": f"kafka://{broker.bootstrap}", "prefix": fresh_prefix, "more": QUICK_SESSION}


def stale(shop: Workshop, worker: Role) -> float:
    """How many of its results a worker ignored."""
    url = shop.door.at.at.address(worker, kind="admin")
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(STALE))


def test_a_frozen_worker_wakes_up(options: dict[str, Any], tmp_path: Path, spawner: Spawner) -> None:
    """Each effect happens once, each timer fires, all is in order; what the frozen one finished late is counted."""
    with workshop(tmp_path, spawner, ledger=f"takes = {TAKES}", **options) as shop:
        shop.door.wait_ready(shop.door.open())
        shop.send(2)
        frozen = shop.work()
        # no line of the handler is cut short: it waits now, before its effect
        shop.writes_on()
        time.sleep(TAKES / 4)
        frozen.signal(signal.SIGSTOP)
        before = len(shop.lines())
        heir = shop.work()
        wait_for(lambda: len(shop.lines()) > before + 3, seconds=40, what="another worker at work")
        shop.send(2)
        frozen.signal(signal.SIGCONT)
        wait_for(lambda: stale(shop, frozen) > 0, seconds=40, what="a result that is ignored")
        shop.finished(seconds=60)
        assert heir.process.poll() is None
        assert frozen.process.poll() is None


def test_an_attempt_that_outlives_its_partition_ends_the_process(
    tmp_path: Path, free_port: int, spawner: Spawner
) -> None:
    """A frozen worker wakes up while another has its partitions, and cannot end an attempt: it ends itself, with 1."""
    with site(tmp_path, simulated=False, launch=spawner) as at:
        shutil.copy(Path(__file__).parent / "plugins" / "rude.py", tmp_path / "plugins" / "rude.py")
        at.prepare()
        frozen = work(at, spawner)
        door = Door(at, free_port, spawner)
        door.wait_ready(door.open())
        door.auditor.send("c1", 0)
        wait_for(lambda: told(frozen, "attempt.stuck"), seconds=40, what="an attempt that does not end")
        frozen.signal(signal.SIGSTOP)
        heir = work(at, spawner)
        wait_for(lambda: told(heir, "attempt.stuck"), seconds=40, what="the same attempt elsewhere")
        frozen.signal(signal.SIGCONT)
        assert frozen.process.wait(30) == 1, frozen.said()
        assert told(frozen, "attempt.abandoned") == ["deaf"]
        assert heir.process.poll() is None


def work(at: Site, spawner: Spawner) -> Role:
    """A worker of the one entry that goes on after its cancellation."""
    launch = spawner.killing(short_leases=True)
    return at.at.start("work", "--only", "deaf", "--admin-port", "0", launch=launch)


def told(worker: Role, event: str) -> list[str]:
    """The handlers that a worker named."""
    return [line["handler"] for line in worker.log() if line["event"] == event]
