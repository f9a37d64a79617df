"""Workers that come, go, die and freeze under load: every event handled, in order, and repeated only for a reason.

`--chaos SECONDS` makes it last longer.
"""

import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import Role, wait_for
from tests.e2e.site import Site, site
from tests.faults.auditor import Sent, verdict
from tests.faults.door import Door
from tests.faults.itinerary import Itinerary, lines
from tests.faults.spawner import Spawner
from tests.servers.broker import Broker
from tests.servers.ports import Port

# Session and lease of a worker that is gone or frozen, in seconds; how long one is frozen; between two disturbances.
SESSION, FROZEN, PAUSE = 3.0, (4.0, 8.0), (2.0, 5.0)
CONCURRENCY = 16
CONVERSATIONS = 40
# Events a second.
RATE = 20.0
SETTINGS = """
[handlers.wandering]
journal = "{journal}"
concurrency = {concurrency}
[eventlog.kafka]
session_timeout = "{session}s"
"""
FINISHED_WITHIN = 90.0


@dataclass
class Crowd:
    """The workers of one entry, and what is done to them."""

    at: Site
    spawner: Spawner
    chance: random.Random
    workers: list[Role] = field(default_factory=list)
    # When a frozen one goes on.
    frozen: dict[int, tuple[float, Role]] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)

    def fill(self) -> None:
        """Start what is missing to two or three."""
        self.workers = [each for each in self.workers if each.process.poll() is None]
        while len(self.workers) < self.chance.choice((2, 3)):
            launch = self.spawner.killing(short_leases=True)
            arguments = ("work", "--only", "wandering", "--admin-port", "0")
            self.workers.append(self.at.at.start(*arguments, launch=launch))

    def disturb(self) -> None:
        """Kill one, stop one, or freeze one for longer than its session; then fill up."""
        self.thaw(time.monotonic())
        awake = [each for each in self.workers if each.process.pid not in self.frozen]
        if awake:
            one = self.chance.choice(awake)
            what = self.chance.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP))
            self.done[what.name] += 1
            one.signal(what)
            if what is signal.SIGSTOP:
                self.frozen[one.process.pid] = (time.monotonic() + self.chance.uniform(*FROZEN), one)
        self.fill()

    def thaw(self, now: float) -> None:
        """Let those go on whose time has come."""
        for pid, (until, role) in list(self.frozen.items()):
            if until <= now:
                role.signal(signal.SIGCONT)
                del self.frozen[pid]

    @property
    def hard(self) -> int:
        """Disturbances that leave attempts behind."""
        return self.done["SIGKILL"] + self.done["SIGSTOP"]


@contextmanager
def feeding(door: Door) -> Iterator[None]:
    """Have events accepted at a steady rate."""
    ended = threading.Event()

    def feed() -> None:
        number = 0
        while not ended.wait(1 / RATE):
            door.auditor.send(f"c{number % CONVERSATIONS}", number // CONVERSATIONS)
            number += 1

    thread = threading.Thread(target=feed, name="feed")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def settled(events: list[Sent], journal: Path) -> Itinerary | None:
    """The journal, when every event is handled."""
    found = Itinerary(events, lines(journal))
    return None if found.unhandled else found


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def place(request: pytest.FixtureRequest, fresh_prefix: str) -> dict[str, Any]:
    """Each event log in turn."""
    broker: Broker | None = request.getfixturevalue("kafka") if request.param == "kafka" else None
    return {"eventlog": "" if broker is None else f"kafka://{broker.bootstrap}", "prefix": fresh_prefix}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_chaos(place: dict[str, Any], tmp_path: Path, spawner: Spawner, request: pytest.FixtureRequest) -> None:
    """Nothing is lost or dead or out of order; what is repeated was under way at a kill or a freeze."""
    seconds = float(request.config.getoption("--chaos"))
    (tmp_path / "plugins").mkdir()
    shutil.copy(Path(__file__).parent / "plugins" / "wandering.py", tmp_path / "plugins" / "wandering.py")
    journal, port = tmp_path / "journal", Port.claim()
    settings = SETTINGS.format(journal=journal, concurrency=CONCURRENCY, session=SESSION)
    with site(tmp_path, simulated=False, launch=spawner, more=settings, **place) as at:
        at.prepare()
        door = Door(at, port.number, spawner)
        door.wait_ready(door.open())
        crowd = Crowd(at, spawner, random.Random(7))  # noqa: S311 - a reproducible pattern, no secret
        crowd.fill()
        with feeding(door):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(crowd.chance.uniform(*PAUSE))
                crowd.disturb()
        crowd.thaw(float("inf"))
        events = door.auditor.accepted()
        found: Itinerary = wait_for(
            lambda: settled(events, journal), seconds=FINISHED_WITHIN + seconds, what="the end of the work"
        )
        print(
            f"{len(events)} events, {dict(crowd.done)}, {found.repeats} repeats, {found.most} attempts at most, "
            f"{found.longest_pause:.1f} s the longest pause"
        )
        assert found.out_of_order == []
        assert at.records("dead") == []
        assert verdict(door.auditor.sent, at.records("conversations")) == {}
        # what was under way, and what was done within the second before the next commit
        assert found.repeats <= crowd.hard * (CONCURRENCY + RATE * 2)
    port.release()
