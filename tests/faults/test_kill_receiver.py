"""kill -9 of the receiver before and after every step of its work, under load: no accepted event is ever lost.

One data folder, or one prefix on the broker, sees a whole group of steps: a receiver is started that will kill itself
at the next step, three platforms send all the while, and in the end the log is held against every answer they got.
"""

import random
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.site import site
from tests.faults.door import Door
from tests.faults.senders import Senders
from tests.faults.spawner import Spawner
from tests.servers.broker import Broker

LOGS = ("sqlite", pytest.param("kafka", marks=pytest.mark.kafka))
DIES_WITHIN = 15.0


def around(*functions: str, hits: Sequence[int] = (1,)) -> list[str]:
    """The steps before and after some functions, at these of their calls."""
    return [f"{function}:{when}:{hit}" for function in functions for hit in hits for when in ("before", "after")]


# From the request's first byte to the log, and back to the answer.
REQUEST = around(
    "receiver.body:Body.read",
    "receiver.verification:verify",
    "receiver.intake:_taken",
    "receiver.dedupe:Dedupe.known",
    "receiver.keep:Keep._append",
    "receiver.keep:Keep._landed",
    "receiver.keep:Keep.keep",
    "receiver.app:Receiver.respond",
    "aiohttp.web_response:Response.write_eof",
    hits=(1, 5),
)
DEDUPE = around(
    "store.dedupe:Dedupe.known",
    "receiver.memory:Memory.add",
    "store.dedupe:Dedupe.remember",
    "store.dedupe_days:_hold",
    "store.dedupe_days:write",
    hits=(1, 4),
)
DURABLE = {
    "sqlite": around(
        "eventlog.sqlite:SqliteEventLog.append",
        "eventlog.sqlite_schema:begin",
        "eventlog.sqlite_writer:insert",
        "eventlog.sqlite_writer:write",
        "eventlog.sqlite_writer:Writer._settle",
        hits=(3, 8),
    ),
    "kafka": around(
        "eventlog.kafka_batcher:Batcher.append",
        "eventlog.kafka_generation:Generation.send",
        "aiokafka.producer.sender:SendProduceReqHandler.create_request",
        "aiokafka.producer.sender:SendProduceReqHandler.handle_response",
        "eventlog.kafka_batcher:Batcher._settled",
        hits=(1, 8),
    )
    # A request is written and not answered: the first ones ask for metadata, later ones hold batches.
    + around("aiokafka.conn:AIOKafkaConnection.send", hits=(1, 6, 9, 12, 15)),
}
START = {
    "sqlite": around(
        "eventlog.sqlite_schema:prepare",
        "eventlog.sqlite:SqliteEventLog.start",
        "eventlog.sqlite_upkeep:Upkeep.once",
        "eventlog.sqlite_retention:drop_aged",
    ),
    "kafka": around(
        "eventlog.kafka:KafkaEventLog.start",
        "eventlog.kafka_generation:Generation.look_up",
        "eventlog.kafka_producer:Producers._install",
    ),
}
START_BOTH = around(
    "store.dedupe:Dedupe.start", "receiver.server:_listen", "cli.roles:_add_receiver", "cli.roles:_add_admin"
)
DRAIN = {
    "sqlite": around(
        "eventlog.sqlite:SqliteEventLog.stop",
        "eventlog.sqlite_writer:Writer.stop",
        "eventlog.sqlite_threads:Connections.close",
    ),
    "kafka": around(
        "eventlog.kafka:KafkaEventLog.stop",
        "eventlog.kafka_batcher:Batcher.drain",
        "eventlog.kafka_batcher:Batcher.stop",
        "eventlog.kafka_producer:Producers.stop",
    ),
}
DRAIN_BOTH = around(
    "receiver.server:ReceiverServer.stop",
    "receiver.connections:Connections.close_idle",
    "receiver.connections:Connections.shutdown",
    "receiver.memory:Memory.stop",
    "store.dedupe:Dedupe.stop",
)


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest) -> str:
    """Which event log it is about."""
    return str(request.param)


@pytest.fixture
def door(
    request: pytest.FixtureRequest, log: str, tmp_path: Path, fresh_prefix: str, free_port: int, spawner: Spawner
) -> Iterator[Door]:
    """A receiver that nobody has started yet."""
    eventlog = ""
    if log == "kafka":
        broker: Broker = request.getfixturevalue("kafka")
        eventlog = f"kafka://{broker.bootstrap}"
    with site(tmp_path, eventlog=eventlog, prefix=fresh_prefix, simulated=False, launch=spawner) as at:
        yield Door(at, free_port, spawner)


def judge(door: Door, senders: Senders) -> None:
    """After the kills: a receiver that lives takes everything, knows it all again, and the log holds what it has to."""
    role = door.open()
    door.wait_ready(role)
    since = time.monotonic()
    senders.accepted_since(since, 15)
    senders.finish()
    assert role.stop() == 0
    role = door.open()
    door.wait_ready(role)
    taken_last = [one for one in senders.last() if (one.accepted or 0) > since]
    assert len(taken_last) >= 3
    assert [one.id for one in taken_last if not door.auditor.again(one).duplicate] == []
    assert role.stop() == 0
    assert door.wrong() == {}
    assert len(door.auditor.accepted()) == len(door.auditor.sent)


def kill(door: Door, spawner: Spawner, steps: Sequence[str]) -> None:
    """Start a receiver for each step and let it die there, under load."""
    with Senders(door.auditor) as senders:
        for step in steps:
            try:
                door.open(launch=spawner.killing(step)).died(DIES_WITHIN)
            except AssertionError as error:
                raise AssertionError(f"at {step}: {error}") from error
        judge(door, senders)


def test_killed_around_every_step_of_a_request(door: Door, spawner: Spawner) -> None:
    """Body, signature, intake, dedupe, append, acknowledgement, answer: the first request, and a later one."""
    door.at.prepare()
    kill(door, spawner, REQUEST)


def test_killed_around_remembering(door: Door, spawner: Spawner) -> None:
    """Ids are written after their record is durable; a death in between costs at most a copy with the same id."""
    door.at.prepare()
    kill(door, spawner, DEDUPE)


def test_killed_around_becoming_durable(door: Door, log: str, spawner: Spawner) -> None:
    """The transaction on SQLite, the batch and its acknowledgement on Kafka."""
    door.at.prepare()
    kill(door, spawner, DURABLE[log])


def test_killed_around_every_step_of_the_start(door: Door, log: str, spawner: Spawner) -> None:
    """A receiver that dies while it starts leaves nothing behind that keeps the next one from starting."""
    door.at.prepare()
    kill(door, spawner, START[log] + START_BOTH)


def test_killed_around_every_step_of_the_drain(door: Door, log: str, spawner: Spawner) -> None:
    """SIGTERM, and death before the stop is over: what was answered is kept all the same."""
    door.at.prepare()
    with Senders(door.auditor) as senders:
        for step in DRAIN_BOTH + DRAIN[log]:
            role = door.open(launch=spawner.killing(step))
            door.wait_ready(role)
            senders.accepted_since(time.monotonic(), 6)
            role.signal(signal.SIGTERM)
            try:
                role.died(DIES_WITHIN)
            except AssertionError as error:
                raise AssertionError(f"at {step}: {error}") from error
        judge(door, senders)


def test_killed_at_any_moment(door: Door) -> None:
    """From outside, at moments nobody chose, so that it also dies inside SQLite, aiokafka and the kernel."""
    door.at.prepare()
    moments = random.Random(7)  # noqa: S311 - moments are no secrets
    with Senders(door.auditor, conversations=8, every=0) as senders:
        for _ in range(20):
            role = door.open()
            door.wait_ready(role)
            time.sleep(moments.uniform(0, 0.2))
            role.kill()
        judge(door, senders)


@pytest.mark.parametrize("log", ["sqlite"], indirect=True)
def test_killed_while_the_log_and_the_store_are_made(door: Door, log: str, spawner: Spawner) -> None:
    """`topics apply` and `migrate` that die half way are run again, and all is there."""
    for step in around(
        "eventlog.sqlite_files:create", "eventlog.sqlite_schema:prepare", "eventlog.sqlite_topics:create"
    ):
        door.at.at.start("topics", "apply", launch=spawner.killing(step)).died(DIES_WITHIN)
    for step in around("store.files:ready_file", "store.migrations:_upgrade", "store.migrations:_upgraded"):
        door.at.at.start("migrate", launch=spawner.killing(step)).died(DIES_WITHIN)
    door.at.prepare()
    with Senders(door.auditor) as senders:
        judge(door, senders)
