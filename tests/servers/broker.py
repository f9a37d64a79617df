"""A Kafka broker as the tests see it: where it is, what it is, and for a private one what may be done to it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from tests.servers import jars, wire
from tests.servers.errors import ServerStartError
from tests.servers.machine import Machine
from tests.servers.ports import Port
from tests.servers.proxy import FaultProxy

Kind = Literal["given", "docker", "jars", "mock"]
READY_WITHIN = 30.0
"""Seconds a broker gets to serve: 2 on an idle machine, 7 on a loaded one."""
PROBE_EVERY = 0.1
PROBE_WAITS = 2.0


@dataclass(kw_only=True)
class Broker:
    """A broker to read from and write to. Topics of different tests must not meet: use the fixture `fresh_prefix`."""

    kind: Kind
    # What clients are configured with, `host:port[,host:port]`.
    bootstrap: str
    # The same broker past any proxy, for checks that must work whatever the proxy does.
    direct: str
    # Kafka's release, or librdkafka's, as the summary names it.
    version: str

    async def create_topic(self, name: str, *, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic (replication 1) and wait until each partition has a leader.

        Raises:
            aiokafka.errors.KafkaError: such as TopicAlreadyExistsError.
            ServerStartError: it has no leaders within `READY_WITHIN` seconds.
        """
        admin = AIOKafkaAdminClient(bootstrap_servers=self.direct, request_timeout_ms=10_000)
        await admin.start()  # type: ignore[no-untyped-call]  # aiokafka's admin client is half typed
        try:
            topic = NewTopic(name, partitions, 1, topic_configs=dict(config or {}))  # type: ignore[no-untyped-call]  # as above
            response: Any = await admin.create_topics([topic])
        finally:
            await admin.close()  # type: ignore[no-untyped-call]  # as above
        for _, code, *message in response.topic_errors:
            if code:
                raise for_code(code)(*message)
        await self.wait_until(lambda seen: seen.leaderless.get(name) == 0, READY_WITHIN)

    def java_tools(self, tool: str, *args: str) -> list[str]:
        """The command for one of Kafka's own tools, by class name; it starts in about a second.

        `java_tools("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", broker.bootstrap, …)`.
        Results go to stdout, its log to stderr.

        Raises:
            ServerUnavailableError: no Java, or the jars cannot be fetched.
        """
        return jars.fetch().argv(tool, *args)

    async def wait_ready(self, timeout: float = READY_WITHIN) -> float:
        """Wait until the broker answers and every partition has a leader; returns the seconds it took.

        Raises:
            ServerStartError: it is not ready within `timeout` seconds, or has ended.
        """
        return await self.wait_until(lambda seen: bool(seen.brokers) and not any(seen.leaderless.values()), timeout)

    async def wait_until(self, condition: Callable[[wire.Cluster], bool], within: float) -> float:
        """Ask for the metadata until they satisfy the condition; returns and raises as `wait_ready`."""
        began = time.monotonic()
        why = "nobody asked it"
        while (passed := time.monotonic() - began) < within:
            try:
                seen = await asyncio.to_thread(wire.cluster, self.direct, min(PROBE_WAITS, within - passed))
            except (OSError, ValueError) as error:
                why = f"{type(error).__name__}: {error}"
            else:
                if condition(seen):
                    return time.monotonic() - began
                why = f"{len(seen.brokers)} brokers, partitions without a leader: {dict(seen.leaderless)}"
            self._check_runs()
            await asyncio.sleep(PROBE_EVERY)
        raise ServerStartError(f"Kafka on {self.direct} is not ready after {within:.0f} s ({why}).\n{self.log_tail()}")

    def log_tail(self) -> str:
        """The last lines of the broker's log, as far as we have it."""
        return "(its log is not ours)"

    def _check_runs(self) -> None:
        """Raise ServerStartError when waiting on has no sense."""


@dataclass(kw_only=True)
class PrivateBroker(Broker):
    """A broker of a test's own, which the test may hurt. `start` and what hurts it return in milliseconds."""

    machine: Machine
    # What clients' connections arrive at: the upstream of a proxy.
    listener: tuple[str, int]
    # The ports it keeps over restarts.
    ports: Sequence[Port] = field(default=())
    # What clients' connections go through, if the test asked for it.
    proxy: FaultProxy | None = None

    def start(self) -> None:
        """Start it, the first time or again on the same data and ports; then `await wait_ready()`."""
        self.machine.start()

    def kill(self) -> None:
        """Kill it as `kill -9` does; it is gone on return, its data stay."""
        self.machine.kill()

    def stop(self) -> None:
        """Freeze it (SIGSTOP): connections stay open, nothing answers."""
        self.machine.stop()

    def cont(self) -> None:
        """Let it run on (SIGCONT)."""
        self.machine.cont()

    async def terminate(self) -> None:
        """Let it shut down in order (SIGTERM), and wait for that; about a second.

        Raises:
            ServerStartError: it did not end in time.
        """
        await asyncio.to_thread(self.machine.terminate)

    def running(self) -> bool:
        """Tell whether its process lives; a frozen one does."""
        return self.machine.running()

    def close(self) -> None:
        """Kill it and remove its data; doing it twice does no harm."""
        self.machine.close()
        for port in self.ports:
            port.release()

    def log_tail(self) -> str:
        return self.machine.log_tail()

    def _check_runs(self) -> None:
        if not self.machine.running():
            raise ServerStartError(f"Kafka on {self.direct} has ended.\n{self.machine.log_tail()}")
