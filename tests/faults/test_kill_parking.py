"""kill -9 of the worker around every step of parking: each event handled, in order, its effects once.

Every seventh event of the handler asks to be tried again, and is parked for it instead of only after a minute.
"""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import Role
from tests.faults.spawner import Spawner
from tests.faults.workshop import QUICK_SESSION, Workshop, workshop
from tests.servers.broker import Broker

LOGS = ("sqlite", pytest.param("kafka", marks=pytest.mark.kafka))
# The row is there and the offset not settled; it is settled, and not committed. Then the way back.
STEPS = (
    ("store.parked:Parked.park", "dispatcher.parker:Parker._park", "store.parked:Parked.lanes"),
    ("store.parked:Parked.load", "store.parked:Parked.end"),
)
DIES_WITHIN = 45.0
FINISHED_WITHIN = 45.0


def worker(shop: Workshop, spawner: Spawner, *steps: str) -> Role:
    """Start a worker that parks whatever waits, to be killed at a step if one is named."""
    arguments = ("work", "--only", "ledger", "--admin-port", "0")
    launch = spawner.killing(*steps, short_leases=True, parks_soon=True)
    return shop.door.at.at.start(*arguments, launch=launch)


def run(folder: Path, spawner: Spawner, functions: tuple[str, ...], options: dict[str, Any]) -> None:
    """One workshop in which a worker dies before and after each of these functions."""
    with workshop(folder, spawner, **options) as shop:
        shop.door.wait_ready(shop.door.open())
        for step in (f"{function}:{when}:1" for function in functions for when in ("before", "after")):
            role = worker(shop, spawner, step)
            shop.feed_until(lambda: role.process.poll() is not None, seconds=DIES_WITHIN)  # noqa: B023 - asked at once
            assert role.process.poll() == -signal.SIGKILL, f"{step}: {role.process.poll()}, {role.said()[-800:]}"
        worker(shop, spawner)
        shop.finished(seconds=FINISHED_WITHIN)


@pytest.mark.parametrize("log", LOGS)
def test_killed_around_every_step_of_parking(
    request: pytest.FixtureRequest, log: str, tmp_path: Path, fresh_prefix: str, spawner: Spawner
) -> None:
    """Between a row and its offset, between its offset and the commit, and on the way back."""
    options: dict[str, Any] = {}
    if log == "kafka":
        broker: Broker = request.getfixturevalue("kafka")
        options = {"eventlog": f"kafka://{broker.bootstrap}", "more": QUICK_SESSION}
    with ThreadPoolExecutor() as pool:
        running = [
            pool.submit(
                run, tmp_path / str(number), spawner, functions, {"prefix": f"{fresh_prefix}{number}.", **options}
            )
            for number, functions in enumerate(STEPS)
        ]
    for each in running:
        each.result()
