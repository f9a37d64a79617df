"""The broker's classes as a Java of this release keeps them ready: a start then takes half the processor's time.

Class data sharing: https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html
"""

import fcntl
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from tests.servers import wire
from tests.servers.jars import BROKER_OPTIONS, KafkaJars

READY_WITHIN = 60.0
ENDS_WITHIN = 60.0
Prepare: TypeAlias = Callable[[Path], AbstractContextManager[tuple[Path, str]]]
"""Makes in a folder what a broker needs; gives its server.properties and where it will listen."""


def options(fetched: KafkaJars, prepare: Prepare) -> tuple[str, ...]:
    """The options of a broker, with the archive; the first time a broker is run for that, which takes seconds."""
    archive = fetched.folder.with_name(f"classes-{fetched.java_version}.jsa")
    if not archive.is_file():
        with archive.with_suffix(".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several test runs may start at once: one makes it
            if not archive.is_file():
                _make(archive, fetched, prepare)
    return (*BROKER_OPTIONS, f"-XX:SharedArchiveFile={archive}")


def _make(archive: Path, fetched: KafkaJars, prepare: Prepare) -> None:
    """Let a broker serve and end in order; a Java that finds no classes in the archive starts as it always did."""
    with TemporaryDirectory(dir=archive.parent) as folder, prepare(Path(folder)) as (properties, address):
        made = Path(folder, archive.name)
        written = (*BROKER_OPTIONS, f"-XX:ArchiveClassesAtExit={made}")
        argv = fetched.argv("kafka.Kafka", str(properties), options=written)
        broker = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + READY_WITHIN
            while not _serves(address) and broker.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            broker.terminate()
            broker.wait(ENDS_WITHIN)
        finally:
            broker.kill()
            broker.wait()
        if not made.is_file():
            made.touch()
        made.rename(archive)


def _serves(address: str) -> bool:
    try:
        return bool(wire.cluster(address, 1.0).brokers)
    except (OSError, ValueError):
        return False
