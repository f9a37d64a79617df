"""Readers that know nothing of hookline read its topics: Kafka's console consumer, librdkafka, the CloudEvents SDK."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from confluent_kafka import Consumer

from tests.e2e.site import Site, site
from tests.faults.spawner import Spawner
from tests.servers.broker import Broker

pytestmark = pytest.mark.kafka


@pytest.fixture
def sent(tmp_path: Path, kafka: Broker, fresh_prefix: str, spawner: Spawner) -> Iterator[Site]:
    """A site on Kafka with one message in its log."""
    with site(tmp_path, eventlog=f"kafka://{kafka.bootstrap}", prefix=fresh_prefix, launch=spawner) as found:
        found.prepare()
        found.serve("receive")
        done = found.at.command("send", "support", "message.created", "--set", "data.content=Grüße")
        assert done.returncode == 0, done.stderr
        yield found


def test_the_java_console_consumer_reads_it(sent: Site, kafka: Broker) -> None:
    """Apache Kafka's own tool prints headers, key and value."""
    done = subprocess.run(
        [
            *kafka.java_tools("org.apache.kafka.tools.consumer.ConsoleConsumer"),
            *("--bootstrap-server", kafka.bootstrap, "--topic", f"{sent.prefix}conversations", "--from-beginning"),
            *("--max-messages", "1", "--timeout-ms", "20000"),
            *("--formatter-property", "print.headers=true", "--formatter-property", "print.key=true"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    headers, key, value = done.stdout.strip().split("\t")
    assert "ce_type:message.created" in headers
    assert json.loads(value)["conversation_id"] == key


def test_librdkafka_reads_it(sent: Site, kafka: Broker) -> None:
    """The library behind kcat and most clients reads the record."""
    message = read(sent, kafka)
    assert dict(message.headers())["ce_type"] == b"message.created"
    assert json.loads(message.value())["content"] == "Grüße"


def test_the_cloudevents_sdk_reads_it(sent: Site, kafka: Broker) -> None:
    """The official SDK takes the record for a CloudEvent in binary mode."""
    message = read(sent, kafka)
    event = from_kafka_event(KafkaMessage(headers=dict(message.headers()), key=message.key(), value=message.value()))
    assert event.get_type() == "message.created"
    assert event.get_source() == "/sources/support"
    assert event.get_subject() == message.key().decode()
    assert event.get_data()["content"] == "Grüße"


def read(sent: Site, kafka: Broker) -> Any:
    """The first record of the conversations topic."""
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap, "group.id": f"{sent.prefix}foreign", "auto.offset.reset": "earliest"}
    )
    try:
        consumer.subscribe([f"{sent.prefix}conversations"])
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None
        return message
    finally:
        consumer.close()
