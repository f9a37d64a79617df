"""A worker whose Kafka goes away says so in its check `handlers`, and soon after Kafka is back that all is well."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cli.readiness import handlers_found
from eventlog.kafka import KafkaEventLog
from handlers.api import Context, handler
from schemas.events import Event, MessageCreated
from schemas.topics import Topics
from tests.contract.dispatchers import STOPS, Rig, message, until
from tests.contract.stores import opened
from tests.servers.mock import MockCluster


@pytest.fixture
def kafka_of_its_own() -> Iterator[MockCluster]:
    with closing(MockCluster.launch()) as mock:
        yield mock


@handler("h", on=MessageCreated)
async def h(event: Event[MessageCreated], ctx: Context) -> None: ...


async def test_the_check_tells_the_truth(kafka_of_its_own: MockCluster, tmp_path: Path) -> None:
    """While Kafka is away with the cause, within seconds; then no more."""
    mock = kafka_of_its_own
    for name in Topics().all():
        await mock.create_topic(name)
    log = KafkaEventLog(mock.bootstrap)
    await log.start()
    try:
        async with opened(f"sqlite:///{tmp_path / 'state.db'}") as store:
            rig = Rig(log=log, store=store, topics=Topics())
            async with rig.running(h) as dispatcher:
                await rig.append(message(1))
                await until(lambda: len(rig.attempts) == 1, "it is handled")
                assert handlers_found(dispatcher).ok
                mock.broker_down()
                await until(lambda: not handlers_found(dispatcher).ok, "it is noticed")
                assert mock.bootstrap in handlers_found(dispatcher).detail
                await until(
                    lambda: handlers_found(dispatcher).detail == f"h: {log.health().detail}",
                    "it is told in the words of the log itself",
                )
                mock.broker_up()
                await until(lambda: handlers_found(dispatcher).ok, "it is well again")
                await rig.append(message(2))
                await until(lambda: len(rig.attempts) == 2, "the next is handled")
    finally:
        await log.stop(STOPS)
