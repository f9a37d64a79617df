"""A server as a container, by testcontainers: its reaper removes the container when the tests end, however they end.

Written to the Docker Engine API (https://docs.docker.com/reference/api/engine/); Podman's answers it too.
"""

import gc
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from docker import DockerClient  # type: ignore[import-untyped]  # the package brings no types
from docker.errors import DockerException  # type: ignore[import-untyped]  # as above
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient as TestcontainersClient

from tests.servers.child import TAIL_LINES
from tests.servers.errors import ServerStartError, ServerUnavailableError
from tests.servers.machine import STOPS_WITHIN

ENGINE_ANSWERS_WITHIN = 3
"""Seconds the engine gets to answer a ping before it counts as absent."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """What to run. Each port is the same inside and outside, so that a broker may advertise it."""

    name: str
    env: Mapping[str, str]
    ports: Sequence[int]
    command: Sequence[str] = field(default=())


def engine_host() -> str:
    """The name under which the engine's containers are reached.

    Raises:
        ServerUnavailableError: no engine answers.
    """
    with warnings.catch_warnings():
        # docker-py forgets to close its socket when nobody answers; it is collected here and not in somebody's test.
        warnings.simplefilter("ignore", ResourceWarning)
        host = _host_of_engine()
        gc.collect()
    if host is None:
        raise ServerUnavailableError("no Docker engine answers")
    return "127.0.0.1" if host == "localhost" else host


def _host_of_engine() -> str | None:
    try:
        engine = DockerClient.from_env(timeout=ENGINE_ANSWERS_WITHIN)
        try:
            engine.ping()
        finally:
            engine.close()
        return TestcontainersClient().host()
    except (DockerException, OSError):
        return None


class Container:
    """A `Machine` (see there) that is a container."""

    def __init__(self, image: Image) -> None:
        self._container = DockerContainer(image.name)
        for name, value in image.env.items():
            self._container.with_env(name, value)
        for port in image.ports:
            self._container.with_bind_ports(port, port)
        if image.command:
            self._container.with_command(list(image.command))
        self._started = False

    def start(self) -> None:
        if self._started:
            self._docker("start")
            return
        try:
            self._container.start()
        except (DockerException, OSError) as error:
            raise ServerUnavailableError(f"the container did not start: {error}") from error
        self._started = True

    def kill(self) -> None:
        self._docker("kill")
        self._until_ended()

    def stop(self) -> None:
        self._docker("pause")

    def cont(self) -> None:
        self._docker("unpause")

    def terminate(self) -> None:
        self._docker("stop", timeout=int(STOPS_WITHIN))

    def running(self) -> bool:
        if not self._started:
            return False
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        return wrapped.status in {"running", "paused"}

    def log_tail(self) -> str:
        if not self._started:
            return "(it was never started)"
        logs: bytes = self._container.get_wrapped_container().logs(tail=TAIL_LINES)
        return logs.decode(errors="replace")

    def close(self) -> None:
        if self._started:
            self._started = False
            self._container.stop()

    def _docker(self, verb: str, **arguments: Any) -> None:
        if not self._started:
            raise ServerStartError(f"cannot {verb} a container that was never started")
        try:
            getattr(self._container.get_wrapped_container(), verb)(**arguments)
        except DockerException as error:
            raise ServerStartError(f"Docker could not {verb} the container: {error}") from error

    def _until_ended(self) -> None:
        deadline = time.monotonic() + STOPS_WITHIN
        while self.running():
            if time.monotonic() > deadline:
                raise ServerStartError(f"the container still runs {STOPS_WITHIN:.0f} s after kill")
            time.sleep(0.05)
