"""The requests we put together ourselves, on a started `AIOKafkaClient`.

aiokafka's admin client creates topics by asking for them, hides an error's code and opens connections of its own; these
do not. Each raises aiokafka's `KafkaError` and waits as long as the broker: the caller sets the deadline.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import (
    GroupIdNotFound,
    IncompatibleBrokerVersion,
    KafkaError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    NoError,
    NonEmptyGroup,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import CreateTopicsRequest, DeleteGroupsRequest, DescribeConfigsRequest
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest

from schemas.record import TopicPartition

# What `offset_at` takes beside a timestamp (ListOffsets, https://kafka.apache.org/protocol#The_Messages_ListOffsets).
LATEST, EARLIEST = -1, -2

_TOPIC = 2  # a resource type of DescribeConfigs
_GROUP = 0  # a coordinator type of FindCoordinator
_NO_LEADER = -1


@dataclass(frozen=True, slots=True)
class Metadata:
    """What brokers say of themselves and of topics."""

    # Node id → host and port.
    brokers: Mapping[int, tuple[str, int]]
    controller: int
    # What tells the cluster from every other; empty where it has no id, as with some that only speak Kafka's protocol.
    cluster: str
    # Topic → partition → node id of its leader, -1 for none. Only topics that exist and may be seen.
    leaders: Mapping[str, Mapping[int, int]]

    def partitions(self) -> dict[str, int]:
        """Topic → number of partitions."""
        return {topic: len(partitions) for topic, partitions in self.leaders.items()}

    def led(self, topics: Iterable[str]) -> bool:
        """Tell whether all these topics exist and each of their partitions has a leader."""
        return all(topic in self.leaders and _NO_LEADER not in self.leaders[topic].values() for topic in topics)


async def metadata(client: Any, topics: Collection[str] | None) -> Metadata:
    """Ask for some topics, or for all; none is created by it."""
    answer = await _send(
        client, MetadataRequest(None if topics is None else list(topics), allow_auto_topic_creation=False)
    )
    return metadata_of(answer)


def metadata_of(answer: Any) -> Metadata:
    """Read a metadata response of any version from 1 on."""
    leaders: dict[str, dict[int, int]] = {}
    for code, topic, _internal, partitions in answer.topics:
        if for_code(code) is NoError:
            leaders[topic] = {number: leader for _code, number, leader, *_ in partitions}
        elif for_code(code) is LeaderNotAvailableError:
            leaders[topic] = {number: _NO_LEADER for _code, number, *_ in partitions}
    brokers = {node: (host, port) for node, host, port, *_ in answer.brokers}
    return Metadata(brokers, answer.controller_id, getattr(answer, "cluster_id", None) or "", leaders)


async def topic_configs(client: Any, topic: str, names: Collection[str]) -> dict[str, str]:
    """Some configuration values of a topic."""
    answer = await _send(client, DescribeConfigsRequest([(_TOPIC, topic, list(names))], include_synonyms=False))
    found: dict[str, str] = {}
    for code, message, _kind, _name, entries in answer.resources:
        _raise(code, message or topic)
        found |= {name: value for name, value, *_ in entries if value is not None}
    return found


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A topic to create."""

    name: str
    partitions: int
    replicas: int
    configs: Mapping[str, str]


async def create_topics(
    client: Any, controller: int, topics: Iterable[NewTopic], *, within: int
) -> dict[str, KafkaError]:
    """Ask for new topics; returns those that were refused, and why. `within` is in milliseconds."""
    wanted: list[Any] = [(each.name, each.partitions, each.replicas, [], list(each.configs.items())) for each in topics]
    request = CreateTopicsRequest(create_topic_requests=wanted, timeout=within, validate_only=False)
    answer = await _send(client, request, node=controller)
    return {
        topic: for_code(code)(*message)
        for topic, code, *message in answer.topic_errors
        if for_code(code) is not NoError
    }


async def offsets_at(client: Any, partitions: Collection[TopicPartition], time: int) -> dict[TopicPartition, int]:
    """The first offset at or after a time in milliseconds, -1 where there is none, or at EARLIEST or LATEST."""
    leaders = (await metadata(client, {at.topic for at in partitions})).leaders
    by_leader: dict[int, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for at in partitions:
        leader = leaders.get(at.topic, {}).get(at.partition)
        if leader is None:
            raise UnknownTopicOrPartitionError(f"{at.topic} has no partition {at.partition}")
        if leader == _NO_LEADER:
            raise LeaderNotAvailableError(f"{at.topic}-{at.partition}")
        by_leader[leader][at.topic].append((at.partition, time))
    answers = await asyncio.gather(
        *(
            _send(client, OffsetRequest(-1, 0, list(wanted.items())), node=leader)
            for leader, wanted in by_leader.items()
        )
    )
    return {at: offset for answer in answers for at, offset in _offsets_of(answer)}


def _offsets_of(answer: Any) -> Iterable[tuple[TopicPartition, int]]:
    for topic, partitions in answer.topics:
        for number, code, _timestamp, offset in partitions:
            _raise(code, f"{topic}-{number}")
            yield TopicPartition(topic, number), offset


async def group_offsets(
    client: Any, group: str, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, tuple[int, str]]:
    """The committed offsets of a group and their metadata; nothing for a partition without one."""
    coordinator = await _send(client, FindCoordinatorRequest(group, _GROUP))
    _raise(coordinator.error_code, group)
    by_topic: dict[str, list[int]] = defaultdict(list)
    for at in partitions:
        by_topic[at.topic].append(at.partition)
    answer = await _send(client, OffsetFetchRequest(group, list(by_topic.items())), node=coordinator.coordinator_id)
    _raise(getattr(answer, "error_code", 0), group)
    found = {}
    for topic, numbers in answer.topics:
        for number, offset, words, code in numbers:
            _raise(code, f"{topic}-{number}")
            if offset >= 0:
                found[TopicPartition(topic, number)] = (offset, words or "")
    return found


async def delete_group(client: Any, group: str) -> bool:
    """Drop a group with its offsets; False while it has members. One that does not exist is dropped."""
    coordinator = await _send(client, FindCoordinatorRequest(group, _GROUP))
    _raise(coordinator.error_code, group)
    answer = await _send(client, DeleteGroupsRequest([group]), node=coordinator.coordinator_id)
    for _, code in answer.results:
        if for_code(code) is NonEmptyGroup:
            return False
        if for_code(code) is not GroupIdNotFound:
            _raise(code, group)
    return True


async def _send(client: Any, request: Any, *, node: int | str | None = None) -> Any:
    node = client.get_random_node() if node is None else node
    if node is None:
        raise NodeNotReadyError("no broker is known")
    try:
        return await client.send(node, request)
    except NotImplementedError as error:  # aiokafka's word for a request in a version it cannot speak
        raise IncompatibleBrokerVersion(str(error)) from error


def _raise(code: int, what: str) -> None:
    if for_code(code) is not NoError:
        raise for_code(code)(what)
