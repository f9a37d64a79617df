"""The ways to a Kafka broker, best first, each a function that starts one or says why it cannot."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.servers import archive, jars, wire
from tests.servers.broker import PROBE_WAITS, Broker, PrivateBroker
from tests.servers.child import Child, Program
from tests.servers.errors import ServerStartError, ServerUnavailableError
from tests.servers.jars import KafkaJars
from tests.servers.ports import Port
from tests.servers.properties import CLUSTER_ID, Listeners, as_environment, as_file, broker_properties

IMAGE = "apache/kafka"
FORMATS_WITHIN = 60.0


def given(bootstrap: str) -> Broker:
    """A broker somebody else runs, named by HOOKLINE_TEST_KAFKA; it keeps the topics the tests create.

    Of `properties.py` it needs at least `group.min.session.timeout.ms` of a second or less.

    Raises:
        ServerUnavailableError: it does not answer.
    """
    try:
        wire.cluster(bootstrap, PROBE_WAITS)
        version = wire.release(bootstrap, PROBE_WAITS)
    except (OSError, ValueError) as error:
        raise ServerUnavailableError(f"{bootstrap} does not answer as Kafka does: {error}") from error
    return Broker(kind="given", bootstrap=bootstrap, direct=bootstrap, version=version)


def from_jars(
    logs: Path, extra: Mapping[str, str] | None = None, *, advertised: int | None = None, cache: Path = jars.CACHE
) -> PrivateBroker:
    """A broker from Apache Kafka's jars, formatted and not yet started.

    Args:
        logs: the folder its log goes to, which is not removed.
        extra: properties that override ours.
        advertised: the port clients are told to use, that of a proxy; default the broker's own.
        cache: where the jars are kept.

    Raises:
        ServerUnavailableError: no Java, or the jars cannot be fetched.
    """
    fetched = jars.fetch(cache)
    options = archive.options(fetched, partial(_spare, fetched))
    ports, listeners = _claimed(advertised)
    home = Path(tempfile.mkdtemp(prefix="hookline-kafka-"))
    log = logs / f"{home.name}.log"
    argv = fetched.argv("kafka.Kafka", str(_prepared(fetched, listeners, home, extra)), options=options)
    return PrivateBroker(
        kind="jars",
        bootstrap=f"127.0.0.1:{listeners.advertised}",
        direct=f"127.0.0.1:{listeners.direct}",
        version=fetched.version,
        machine=Child(Program(argv=argv, cwd=home, log=log, removed=[home])),
        listener=("127.0.0.1", listeners.client),
        ports=ports,
    )


def _claimed(advertised: int | None = None) -> tuple[list[Port], Listeners]:
    ports = [Port.claim() for _ in range(3)]
    client, direct, controller = (port.number for port in ports)
    return ports, Listeners(advertised=advertised or client, client=client, direct=direct, controller=controller)


def _prepared(fetched: KafkaJars, listeners: Listeners, home: Path, extra: Mapping[str, str] | None = None) -> Path:
    """Make the formatted data and the server.properties of a broker in a folder; returns the latter."""
    shutil.copytree(_formatted(fetched), home / "data")
    properties = home / "server.properties"
    properties.write_text(as_file(broker_properties(listeners, str(home / "data"), extra)))
    return properties


@contextmanager
def _spare(fetched: KafkaJars, home: Path) -> Iterator[tuple[Path, str]]:
    """What a broker needs that is run for its classes alone: its server.properties, and where it listens."""
    ports, listeners = _claimed()
    try:
        yield _prepared(fetched, listeners, home), f"127.0.0.1:{listeners.direct}"
    finally:
        for port in ports:
            port.release()


def from_docker(extra: Mapping[str, str] | None = None, *, advertised: int | None = None) -> PrivateBroker:
    """A broker in a container of the image apache/kafka, not yet started; arguments as `from_jars`.

    Raises:
        ServerUnavailableError: no Docker engine answers.
    """
    from tests.servers.containers import Container, Image, engine_host  # noqa: PLC0415 - its libraries are seldom needed

    host = engine_host()
    ports = [Port.claim() for _ in range(3)]
    client, direct, controller = (port.number for port in ports)
    listeners = Listeners(
        advertised=advertised or client,
        client=client,
        direct=direct,
        controller=controller,
        bind="0.0.0.0",
        host=host,
    )
    version = jars.kafka_version()
    env = as_environment(broker_properties(listeners, "/tmp/kafka-data", extra))  # noqa: S108 - in the container
    return PrivateBroker(
        kind="docker",
        bootstrap=f"{host}:{listeners.advertised}",
        direct=f"{host}:{direct}",
        version=version,
        machine=Container(
            Image(name=f"{IMAGE}:{version}", env=env | {"KAFKA_HEAP_OPTS": "-Xmx256m"}, ports=[client, direct])
        ),
        listener=(host, client),
        ports=ports,
    )


def _formatted(fetched: KafkaJars) -> Path:
    """A formatted data folder beside the jars, to copy: formatting takes a second, and no port stands in it."""
    template = fetched.folder.with_name("formatted")
    if template.is_dir():
        return template
    with tempfile.TemporaryDirectory(dir=template.parent) as folder:
        data, properties = Path(folder, "data"), Path(folder, "server.properties")
        anywhere = Listeners(advertised=1, client=1, direct=2, controller=3)
        properties.write_text(as_file(broker_properties(anywhere, str(data))))
        arguments = ["format", "-t", CLUSTER_ID, "-c", str(properties)]
        argv = fetched.argv("kafka.tools.StorageTool", *arguments)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=FORMATS_WITHIN, check=False)
        if done.returncode != 0:
            raise ServerStartError(f"Kafka's storage could not be formatted: {done.stdout}{done.stderr}")
        try:
            data.rename(template)
        except OSError:  # another test run was quicker
            if not template.is_dir():
                raise
    return template
