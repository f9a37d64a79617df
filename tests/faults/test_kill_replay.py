"""kill -9 of the worker in the middle of a replay: the next worker handles the event, and its effect happened once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.clinic import Clinic, clinic
from tests.e2e.processes import wait_for
from tests.faults.spawner import Spawner
from tests.faults.workshop import QUICK_SESSION
from tests.servers.broker import Broker

STEPS = [
    f"{function}:{when}:1"
    for function in (
        "store.replay_jobs:ReplayJobs.feed",
        "store.replays:Replays.take",
        "dispatcher.attempt:attempt",
        "dispatcher.settlement:Settler._durable",
        "store.replays:Replays.end",
    )
    for when in ("before", "after")
]


def killed(at: Clinic, spawner: Spawner, *steps: str) -> None:
    """Have all dead letters replayed by workers that kill themselves one after another, each at its step."""
    role, _ = at.site.serve("run")
    at.die(1)
    assert role.stop() == 0
    at.mend()
    assert at.dead("replay", "--all", "--handler", "mendable", "--no-wait").returncode == 0
    for step in steps:
        worker = at.site.at.start("work", "--admin-port", "0", launch=spawner.killing(step))
        worker.died(45)
    at.site.work()
    wait_for(lambda: at.listed() == [], seconds=60, what="an empty list of dead letters")


def check(at: Clinic, *, at_most: int) -> None:
    """The event is handled, its effect happened once, and what the handler published has one id."""
    assert set(at.journal) == {"mendable message.created:m1"}
    assert len(at.journal) <= at_most
    assert at.effects == ["message.created:m1"]
    assert [line["state"] for line in at.listed("--all")] == ["done"]
    published = [one for one in at.site.records("conversations") if one["headers"]["ce_source"] == "/handlers/mendable"]
    assert len({one["headers"]["ce_id"] for one in published}) == 1


def test_killed_at_each_step(tmp_path: Path, spawner: Spawner) -> None:
    """On the embedded log, in clinics side by side: the next worker waits until the dead one's lease is over."""

    def run(step: str) -> None:
        folder = tmp_path / str(STEPS.index(step))
        folder.mkdir()
        with clinic(folder, launch=spawner) as at:
            killed(at, spawner, step)
            # what was written to be done is not begun again
            check(at, at_most=1 if step == STEPS[-1] else 2)

    with ThreadPoolExecutor(len(STEPS)) as pool:
        running = {step: pool.submit(run, step) for step in STEPS}
    errors = {step: str(error) for step, each in running.items() if (error := each.exception())}
    assert errors == {}


@pytest.mark.kafka
def test_killed_on_kafka(tmp_path: Path, spawner: Spawner, kafka: Broker, fresh_prefix: str) -> None:
    """By several workers in turn."""
    eventlog = f"kafka://{kafka.bootstrap}"
    with clinic(tmp_path, launch=spawner, eventlog=eventlog, prefix=fresh_prefix, more=QUICK_SESSION) as at:
        steps = (
            "store.replay_jobs:ReplayJobs.feed:before:1",
            "store.replays:Replays.take:after:1",
            "dispatcher.attempt:attempt:after:1",
        )
        killed(at, spawner, *steps, "store.replays:Replays.end:before:1")
        check(at, at_most=3)
