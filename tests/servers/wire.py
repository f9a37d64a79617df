"""The two Kafka requests that tell whether a broker serves and what it is, by hand: no client, no thread, no log.

Layouts: https://kafka.apache.org/protocol (Metadata v1, ApiVersions v3, KIP-482 for the compact forms).
"""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

METADATA, API_VERSIONS = 3, 18
CLIENT = b"hookline-tests"
LARGEST_ANSWER = 16 * 1024 * 1024

RELEASE_OF_LEVEL = {
    21: "3.9",
    25: "4.0",
    26: "4.1",
    27: "4.1",
    28: "4.2",
    29: "4.2",
    30: "4.3",
    31: "4.4",
}
"""Kafka release by finalised `metadata.version` (the levels of `MetadataVersion` in kafka-server-common 4.3.1)."""


@dataclass(frozen=True)
class Cluster:
    """What a broker says of its cluster."""

    brokers: tuple[tuple[str, int], ...]
    # Topic -> how many of its partitions have no leader.
    leaderless: Mapping[str, int]


class _Reader:
    """Takes fields off the front of an answer."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise ValueError(f"the answer ends {count - len(piece)} bytes too early")
        self._at += count
        return piece

    def number(self, form: str) -> int:
        return int(struct.unpack(f">{form}", self.take(struct.calcsize(form)))[0])

    def string(self) -> str:
        length = self.number("h")
        return self.take(length).decode() if length > 0 else ""

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


def _exchange(address: tuple[str, int], request: bytes, timeout: float) -> _Reader:
    with socket.create_connection(address, timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as answer:
            size = int.from_bytes(answer.read(4), "big")
            if not 4 < size < LARGEST_ANSWER:
                raise ValueError(f"an answer of {size} bytes is none of Kafka's")
            reader = _Reader(answer.read(size))
    reader.number("i")  # the correlation id: one request per connection needs none
    return reader


def _header(api: int, version: int) -> bytes:
    return struct.pack(">hhih", api, version, 1, len(CLIENT)) + CLIENT


def first_address(bootstrap: str) -> tuple[str, int]:
    """The first `host:port` of a list of bootstrap servers.

    Raises:
        ValueError: it is not `host:port`.
    """
    host, colon, port = bootstrap.split(",", maxsplit=1)[0].strip().rpartition(":")
    if not colon or not port.isdigit():
        raise ValueError(f"{bootstrap!r} is not host:port[,host:port]: write for example 127.0.0.1:9092")
    return host.strip("[]"), int(port)


def cluster(bootstrap: str, timeout: float) -> Cluster:
    """Ask for the metadata of all topics; blocks up to `timeout` seconds per socket operation.

    Raises:
        OSError: nobody answers.
        ValueError: what answers is no Kafka.
    """
    reader = _exchange(first_address(bootstrap), _header(METADATA, 1) + struct.pack(">i", -1), timeout)
    brokers = []
    for _ in range(reader.number("i")):
        reader.number("i")
        brokers.append((reader.string(), reader.number("i")))
        reader.string()  # rack
    reader.number("i")  # controller
    leaderless = {}
    for _ in range(reader.number("i")):
        reader.number("h")
        topic = reader.string()
        leaderless[topic] = 0
        reader.take(1)  # is_internal
        for _ in range(reader.number("i")):
            reader.number("h")
            reader.number("i")
            leaderless[topic] += reader.number("i") < 0
            for _ in range(2):  # replicas, in-sync replicas
                reader.take(4 * reader.number("i"))
    return Cluster(tuple(brokers), leaderless)


def release(bootstrap: str, timeout: float) -> str:
    """The Kafka release as far as the protocol tells it, such as "4.3 (metadata.version 30)".

    Raises:
        OSError, ValueError: as `cluster`.
    """
    name = bytes([len(CLIENT) + 1]) + CLIENT
    reader = _exchange(first_address(bootstrap), _header(API_VERSIONS, 3) + b"\0" + name + b"\x021\0", timeout)
    if error := reader.number("h"):
        return f"unknown (ApiVersions error {error})"
    for _ in range(reader.varint() - 1):
        reader.take(6)
        _skip_tags(reader)
    reader.number("i")  # throttle time
    finalised = _features(reader)
    level = finalised.get("metadata.version")
    if level is None:
        return "unknown"
    return f"{RELEASE_OF_LEVEL.get(level, 'unknown')} (metadata.version {level})"


def _skip_tags(reader: _Reader) -> None:
    for _ in range(reader.varint()):
        reader.varint()
        reader.take(reader.varint())


def _features(reader: _Reader) -> dict[str, int]:
    """Finalised features and their levels: tag 2 of the answer's tagged fields."""
    for _ in range(reader.varint()):
        tag, size = reader.varint(), reader.varint()
        field = _Reader(reader.take(size))
        if tag != 2:
            continue
        levels = {}
        for _ in range(field.varint() - 1):
            name = field.take(field.varint() - 1).decode()
            levels[name] = field.number("h")
            field.number("h")
            _skip_tags(field)
        return levels
    return {}
