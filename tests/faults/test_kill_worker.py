"""kill -9 of the worker before and after every step of its work: each event handled, in order, its effects once.

The steps are spread over a few workshops that run side by side: after a death the next worker has to wait until the
old one's lease, or session, is over. In each of them one worker after another kills itself at the next step, and in
the end the books are read: the log, the dead letters, the handler's journal, and the effects that reached the world
outside.
"""

import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.spawner import Spawner
from tests.faults.workshop import QUICK_SESSION, Workshop, workshop
from tests.servers.broker import Broker

LOGS = ("sqlite", pytest.param("kafka", marks=pytest.mark.kafka))
DIES_WITHIN = 45.0
FINISHED_WITHIN = 45.0


def around(*functions: str, hits: Sequence[int] = (1,)) -> list[str]:
    """The steps before and after some functions, at these of their calls."""
    return [f"{function}:{when}:{hit}" for function in functions for hit in hits for when in ("before", "after")]


MEMBER = {"sqlite": "eventlog.sqlite_member:SqliteMember", "kafka": "eventlog.kafka_member:KafkaMember"}


def first_start(log: str) -> list[str]:
    """The first start of an entry: where it begins is noted in the store and committed, before anything is read."""
    return [
        *around("store.entries:Entries.start_of", f"{MEMBER[log]}.commit"),
        *around("store.effects:Effects.finish", hits=(1, 3)),
    ]


START = around(
    "cli.roles:_add_worker",
    "store.owners:Owners.claim",
    "store.owners:Owners.begun",
    "dispatcher.membership:Membership.assigned",
)
ATTEMPT = [
    *around("dispatcher.reader:Reader._take", hits=(1, 3)),
    *around("dispatcher.attempt:attempt", hits=(1, 5)),
    # Every worker but the first finds that another died before it.
    *around("store.suspects:Suspects.note"),
]
# After a death between an effect and its result the probe is asked, or the event is dead as uncertain.
EFFECTS = [
    step
    for hit in (1, 4)
    for step in (
        *around("store.effects:Effects.begin", hits=(hit,)),
        f"dispatcher.effects:Once._run:after:{hit}",
        "dispatcher.effects:Once._probe:before:1",
        f"store.effects:Effects.finish:after:{hit}",
    )
]
SETTLE = around(
    "dispatcher.settlement:Settler.carry_out",
    "dispatcher.settlement:Settler._durable",
    "store.schedule:Schedule.settle",
    "dispatcher.holdings:Holdings.settle",
    hits=(1, 6),
)
# The letter is not written yet; it is, and the event is not settled.
DEAD = around("dispatcher.dead:letter", "dispatcher.reports:Reports.buried", hits=(2,))
TIMER = [
    *around("dispatcher.timers:Gate.leave", "dispatcher.timers:Timers.fired"),
    *around("dispatcher.work:Firing.event", hits=(1, 3)),
]
COMMIT = {
    "sqlite": around("eventlog.sqlite_writer:write", hits=(2, 4, 7))
    + around(
        "eventlog.sqlite_member:SqliteMember.commit", "eventlog.sqlite_lease:acquire", "eventlog.sqlite_lease:renew"
    ),
    "kafka": around("aiokafka.conn:AIOKafkaConnection.send", hits=(6, 12, 18, 24))
    + around("eventlog.kafka_member:KafkaMember.commit", "eventlog.kafka_generation:Generation.send"),
}
DRAIN = {
    "sqlite": around("eventlog.sqlite_member:SqliteMember.stop", "eventlog.sqlite_lease:release"),
    "kafka": around("eventlog.kafka_member:KafkaMember.stop", "eventlog.kafka:KafkaEventLog.stop"),
}
DRAIN_BOTH = around(
    "dispatcher.dispatcher:Dispatcher.stop",
    "dispatcher.membership:Membership._leave",
    "dispatcher.membership:Membership.revoked",
    "store.owners:Owners.release",
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where workshops are opened."""

    log: str
    folder: Path
    spawner: Spawner
    options: dict[str, Any]
    prefix: str

    def run(self, number: int, steps: Sequence[str], *, drained: bool = False) -> None:
        """One workshop in which a worker dies at each of these steps."""
        prefix = f"{self.prefix}{number}."
        with workshop(self.folder / str(number), self.spawner, prefix=prefix, **self.options) as shop:
            role = shop.door.open()
            shop.door.wait_ready(role)
            for step in steps:
                die(shop, step, drained=drained)
            shop.work()
            shop.finished(seconds=FINISHED_WITHIN)


def die(shop: Workshop, step: str, *, drained: bool) -> None:
    """Start a worker and see it die at a step; when it is drained, once it has worked and was told to stop."""
    role = shop.work(step)
    if drained:
        written = len(shop.lines())
        assert shop.feed_until(lambda: len(shop.lines()) > written, seconds=DIES_WITHIN), f"no work: {role.said()}"
        role.signal(signal.SIGTERM)
    shop.feed_until(lambda: role.process.poll() is not None, seconds=DIES_WITHIN)
    assert role.process.poll() == -signal.SIGKILL, f"{step}: {role.process.poll()}, {role.said()[-800:]}"


@pytest.fixture(params=LOGS)
def place(request: pytest.FixtureRequest, tmp_path: Path, fresh_prefix: str, spawner: Spawner) -> Place:
    """Each event log in turn."""
    options = {}
    if request.param == "kafka":
        broker: Broker = request.getfixturevalue("kafka")
        options = {"eventlog": f"kafka://{broker.bootstrap}", "more": QUICK_SESSION}
    return Place(log=request.param, folder=tmp_path, spawner=spawner, options=options, prefix=fresh_prefix)


def side_by_side(place: Place, groups: Sequence[Sequence[str]], *, drained: bool = False) -> None:
    """Run workshops, each with its group of steps."""
    with ThreadPoolExecutor(len(groups)) as pool:
        running = [pool.submit(place.run, number, steps, drained=drained) for number, steps in enumerate(groups)]
    errors = [str(error) for each in running if (error := each.exception())]
    assert errors == []


def split(steps: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The first half and the second."""
    half = len(steps) // 2
    return steps[:half], steps[half:]


def test_killed_around_every_step_of_the_start(place: Place) -> None:
    """The first start of an entry above all: where it begins is decided once."""
    side_by_side(place, [first_start(place.log), START])


def test_killed_around_every_step_of_an_attempt(place: Place) -> None:
    """Fetching, running the handler, and its effects: before and after the world was changed."""
    side_by_side(place, [ATTEMPT, EFFECTS])


def test_killed_around_every_step_of_a_settlement(place: Place) -> None:
    """Published events, timers, dead letters, and the note that it is done."""
    side_by_side(place, [*split(SETTLE), DEAD + TIMER])


def test_killed_around_every_step_of_a_commit(place: Place) -> None:
    """How far it is, in the log's own words: transactions and leases, requests."""
    side_by_side(place, split(COMMIT[place.log]))


def test_killed_around_every_step_of_the_drain(place: Place) -> None:
    """SIGTERM, and death before the stop is over."""
    side_by_side(place, split(DRAIN_BOTH + DRAIN[place.log]), drained=True)
