"""What clients of Kafka are built with."""

from datetime import timedelta
from pathlib import Path

import pytest

from eventlog.errors import LogMisconfigured
from eventlog.kafka_client import Address, Cluster
from eventlog.kafka_settings import KafkaSettings


@pytest.mark.parametrize(
    ("servers", "addresses"),
    [
        ("kafka", [("kafka", 9092)]),
        ("h1:9093, h2:9094", [("h1", 9093), ("h2", 9094)]),
        ("[::1]:9092,[fe80::1]", [("::1", 9092), ("fe80::1", 9092)]),
    ],
)
def test_addresses_are_read(servers: str, addresses: list[tuple[str, int]]) -> None:
    """Several brokers with commas between them; without a port Kafka's own is meant."""
    assert Cluster.of(servers, KafkaSettings()).addresses == tuple(Address(*each) for each in addresses)


@pytest.mark.parametrize(
    "servers", ["", " , ", "h:0", "h:65536", "h:port", ":9092", "::1:9092", "a..b:9092", "1.2.3.256:1"]
)
def test_what_is_no_address_is_refused(servers: str) -> None:
    """A typo is found before anything connects."""
    with pytest.raises(LogMisconfigured, match=r"9092"):
        Cluster.of(servers, KafkaSettings())


def test_a_cluster_is_written_as_it_is_read() -> None:
    """For logs and errors."""
    assert str(Cluster.of("h1:1,[::1]:2", KafkaSettings())) == "h1:1,[::1]:2"


def test_every_turn_starts_with_another_broker() -> None:
    """A frozen first broker would hide the others for a whole request timeout."""
    cluster = Cluster.of("a:1,b:2,c:3", KafkaSettings())
    servers = [
        cluster.options("x", request_timeout=timedelta(seconds=1), turn=n)["bootstrap_servers"] for n in (0, 1, 5)
    ]
    assert servers == [["a:1", "b:2", "c:3"], ["b:2", "c:3", "a:1"], ["c:3", "a:1", "b:2"]]


def test_credentials_go_to_the_client() -> None:
    """In the words of aiokafka."""
    settings = KafkaSettings.model_validate(
        {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-256",
            "sasl_username": "hook",
            "sasl_password": "s3cret",
            "client_id": "us",
        }
    )
    options = Cluster.of("a", settings).connection("producer")
    assert options == {
        "client_id": "us-producer",
        "security_protocol": "SASL_PLAINTEXT",
        "ssl_context": None,
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "hook",
        "sasl_plain_password": "s3cret",
    }


def test_tls_has_a_context() -> None:
    """With the system's CAs, and with the host name checked, when nothing else is said."""
    tls = Cluster.of("a", KafkaSettings(security_protocol="SSL")).tls
    assert tls is not None
    assert tls.check_hostname


@pytest.mark.parametrize("name", ["ssl_cafile", "ssl_certfile"])
def test_a_certificate_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    """The setting and the path, and why."""
    settings = KafkaSettings.model_validate({"security_protocol": "SSL", name: tmp_path / "none.pem"})
    with pytest.raises(LogMisconfigured, match=rf"{name} .*none\.pem.* cannot be used: No such file"):
        Cluster.of("a", settings)
