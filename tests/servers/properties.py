"""The settings of a broker for tests, as values; `server.properties` and the container's environment come from them.

Each line that differs from Kafka's default says why. Names and defaults: https://kafka.apache.org/43/configuration/
"""

from collections.abc import Mapping
from dataclasses import dataclass

CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
"""A base64 UUID, as `StorageTool format -t` wants it; every private broker is a cluster of its own."""


@dataclass(frozen=True, kw_only=True)
class Listeners:
    """The ports of one broker."""

    # What clients are told to use: the broker's own `client` port, or that of a proxy before it.
    advertised: int
    client: int
    # Never behind a proxy: readiness, topics and checks go this way whatever the proxy does.
    direct: int
    controller: int
    # Where the broker listens, and where clients reach it.
    bind: str = "127.0.0.1"
    host: str = "127.0.0.1"


def broker_properties(ports: Listeners, data: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The properties of a one-node KRaft broker; `extra` overrides."""
    here = f"{ports.bind}:"
    listeners = f"PLAINTEXT://{here}{ports.client},CONTROLLER://{here}{ports.controller},DIRECT://{here}{ports.direct}"
    advertised = f"PLAINTEXT://{ports.host}:{ports.advertised},DIRECT://{ports.host}:{ports.direct}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        # Static voters: the folder then formats without naming a port, and the image apache/kafka knows no other way.
        "controller.quorum.voters": f"1@127.0.0.1:{ports.controller}",
        "listeners": listeners,
        "advertised.listeners": advertised,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "DIRECT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,DIRECT:PLAINTEXT",
        "log.dirs": data,
        **_ONE_NODE,
        **_QUICK,
        **_SMALL,
        **(extra or {}),
    }


# There is one broker, so everything internal has one replica, and one partition to be quick.
_ONE_NODE = {
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}

_QUICK = {
    # A group may start with its first member, and sessions of a second are allowed (defaults 3 s and 6 s).
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    # With the defaults a broker restarted after kill -9 waits 9 s for its own old registration to expire.
    "broker.session.timeout.ms": "1000",
    "broker.heartbeat.interval.ms": "200",
    # The project creates its topics itself; a typo must fail.
    "auto.create.topics.enable": "false",
}

_SMALL = {
    # 128 MB of the heap by default: the usual reason why a broker of 256 MB dies.
    "log.cleaner.dedupe.buffer.size": "2097152",
    "num.network.threads": "2",
    "num.io.threads": "2",
}


def as_file(properties: Mapping[str, str]) -> str:
    """The text of `server.properties`."""
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def as_environment(properties: Mapping[str, str]) -> dict[str, str]:
    """The environment the image apache/kafka makes its server.properties from (dots become underscores)."""
    return {"KAFKA_" + name.replace(".", "_").upper(): value for name, value in properties.items()} | {
        "CLUSTER_ID": CLUSTER_ID
    }
