"""Where Kafka is and how to speak to it: what every client of ours is built with."""

import ssl
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from eventlog.errors import LogMisconfigured
from eventlog.kafka_settings import KafkaSettings
from schemas.hosts import endpoint_problem

DEFAULT_PORT = 9092

# So old metadata are asked for again, and changes of leaders and brokers seen without an error.
_METADATA_AGE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Address:
    """A host and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka cluster as the configuration names it."""

    addresses: tuple[Address, ...]
    settings: KafkaSettings
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, servers: str, settings: KafkaSettings) -> Self:
        """Read `host:port,host:port` and the certificates.

        Raises:
            LogMisconfigured: an address is none, or a certificate cannot be read.
        """
        return cls(_addresses(servers), settings, _tls(settings))

    def __str__(self) -> str:
        return ",".join(str(address) for address in self.addresses)

    def options(self, role: str, *, request_timeout: timedelta, turn: int = 0) -> dict[str, Any]:
        """Arguments of any aiokafka client.

        Args:
            role: what the client is for, the end of its name in the broker's logs.
            request_timeout: how long one request may take.
            turn: bootstrap addresses are tried in order, each for a whole request timeout; every turn starts with
                another one, so that a frozen first broker does not hide the others.
        """
        first = turn % len(self.addresses)
        addresses = self.addresses[first:] + self.addresses[:first]
        return {
            "bootstrap_servers": [str(address) for address in addresses],
            "request_timeout_ms": milliseconds(request_timeout),
            "metadata_max_age_ms": milliseconds(_METADATA_AGE),
            **self.connection(role),
        }

    def connection(self, role: str) -> dict[str, Any]:
        """Arguments of a single connection: name, TLS and credentials."""
        settings = self.settings
        secret = settings.sasl_password
        return {
            "client_id": f"{settings.client_id}-{role}",
            "security_protocol": settings.security_protocol,
            "ssl_context": self.tls,
            "sasl_mechanism": settings.sasl_mechanism or "PLAIN",
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": secret.get_secret_value() if secret else None,
        }


def milliseconds(duration: timedelta) -> int:
    """A duration as aiokafka takes it."""
    return max(1, int(duration.total_seconds() * 1000))


def _addresses(servers: str) -> tuple[Address, ...]:
    addresses = tuple(_address(one.strip()) for one in servers.split(",") if one.strip())
    if not addresses:
        raise LogMisconfigured("no Kafka broker is named: write host:9092, or several with commas between them")
    return addresses


def _address(text: str) -> Address:
    if problem := endpoint_problem(text):
        raise LogMisconfigured(
            f"{text!r} is no address of a broker: {problem}. Write host:port, for example kafka1:9092"
        )
    host, _, port = (text if ":" in text.rpartition("]")[2] else f"{text}:{DEFAULT_PORT}").rpartition(":")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _tls(settings: KafkaSettings) -> ssl.SSLContext | None:
    if not settings.security_protocol.endswith("SSL"):
        return None
    try:
        context = ssl.create_default_context(cafile=str(settings.ssl_cafile) if settings.ssl_cafile else None)
    except OSError as error:  # ssl.SSLError is one
        raise LogMisconfigured(f"ssl_cafile {settings.ssl_cafile} cannot be used: {_why(error)}") from error
    if settings.ssl_certfile:
        try:
            context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
        except OSError as error:
            named = (
                f"ssl_certfile {settings.ssl_certfile} with ssl_keyfile {settings.ssl_keyfile or '(in the same file)'}"
            )
            raise LogMisconfigured(f"{named} cannot be used: {_why(error)}") from error
    return context


def _why(error: OSError) -> str:
    return error.strerror or str(error)
