"""The inside of aiokafka is as `eventlog/kafka_private.py` expects it. When this fails, read that file again."""

import ast
import asyncio
import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiokafka
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator, NoGroupCoordinator
from aiokafka.consumer.subscription_state import Subscription, SubscriptionState, TopicPartitionState
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch
from aiokafka.producer.producer import AIOKafkaProducer
from aiokafka.producer.sender import Sender

import eventlog.kafka_private

ATTRIBUTES: Mapping[type, Sequence[str]] = {
    AIOKafkaProducer: ["_closed", "_message_accumulator", "_sender", "client"],
    MessageAccumulator: ["_closed", "_wakeup_handle", "_pending_batches", "_batches"],
    MessageBatch: ["_drain_waiter"],
    Sender: ["_sender_task"],
    AIOKafkaClient: ["_conns", "_sync_task"],
    AIOKafkaConnection: ["_writer", "_read_task"],
    AIOKafkaConsumer: ["_closed", "_coordinator", "_fetcher", "_client", "_subscription"],
    Fetcher: ["_closed", "_fetch_task", "_pending_tasks", "_fetch_waiters"],
    GroupCoordinator: [
        "_coordination_task",
        "_heartbeat_task",
        "_commit_refresh_task",
        "coordinator_id",
        "generation",
    ],
    NoGroupCoordinator: ["_reset_committed_task"],
    SubscriptionState: ["_fetch_count", "_subscription"],
    TopicPartitionState: ["timestamp", "_position"],
}
"""What each class sets on itself."""

METHODS: Sequence[object] = [
    Sender._send_produce_req,
    MessageAccumulator.fail_all,
    Fetcher._notify,
    GroupCoordinator.close,
    GroupCoordinator.fetch_committed_offsets,
    Subscription.assignment,
    SubscriptionState.subscription,
    TopicPartitionState.position,
    TopicPartitionState.has_valid_position,
    AIOKafkaClient.get_random_node,
    AIOKafkaClient.set_topics,
]
"""What is called or read; a missing one fails the import of this file."""


def test_the_version_is_the_one_that_was_read() -> None:
    """A new minor version moves its inside."""
    assert aiokafka.__version__.startswith("0.14.")


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner, names in ATTRIBUTES.items() for name in names], ids=str
)
def test_an_attribute_is_still_set(owner: type, name: str) -> None:
    """`self.name = …` stands in the class."""
    assert re.search(rf"self\.{name}(: [^=\n]+)? =", inspect.getsource(owner))


def test_every_private_name_in_use_is_guarded() -> None:
    """Nothing is touched that is not listed here."""
    tree = ast.parse(Path(inspect.getfile(eventlog.kafka_private)).read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
    }
    guarded = {name for names in ATTRIBUTES.values() for name in names} | {"_send_produce_req", "_notify"}
    assert used <= guarded


def test_produce_requests_are_found_by_their_frame() -> None:
    """`kafka_private` looks for tasks that run this coroutine of this sender."""
    assert inspect.iscoroutinefunction(Sender._send_produce_req)
    assert "create_task(self._send_produce_req(" in inspect.getsource(Sender._sender_routine)


def test_leaving_a_group_ends_in_a_request() -> None:
    """What `leave_group` relies on."""
    assert "await self._maybe_leave_group()" in inspect.getsource(GroupCoordinator.close)


def test_revoked_is_not_called_on_close() -> None:
    """So the member calls it; the day aiokafka does, it would be told twice."""
    assert "on_partitions_revoked" not in inspect.getsource(GroupCoordinator.close)


def test_a_batch_is_built_without_a_producer() -> None:
    """A batch is filled while no producer is there."""
    builder = BatchBuilder(1000, 0)  # type: ignore[no-untyped-call]  # aiokafka is half typed
    for expected in (1, 2):
        assert builder.append(timestamp=1, key=b"k", value=b"v", headers=[("h", b"1")]) is not None
        assert builder.record_count() == expected  # type: ignore[no-untyped-call]  # as above
    assert builder.append(timestamp=1, key=b"k", value=b"v" * 1000, headers=[]) is None
    assert builder.closed()  # type: ignore[no-untyped-call]  # as above


async def test_handing_over_a_batch_does_not_wait() -> None:
    """For a known and idle partition `send_batch` does not suspend: so several lanes get into one request."""
    source = inspect.getsource(AIOKafkaProducer.send_batch)
    assert re.findall(r"await ([\w.]+)\(", source) == [
        "self.client._wait_on_metadata",
        "self._message_accumulator.add_batch",
    ]
    assert inspect.getsource(AIOKafkaClient._wait_on_metadata).index("return partitions") < inspect.getsource(
        AIOKafkaClient._wait_on_metadata
    ).index("await")


async def test_abandoning_what_never_connected() -> None:
    """Every attribute is there before `start`, too, and no client complains that it was not closed."""
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")  # type: ignore[no-untyped-call]  # as above
    consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")  # type: ignore[no-untyped-call]  # as above
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")  # type: ignore[no-untyped-call]  # as above
    await eventlog.kafka_private.abandon_producer(producer, OSError("gone"))
    await eventlog.kafka_private.abandon_consumer(consumer)
    await eventlog.kafka_private.abandon_client(client)
    assert asyncio.all_tasks() == {asyncio.current_task()}
