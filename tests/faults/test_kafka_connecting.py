"""Why a connection fails is said as it is, with what to do: aiokafka only says that it could not bootstrap."""

import asyncio
import datetime as dt
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cli.base import Installation
from cli.errors import CommandFailed
from cli.places import Places
from cli.wiring import opened_log
from eventlog.errors import LogMisconfigured, LogUnavailable
from eventlog.kafka import KafkaEventLog
from eventlog.kafka_settings import KafkaSettings
from schemas.record import Record
from tests.faults.kafka_load import STOPS, until
from tests.servers.broker import Broker
from tests.servers.mock import MockCluster
from tests.servers.plugin import MakeBroker, MakeProxy

QUICK: dict[str, Any] = {"connect_timeout": "1s", "admin_timeout": "2s"}
SASL = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "hook", "sasl_password": "s3cret-word"}


def settings(**given: object) -> KafkaSettings:
    return KafkaSettings.model_validate({**QUICK, **given})


@asynccontextmanager
async def connected(servers: str, **given: object) -> AsyncIterator[KafkaEventLog]:
    """A started log, whether or not anything is there."""
    log = KafkaEventLog(servers, settings(**given))
    try:
        await log.start()
        yield log
    finally:
        await log.stop(STOPS)


async def complaint(servers: str, **given: object) -> str:
    """What an unreachable log says of itself; an append and a question say the same."""
    async with connected(servers, **given) as log:
        detail = log.health().detail
        assert not log.health().ok
        with pytest.raises(LogUnavailable) as append:
            log.append(Record(topic="t", key=b"k", value=b"v", timestamp=1))
        assert detail in str(append.value)
        with pytest.raises(LogUnavailable) as question:
            await log.partitions(["t"])
        assert detail.removeprefix("Kafka is away: ") in str(question.value)
        return detail


async def refusal(servers: str, **given: object) -> str:
    """Why a log that waiting cannot help does not start."""
    with pytest.raises(LogMisconfigured) as refused:
        async with connected(servers, **given):
            pass
    assert "s3cret-word" not in str(refused.value)
    return str(refused.value)


@asynccontextmanager
async def serving(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that is no Kafka: it waits for some bytes, answers and closes; without an answer it stays silent."""
    held: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.add(writer)
        await reader.read(100)
        if answer:
            writer.write(answer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in held:
            writer.transport.abort()
        await server.wait_closed()


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, encoding = folder / "server.pem", serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(private + certificate.public_bytes(encoding))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_a_wrong_port(free_port: int) -> None:
    """Nobody listens there."""
    assert f"nothing listens on 127.0.0.1:{free_port}" in await complaint(f"127.0.0.1:{free_port}")


async def test_a_name_that_does_not_exist() -> None:
    """`.invalid` never does (RFC 2606)."""
    assert "kafka.invalid:9092 cannot be resolved" in await complaint("kafka.invalid:9092")


async def test_every_broker_has_its_own_cause(free_port: int) -> None:
    """All are named."""
    detail = await complaint(f"127.0.0.1:{free_port},kafka.invalid:9092")
    assert "nothing listens" in detail
    assert "cannot be resolved" in detail


async def test_another_service() -> None:
    """An HTTP server closes the door on us."""
    async with serving(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        assert "is no Kafka" in await complaint(address)


async def test_a_service_that_says_nothing() -> None:
    """It accepts and stays silent, as a frozen broker does; we start all the same, soon."""
    async with serving(b"") as address:
        began = asyncio.get_running_loop().time()
        assert f"{address} does not answer in time" in await complaint(address)
        assert asyncio.get_running_loop().time() - began < 8


async def test_a_command_asks_a_silent_service_once(tmp_path: Path) -> None:
    """Every command that needs the log says so after one attempt and one look for the cause, not after two of each."""
    async with serving(b"") as silent:
        file = tmp_path / "hookline.toml"
        file.write_text(f'[eventlog]\nurl = "kafka://{silent}"\nkafka = {{ connect_timeout = "1s" }}\n')
        here = Installation(Places(config=file, data=tmp_path, environ={}), "auto")
        began = time.monotonic()
        with pytest.raises(CommandFailed, match=f"the event log does not answer: .*{silent} does not answer in time"):
            async with opened_log(here):
                raise AssertionError("unreachable")
        assert time.monotonic() - began < 2.4


async def test_plain_words_to_a_tls_port(tmp_path: Path) -> None:
    """The cause names the setting to look at."""
    async with serving(b"x", self_signed(tmp_path)) as address:
        assert "security_protocol is PLAINTEXT" in await complaint(address)


async def test_a_certificate_nobody_trusts(tmp_path: Path) -> None:
    """Waiting does not make it trusted."""
    async with serving(b"x", self_signed(tmp_path)) as address:
        text = await refusal(address, security_protocol="SSL")
        assert "is not trusted" in text
        assert "ssl_cafile" in text


@pytest.mark.kafka
async def test_tls_to_a_plain_broker(kafka: Broker) -> None:
    """A broker closes what it does not understand."""
    async with connected(kafka.bootstrap, security_protocol="SSL") as log:
        assert "speaks another protocol (security_protocol is SSL)" in log.health().detail


@pytest.mark.kafka
async def test_credentials_for_a_broker_that_asks_for_none(kafka: Broker) -> None:
    """It says so; no word of the password."""
    text = await refusal(kafka.bootstrap, security_protocol="SASL_PLAINTEXT", **SASL)
    assert "does not take SCRAM-SHA-512 with SASL_PLAINTEXT" in text


@pytest.mark.kafka
async def test_a_broker_that_sends_clients_astray(kafka_private: MakeBroker) -> None:
    """It answers where we were told, and names an address where nobody is."""
    broker = await kafka_private(proxied=True)
    assert broker.proxy is not None
    await broker.proxy.down()
    host, port = broker.listener
    async with connected(f"{host}:{port}") as log:
        detail = log.health().detail
    assert f"nothing listens on {broker.bootstrap}" in detail
    assert "advertised.listeners" in detail


@pytest.mark.kafka
async def test_the_second_broker_serves_when_the_first_is_frozen(kafka: Broker) -> None:
    """Every attempt begins with another one."""
    async with serving(b"") as frozen, connected(f"{frozen},{kafka.bootstrap}") as log:
        await until(lambda: log.health().ok, 10)
        assert log.health().ok


async def test_another_cluster_at_the_same_address(fault_proxy: MakeProxy) -> None:
    """A running process does not go on with it: appends, the log's identity and its health say so."""
    with closing(MockCluster.launch()) as first, closing(MockCluster.launch()) as second:
        proxy = await fault_proxy(place(first))
        async with connected(proxy.address) as log:
            identity = await log.identity()
            proxy.upstream = place(second)
            first.kill()
            proxy.reset()
            await until(lambda: "another cluster" in log.health().detail, 20)
            assert not log.health().ok
            # The connection for questions finds out first that its broker is gone.
            with pytest.raises(LogUnavailable):
                await log.identity()
            with pytest.raises(LogMisconfigured, match="restart every role"):
                await log.identity()
        async with connected(proxy.address) as log:
            assert await log.identity() != identity


def place(mock: MockCluster) -> tuple[str, int]:
    host, _, port = mock.bootstrap.partition(":")
    return host, int(port)
