# ruff: noqa: SLF001 - this is the one place of aiokafka's private names; tests/unit/eventlog/test_kafka_private_names.py
"""What hookline touches inside aiokafka 0.14, and nothing else does.

Above all: how a client of a dead or frozen broker is left so that no task, socket or late write stays behind.
aiokafka's own `stop()` waits for the broker, and leaves requests that raise later. Here the tasks of a client are ended
first and its sockets closed second; nothing waits for a broker.
"""

import asyncio
import itertools
from collections.abc import Collection, Iterable
from typing import Any

from aiokafka.producer.sender import Sender
from aiokafka.structs import OffsetAndMetadata, TopicPartition

# Ending takes some rounds of the event loop; this bounds a task that swallows its cancellation.
_ENDS_WITHIN = 2.0


async def abandon_producer(producer: Any, error: Exception) -> None:
    """Leave an `AIOKafkaProducer` at once; what it still holds fails with this error, unless it was acknowledged."""
    producer._closed = True
    accumulator, sender, client = producer._message_accumulator, producer._sender, producer.client
    accumulator._closed = True
    if accumulator._wakeup_handle is not None:
        accumulator._wakeup_handle.cancel()
    tasks = [*_requests_of(sender), sender._sender_task, client._sync_task]
    batches = [*accumulator._pending_batches, *itertools.chain.from_iterable(accumulator._batches.values())]
    accumulator.fail_all(error)
    for batch in batches:  # read, or each is reported as an exception nobody retrieved
        if batch._drain_waiter.done():
            batch._drain_waiter.exception()
    await _leave(client, tasks)


async def abandon_consumer(consumer: Any) -> None:
    """Leave an `AIOKafkaConsumer` at once; its group learns of it by the session timeout, unless it was told before."""
    consumer._closed = True
    coordinator, fetcher, client = consumer._coordinator, consumer._fetcher, consumer._client
    tasks = [client._sync_task]
    if coordinator is not None:
        of_groups = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task")
        of_others = ("_reset_committed_task",)
        tasks += [getattr(coordinator, name, None) for name in (*of_groups, *of_others)]
    if fetcher is not None:
        fetcher._closed = True
        tasks += [fetcher._fetch_task, *fetcher._pending_tasks]
        for waiter in list(fetcher._fetch_waiters):  # a `getmany` under way returns
            fetcher._notify(waiter)
    await _leave(client, tasks)


async def abandon_client(client: Any) -> None:
    """Leave an `AIOKafkaClient` at once."""
    await _leave(client, [client._sync_task])


async def leave_group(consumer: Any) -> None:
    """Tell the group's coordinator that we go; it hands our partitions on at once. Waits as long as the broker."""
    if consumer._coordinator is not None:
        await consumer._coordinator.close()


def coordinator_known(consumer: Any) -> bool:
    """Tell whether a broker acts as the group's coordinator for us now."""
    return consumer._coordinator is not None and consumer._coordinator.coordinator_id is not None


def joining(consumer: Any) -> bool:
    """Tell whether `start()` is past bootstrap and topics: what it waits for then is the group."""
    return consumer._coordinator is not None


def died_of(consumer: Any) -> str | None:
    """Why a consumer will never read again: one of its tasks has ended."""
    if consumer._coordinator is None or consumer._fetcher is None:
        return "it never joined"
    for name, task in (
        ("coordination", consumer._coordinator._coordination_task),
        ("fetch", consumer._fetcher._fetch_task),
    ):
        if task.done():
            error = None if task.cancelled() else task.exception()
            return f"its {name} task ended ({error!r})"
    return None


def in_group(consumer: Any) -> bool:
    """Tell whether the coordinator knew us when it answered last; what we commit otherwise counts as nobody's."""
    return consumer._coordinator is not None and consumer._coordinator.generation >= 0


def count_fetches(consumer: Any) -> None:
    """Set right what aiokafka counts wrong when `getmany` raises: it would never again see that nobody polls."""
    consumer._subscription._fetch_count = 0


def position_of(consumer: Any, at: tuple[str, int]) -> int | None:
    """The next offset a partition gives; None before it has one, or when it is not assigned."""
    subscription = consumer._subscription.subscription
    state = subscription.assignment.state_value(at) if subscription and subscription.assignment else None
    return state.position if state is not None and state.has_valid_position else None


def last_answer(consumer: Any, at: tuple[str, int]) -> int:
    """When a broker last answered a fetch of this partition, in ms of the wall clock; 0 for never."""
    subscription = consumer._subscription.subscription
    state = subscription.assignment.state_value(at) if subscription and subscription.assignment else None
    return 0 if state is None else state.timestamp or 0


async def committed_of(
    consumer: Any, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """The group's offsets with their metadata, which `committed()` leaves out. Waits as long as the broker."""
    found: dict[TopicPartition, OffsetAndMetadata]
    found = await consumer._coordinator.fetch_committed_offsets(list(partitions))
    return found


async def _leave(client: Any, tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    readers: list[asyncio.Task[Any] | None] = []
    try:
        await _end(tasks)
    finally:
        readers = _close_connections(client)
    await _end(readers)


def _close_connections(client: Any) -> list[asyncio.Task[Any] | None]:
    """Close all sockets of an `AIOKafkaClient` now, dropping what is still to be sent; returns the tasks that read."""
    connections = list(client._conns.values())
    client._conns.clear()
    readers = [connection._read_task for connection in connections]
    for connection in connections:
        writer = connection._writer
        connection.close()
        if writer is not None:
            writer.transport.abort()
    return readers


def _requests_of(sender: Any) -> list[asyncio.Task[Any]]:
    """The produce requests under way: the sender keeps them in a local variable, so they are found by their code."""
    code = Sender._send_produce_req.__code__
    found = []
    for task in asyncio.all_tasks():
        frame = getattr(task.get_coro(), "cr_frame", None)
        if frame is not None and frame.f_code is code and frame.f_locals.get("self") is sender:
            found.append(task)
    return found


async def _end(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    """Cancel tasks and wait until they have ended; what they raise is read and dropped."""
    running = {task for task in tasks if task is not None and task is not asyncio.current_task()}
    if not running:
        return
    for task in running:
        task.cancel()
    done, _ = await asyncio.wait(running, timeout=_ENDS_WITHIN)
    for task in done:
        if not task.cancelled():
            task.exception()
