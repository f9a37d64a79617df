"""Why Kafka cannot be reached: aiokafka's clients only say that they could not bootstrap."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

from eventlog.kafka_causes import CONNECTING, Cause, cause_of
from eventlog.kafka_client import Address, Cluster
from eventlog.kafka_requests import metadata_of

# Causes told of a cluster of many brokers.
_TOLD = 3


async def probe(cluster: Cluster, within: timedelta) -> Cause | None:
    """Connect to the brokers as a client would, and say what went wrong; None when all went well.

    Args:
        cluster: where and how.
        within: how long to wait for each of two steps: the brokers we were given, and those they name.
    """
    found = await asyncio.gather(*(_visit(cluster, address, within) for address in cluster.addresses))
    causes = [each for each in found if isinstance(each, Cause)]
    if len(causes) == len(found):
        return _joined(causes)
    given = set(cluster.addresses)
    named = {address for each in found if not isinstance(each, Cause) for address in each} - given
    refused = [
        each
        for each in await asyncio.gather(*(_visit(cluster, address, within) for address in named))
        if isinstance(each, Cause)
    ]
    if named and len(refused) == len(named):
        cause = _joined(refused)
        text = f"{cluster} answers, but sends clients on: {cause.text}. Check the brokers' advertised.listeners"
        return Cause(text, cause.hopeless)
    return None


async def _visit(cluster: Cluster, address: Address, within: timedelta) -> Cause | list[Address]:
    """The brokers this one names, or why it does not."""
    settings = cluster.settings
    try:
        async with asyncio.timeout(within.total_seconds()):
            connection: Any = await create_conn(  # type: ignore[no-untyped-call]  # aiokafka is half typed
                address.host, address.port, **cluster.connection("probe")
            )
            try:
                answer = await connection.send(MetadataRequest([], allow_auto_topic_creation=False))
            finally:
                connection.close()
    except CONNECTING as error:
        return cause_of(error, address, settings)
    return [Address(host, port) for host, port in metadata_of(answer).brokers.values()]


def _joined(causes: Iterable[Cause]) -> Cause:
    different = list(dict.fromkeys(causes))
    text = "; ".join(cause.text for cause in different[:_TOLD])
    more = f" (and {len(different) - _TOLD} brokers more)" if len(different) > _TOLD else ""
    return Cause(text + more, hopeless=all(cause.hopeless for cause in different))
