"""SIGTERM under load: everything begun is brought to its end, in time, with status 0; a second one ends it at once."""

import asyncio
import http.client
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.processes import Role, wait_for
from tests.e2e.site import site
from tests.faults.auditor import Sent, sign
from tests.faults.door import Door
from tests.faults.senders import Senders
from tests.faults.spawner import Spawner
from tests.faults.workshop import QUICK_SESSION, Workshop, workshop
from tests.servers.broker import Broker
from tests.servers.plugin import MakeBroker

LOGS = ("sqlite", pytest.param("kafka", marks=pytest.mark.kafka))
STOPS_WITHIN = 10.0
FORCED = 130
FINISHED_WITHIN = 30.0


@pytest.fixture(params=LOGS)
def eventlog(request: pytest.FixtureRequest) -> str:
    """The URL of each event log in turn."""
    if request.param == "sqlite":
        return ""
    broker: Broker = request.getfixturevalue("kafka")
    return f"kafka://{broker.bootstrap}"


@pytest.fixture
def door(eventlog: str, tmp_path: Path, fresh_prefix: str, free_port: int, spawner: Spawner) -> Iterator[Door]:
    """A prepared door."""
    with site(tmp_path, eventlog=eventlog, prefix=fresh_prefix, simulated=False, launch=spawner) as at:
        at.prepare()
        yield Door(at, free_port, spawner)


@pytest.fixture
def shop(eventlog: str, tmp_path: Path, fresh_prefix: str, spawner: Spawner) -> Iterator[Workshop]:
    """A workshop whose handler takes its time."""
    ledger = "takes = 0.15"
    with workshop(tmp_path / "shop", spawner, eventlog=eventlog, prefix=fresh_prefix, ledger=ledger) as made:
        yield made


def insist(role: Role) -> None:
    """SIGTERM until it has ended, and not in order: within half a second it counts as the first one, told again."""

    def ended() -> bool:
        role.signal(signal.SIGTERM)
        return role.process.poll() is not None

    wait_for(ended, seconds=10, what="an end")
    assert role.process.wait() == FORCED  # who ends in order ends with 0


def stopped(role: Role) -> float:
    """SIGTERM; it has to end with 0. The seconds that took."""
    began = time.monotonic()
    assert role.stop(STOPS_WITHIN) == 0, role.said()
    return time.monotonic() - began


def test_a_receiver_answers_what_it_keeps(door: Door) -> None:
    """Five restarts under load: no record is there whose sender was cut off, and none is missing."""
    with Senders(door.auditor, conversations=8, every=0) as senders:
        for _ in range(5):
            role = door.open()
            door.wait_ready(role)
            senders.accepted_since(time.monotonic(), 40)
            stopped(role)
        role = door.open()
        door.wait_ready(role)
    stopped(role)
    assert door.wrong() == {}
    copies = Counter(record["headers"]["ce_id"] for record in door.at.records("conversations"))
    owned = {
        one.event_id: sum(answer.accepted and not answer.duplicate for answer in one.answers)
        for one in door.auditor.sent
    }
    assert {name: count for name, count in copies.items() if owned[name] != count} == {}


class Slow:
    """A delivery on a connection of its own whose last byte has not been sent."""

    def __init__(self, door: Door, seq: int) -> None:
        self.one = Sent(id=f"m-slow-{seq}", conversation="slow", seq=seq)
        door.auditor.sent.append(self.one)
        body = door.auditor.body(self.one)
        parts = urlsplit(door.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        self._connection.putrequest("POST", "/in/support")
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        for name, value in {**headers, **sign(body, door.auditor.secret)}.items():
            self._connection.putheader(name, value)
        self._connection.endheaders(body[:-1])
        self._last = body[-1:]

    def close(self) -> None:
        """Give up."""
        self._connection.close()

    def finish(self) -> http.client.HTTPResponse:
        """Send the last byte; what is answered."""
        self._connection.send(self._last)
        response = self._connection.getresponse()
        response.read()
        self.one.accepted = time.monotonic() if response.status == 202 else None
        return response


def test_a_request_that_has_begun_is_answered(door: Door) -> None:
    """A body that comes slowly is waited for; its answer says that the connection ends."""
    role = door.open()
    door.wait_ready(role)
    with closing(Slow(door, 1)) as slow:
        role.signal(signal.SIGTERM)
        wait_for(lambda: not _listens(door), seconds=5, what="a closed door")
        response = slow.finish()
    assert (response.status, response.headers["Connection"]) == (202, "close")
    assert role.process.wait(STOPS_WITHIN) == 0
    assert [record["headers"]["ce_id"] for record in door.at.records("conversations")] == [slow.one.event_id]


def test_an_idle_connection_does_not_hold_a_stop_up(door: Door) -> None:
    """A kept-alive connection is closed at once, and so is one that never said anything."""
    role = door.open()
    door.wait_ready(role)
    parts = urlsplit(door.url)
    address = (parts.hostname or "", parts.port or 0)
    kept = http.client.HTTPConnection(*address, timeout=10)
    kept.request("GET", "/livez")
    assert kept.getresponse().read()
    with socket.create_connection(address):
        assert stopped(role) < STOPS_WITHIN / 2
    kept.close()


def test_a_second_signal_ends_a_receiver_at_once(door: Door) -> None:
    """Who does not want to wait for a slow sender need not."""
    role = door.open()
    door.wait_ready(role)
    with closing(Slow(door, 1)):
        role.signal(signal.SIGTERM)
        wait_for(lambda: not _listens(door), seconds=5, what="a closed door")
        assert role.process.poll() is None
        insist(role)
    assert "stopped at once" in role.said()


def test_a_worker_finishes_what_it_has_begun(shop: Workshop) -> None:
    """Four restarts with work to do: each event is handled exactly once, for nothing was cut off."""
    receiver = shop.door.open()
    shop.door.wait_ready(receiver)
    for _ in range(4):
        shop.send(3)
        worker = shop.work()
        shop.writes_on()
        stopped(worker)
    worker = shop.work()
    shop.finished(seconds=FINISHED_WITHIN)
    stopped(worker)
    # These ask to be tried again, and a stop may come while they wait.
    asking = {one.event_id for one in shop.door.auditor.sent if one.seq % 7 == 3}
    assert [name for name, count in Counter(shop.lines()).items() if count > 1 and name not in asking] == []


def test_a_second_signal_ends_a_worker_at_once(
    eventlog: str, tmp_path: Path, fresh_prefix: str, spawner: Spawner
) -> None:
    """Its handler would take three seconds more; what was unfinished is repeated at the next start."""
    options: dict[str, Any] = {"ledger": "takes = 3", "more": QUICK_SESSION if eventlog else ""}
    with workshop(tmp_path / "shop", spawner, eventlog=eventlog, prefix=fresh_prefix, **options) as shop:
        shop.door.wait_ready(shop.door.open())
        shop.send(1)
        worker = shop.work()
        shop.writes_on()
        worker.signal(signal.SIGTERM)
        wait_for(lambda: "role.stopping" in worker.said(), seconds=2, what="a drain")
        insist(worker)
        shop.work()
        shop.finished(seconds=FINISHED_WITHIN)


def test_all_roles_in_one_process_drain_together(shop: Workshop) -> None:
    """`run`: the door is closed first, then the work is finished; the next start goes on."""
    with Senders(shop.door.auditor, every=0.2) as senders:
        for _ in range(3):
            role = shop.door.open("run")
            shop.door.wait_ready(role)
            senders.accepted_since(time.monotonic(), 9)
            stopped(role)
        role = shop.door.open("run")
        shop.door.wait_ready(role)
    shop.finished(seconds=FINISHED_WITHIN)
    stopped(role)


@pytest.mark.kafka
async def test_a_stop_while_the_broker_is_frozen(kafka_private: MakeBroker, tmp_path: Path, spawner: Spawner) -> None:
    """Nobody is waited for that does not answer: both roles end, and every request had its refusal before."""
    broker = await kafka_private()

    def run() -> None:
        url = f"kafka://{broker.bootstrap}"
        with workshop(tmp_path / "shop", spawner, eventlog=url, more=QUICK_SESSION) as shop:
            receiver, worker = shop.door.open(), shop.work()
            shop.door.wait_ready(receiver)
            with Senders(shop.door.auditor, conversations=8, every=0, patience=0) as senders:
                senders.accepted_since(time.monotonic(), 16)
                shop.writes_on()
                broker.stop()
                frozen_at = time.monotonic()
                # whoever asked before that has waited for his refusal first, and then for this one
                wait_for(lambda: senders.answers(frozen_at), seconds=8, what="a refusal")
                stop_at = time.monotonic()
                for role in (receiver, worker):
                    role.signal(signal.SIGTERM)
                assert receiver.process.wait(STOPS_WITHIN) == 0
                worker.process.wait(STOPS_WITHIN)
            begun = [answer for answer in senders.answers() if answer.at < stop_at]
            assert {answer.status for answer in begun} == {202, 503}
            broker.cont()
            asyncio.run_coroutine_threadsafe(broker.wait_ready(), loop).result(40)
            shop.door.wait_ready(shop.door.open())
            shop.work()
            shop.finished(seconds=FINISHED_WITHIN)

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(run)


def _listens(door: Door) -> bool:
    parts = urlsplit(door.url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1).close()
    except OSError:
        return False
    return True
