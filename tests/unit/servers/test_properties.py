"""The properties of the brokers that tests run on."""

import pytest

from tests.servers import wire
from tests.servers.jars import kafka_version
from tests.servers.postgres import given
from tests.servers.properties import Listeners, as_environment, as_file, broker_properties

PORTS = Listeners(advertised=1, client=2, direct=3, controller=4)


def test_clients_are_told_the_proxys_port() -> None:
    """The broker listens on one port and advertises another; DIRECT goes past the proxy."""
    properties = broker_properties(PORTS, "/data")
    assert properties["listeners"] == "PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:4,DIRECT://127.0.0.1:3"
    assert properties["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1,DIRECT://127.0.0.1:3"
    assert properties["inter.broker.listener.name"] == "DIRECT"


def test_restart_and_sessions_are_quick() -> None:
    """Without these a killed broker is away for eleven seconds and a session lasts six."""
    properties = broker_properties(PORTS, "/data")
    assert properties["broker.session.timeout.ms"] == "1000"
    assert properties["group.min.session.timeout.ms"] == "500"
    assert properties["group.initial.rebalance.delay.ms"] == "0"


def test_missing_topics_stay_missing() -> None:
    """A typo in a topic's name fails, as in production."""
    assert broker_properties(PORTS, "/data")["auto.create.topics.enable"] == "false"


def test_a_test_may_override() -> None:
    """A property given by the test wins."""
    properties = broker_properties(PORTS, "/data", {"num.io.threads": "8", "message.max.bytes": "1000"})
    assert (properties["num.io.threads"], properties["message.max.bytes"]) == ("8", "1000")


def test_file_is_javas_properties() -> None:
    """One `name=value` a line."""
    assert as_file({"a.b": "1", "c": "x,y"}) == "a.b=1\nc=x,y\n"


def test_environment_is_the_images() -> None:
    """The image apache/kafka reads KAFKA_ names with underscores for dots."""
    environment = as_environment({"log.dirs": "/data"})
    assert environment == {"KAFKA_LOG_DIRS": "/data", "CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qg"}


def test_pom_names_the_release() -> None:
    """The release stands in the pom, and nowhere else."""
    assert kafka_version() == "4.3.1"


@pytest.mark.parametrize(
    ("bootstrap", "expected"),
    [("h:9092", ("h", 9092)), (" h1:1, h2:2", ("h1", 1)), ("[::1]:9092", ("::1", 9092))],
)
def test_first_bootstrap_address(bootstrap: str, expected: tuple[str, int]) -> None:
    """The first of several is asked."""
    assert wire.first_address(bootstrap) == expected


@pytest.mark.parametrize("bootstrap", ["h", "h:", ":x", "kafka://h"])
def test_bootstrap_without_port_is_refused(bootstrap: str) -> None:
    """The error shows the form."""
    with pytest.raises(ValueError, match=r"write for example 127\.0\.0\.1:9092"):
        wire.first_address(bootstrap)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg", "postgresql+psycopg"])
def test_given_postgres_is_reached_by_asyncpg(scheme: str) -> None:
    """Whatever driver the URL names, the tests' databases are reached by ours, options kept."""
    server = given(f"{scheme}://u:p@h:1234/postgres?ssl=require")
    assert server.url_of("db") == "postgresql+asyncpg://u:p@h:1234/db?ssl=require"


def test_given_postgres_shows_no_password() -> None:
    """The summary names the server without its secret."""
    assert (
        given("postgresql://u:secret@h/postgres").origin
        == "HOOKLINE_TEST_POSTGRES postgresql+asyncpg://u:***@h/postgres"
    )
