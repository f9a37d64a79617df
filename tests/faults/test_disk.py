"""A disk without room under the embedded log and the data folder: refused and told so, never accepted and lost."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import wait_for
from tests.e2e.site import site
from tests.faults.disks import Disk, SizeLimit, tmpfs, with_full_log
from tests.faults.door import Door
from tests.faults.senders import Senders
from tests.faults.spawner import Spawner
from tests.faults.workshop import workshop

GOOD_AGAIN_WITHIN = 8.0


@pytest.fixture(params=["tmpfs", "size limit"])
def disk(request: pytest.FixtureRequest, tmp_path: Path, spawner: Spawner) -> Iterator[Disk]:
    """A disk that can be filled: a file system of its own where this user may mount one, else the kernel's limit."""
    if request.param == "size limit":
        yield SizeLimit(spawner)
        return
    with tmpfs(tmp_path, spawner) as mounted:
        if mounted is None:
            pytest.skip("this user may not mount a tmpfs; the kernel's limit on the size of files stands in")
        yield mounted


@pytest.fixture
def door(disk: Disk, tmp_path: Path, free_port: int) -> Iterator[Door]:
    """A receiver whose data folder is on that disk."""
    with site(tmp_path, simulated=False, launch=disk.launch) as at:
        at.prepare()
        yield Door(at, free_port, disk.launch)


def test_a_full_disk_refuses_and_recovers_without_a_restart(door: Door, disk: Disk) -> None:
    """503 with Retry-After while nothing fits, good again as soon as something does, and every 2xx is on the disk."""
    role = door.open()
    door.wait_ready(role)
    with Senders(door.auditor, pause=0.1) as senders:
        senders.accepted_since(time.monotonic(), 10)
        disk.fill(role)
        wait_for(lambda: door.health(role) == 503, seconds=15, what="a receiver that says it is not ready")
        full_at = time.monotonic()
        wait_for(lambda: len(senders.answers(full_at)) >= 20, seconds=15, what="a refusal of twenty deliveries")
        during = senders.answers(full_at)
        disk.empty(role)
        roomy_at = time.monotonic()
        senders.accepted_since(roomy_at, 10)
        assert door.wait_ready(role) < GOOD_AGAIN_WITHIN
    assert {answer.status for answer in during} == {503}
    assert senders.recovered(roomy_at) < GOOD_AGAIN_WITHIN
    assert role.process.poll() is None
    role.kill()
    assert door.wrong() == {}
    assert len(door.auditor.accepted()) == len(door.auditor.sent)


def test_the_work_goes_on_when_there_is_room(tmp_path: Path, spawner: Spawner) -> None:
    """Log, store and leases on a full disk: nothing is lost, no effect is repeated, and nobody restarts anything."""
    folder = tmp_path / "shop"
    folder.mkdir()
    with tmpfs(folder, spawner) as disk:
        if disk is None:
            pytest.skip(
                "this user may not mount a tmpfs, and a limit on file sizes would hit the handler's journal too"
            )
        with workshop(folder, disk.launch) as shop:
            receiver, worker = shop.door.open(), shop.work()
            shop.door.wait_ready(receiver)
            with Senders(shop.door.auditor, every=0.1, pause=0.1) as senders:
                shop.writes_on()
                disk.fill(receiver)
                full_at = time.monotonic()
                wait_for(lambda: len(senders.answers(full_at)) >= 50, seconds=20, what="refusals")
                disk.empty(receiver)
                senders.accepted_since(time.monotonic(), 10)
            shop.finished(seconds=30)
            assert [role.stop() for role in (worker, receiver)] == [0, 0]


def test_a_log_file_that_cannot_be_written_stops_nothing(tmp_path: Path, free_port: int, spawner: Spawner) -> None:
    """Deliveries are taken and the process ends in order although not one line of its log can be written."""
    with site(tmp_path, simulated=False, launch=spawner) as at:
        at.prepare()
        door = Door(at, free_port, with_full_log)
        role = door.open()
        door.wait_ready(role)
        for seq in range(5):
            door.auditor.send("c1", seq, patience=0)
        assert [one.statuses for one in door.auditor.sent] == [[202]] * 5
        assert role.stop() == 0
        assert door.wrong() == {}
