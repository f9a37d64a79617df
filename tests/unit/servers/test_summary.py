"""The end of a run says what it ran on."""

import pytest

from tests.servers.broker import Broker, Kind
from tests.servers.errors import NoServerError, ServerUnavailableError
from tests.servers.harness import Shared
from tests.servers.summary import kafka_lines
from tests.servers.ways import Found, Refusal, Way, first_that_works


def shared(kind: Kind, name: str, *refusals: Refusal) -> Shared[Broker]:
    broker = Broker(kind=kind, bootstrap="h:1", direct="h:1", version="4.3.1")
    kafka = Shared(lambda: Found(broker, name, refusals))
    kafka.get()
    kafka.took = 2.34
    return kafka


def test_real_broker_is_named() -> None:
    """Version, way, address and time to start."""
    assert kafka_lines(shared("jars", "Apache Kafka's jars")) == [
        "Kafka: 4.3.1 from Apache Kafka's jars (h:1, ready in 2.3 s)"
    ]


def test_mock_cluster_is_in_capitals() -> None:
    """Nobody overlooks that the Kafka tests saw no Kafka, or why."""
    lines = kafka_lines(shared("mock", "the mock cluster", Refusal("Docker", "no Docker engine answers")))
    assert lines[0] == "KAFKA: NO REAL BROKER. THE KAFKA TESTS RAN ON LIBRDKAFKA'S MOCK CLUSTER, WHICH IS NOT KAFKA"
    assert lines[2] == "  Docker: no Docker engine answers"


def test_broker_nobody_asked_for() -> None:
    """A run without Kafka tests claims nothing."""
    broker = Broker(kind="jars", bootstrap="h:1", direct="h:1", version="4.3.1")
    assert kafka_lines(Shared(lambda: Found(broker, "jars", ()))) == ["Kafka: no test asked for the shared broker"]


def test_shared_server_fails_alike_for_everybody() -> None:
    """A server that did not start is tried once; every test gets the same reasons."""
    tries: list[int] = []

    def start() -> Broker:
        tries.append(1)
        raise ServerUnavailableError("no Java")

    kafka = Shared(lambda: first_that_works("Kafka broker", [Way("jars", start)]))
    for _ in range(2):
        with pytest.raises(NoServerError, match="no Kafka broker for the tests:\n  jars: no Java"):
            kafka.get()
    assert len(tries) == 1
    assert kafka_lines(kafka)[0] == "KAFKA: NO BROKER, AND THE TESTS THAT ASKED FOR ONE FAILED"
