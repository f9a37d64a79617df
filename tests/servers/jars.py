"""Apache Kafka's own jars: fetched once with Maven into the repository's ignored cache, run on Java 17 or later."""

import fcntl
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.errors import ServerUnavailableError

REPOSITORY = Path(__file__).resolve().parents[2]
POM = REPOSITORY / "tests" / "kafka" / "pom.xml"
CACHE = REPOSITORY / ".cache"
OLDEST_JAVA = 17  # the Kafka 4 broker: https://kafka.apache.org/43/getting-started/compatibility/
FETCHES_WITHIN = 300.0
"""Seconds Maven gets to download about 45 MB."""


@dataclass(frozen=True)
class KafkaJars:
    """A Java and a folder of jars that run the broker and its command line tools."""

    java: str
    java_version: str
    folder: Path
    version: str

    def argv(self, main_class: str, *args: str, options: tuple[str, ...] = ()) -> list[str]:
        """The command that runs a class, with a small heap and a quick start unless `options` say otherwise."""
        small = options or ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", _log_level("warn"))
        return [self.java, *small, "-cp", f"{self.folder}/*", main_class, *args]


def _log_level(level: str) -> str:
    return f"-Dorg.slf4j.simpleLogger.defaultLogLevel={level}"


# TieredStopAtLevel halves the start; direct memory is bounded because its default is the heap's size once more.
BROKER_OPTIONS = (
    *("-Xms256m", "-Xmx256m", "-XX:MaxDirectMemorySize=128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *("-Dorg.slf4j.simpleLogger.showDateTime=true", _log_level("info")),
)


def kafka_version() -> str:
    """The release the pom names, so that it stands in one place."""
    found = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", POM.read_text())
    if found is None:
        raise ServerUnavailableError(f"{POM} names no <kafka.version>")
    return found[1]


def find_java() -> tuple[str, str]:
    """The path and version of a Java that can run Kafka.

    Raises:
        ServerUnavailableError: there is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if java is None:
        raise ServerUnavailableError(f"no java on PATH and no JAVA_HOME: install Java {OLDEST_JAVA}")
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True).stderr
    except (OSError, subprocess.SubprocessError) as error:
        raise ServerUnavailableError(f"{java} -version failed ({error}): install Java {OLDEST_JAVA}") from error
    version = re.search(r'version "((\d+)[^"]*)"', told)
    if version is None or int(version[2]) < OLDEST_JAVA:
        raise ServerUnavailableError(f"{java} is {told.splitlines()[0]}: Kafka needs Java {OLDEST_JAVA} or later")
    return java, version[1]


def fetch(cache: Path = CACHE) -> KafkaJars:
    """The jars, fetched with Maven the first time; after that neither Maven nor a network is used.

    Raises:
        ServerUnavailableError: no Java, no Maven, or the download failed.
    """
    java, java_version = find_java()
    version = kafka_version()
    libs = cache / f"kafka-{version}" / "libs"
    if not libs.is_dir():
        libs.parent.mkdir(parents=True, exist_ok=True)
        with (libs.parent / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several test runs may start at once: one fetches
            if not libs.is_dir():
                _download(libs)
    return KafkaJars(java, java_version, libs, version)


def _download(libs: Path) -> None:
    """Let Maven copy the jars beside `libs`, then rename: a half-fetched folder never has the name."""
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerUnavailableError(f"Kafka's jars are not in {libs} and there is no mvn on PATH: install Maven")
    partial = libs.with_name("libs.partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    try:
        done = subprocess.run(
            [*command, f"-DoutputDirectory={partial}"],
            cwd=libs.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FETCHES_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServerUnavailableError(f"Maven did not fetch Kafka's jars within {FETCHES_WITHIN:.0f} s") from error
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-5:])
        raise ServerUnavailableError(f"Maven could not fetch Kafka's jars (status {done.returncode}): {said}")
    partial.rename(libs)
