"""librdkafka's mock cluster for tests: up in a tenth of a second, needs nothing, and is no Kafka.

It keeps 5 MiB per partition and knows no compaction, retention, ACL or `offsets_for_times`; missing topics appear with
four partitions when asked for. So it serves conformance and error tests, and stands in aloud where there is no broker.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import for_code

from tests.servers.broker import Broker
from tests.servers.errors import ServerStartError

SCRIPT = Path(__file__).with_name("mock_cluster.py")
LEADER_WAITS = 0.1
"""Seconds the leader of a group lets its followers go first, see `followers_first`."""


class MockCluster(Broker):
    """A running mock cluster of one or more brokers, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], told: Mapping[str, str]) -> None:
        bootstrap = told["bootstrap"]
        version = f"librdkafka {told['version']} mock cluster"
        super().__init__(kind="mock", bootstrap=bootstrap, direct=bootstrap, version=version)
        self._process = process

    @classmethod
    def launch(cls, brokers: int = 1) -> Self:
        """Start one.

        Raises:
            ServerStartError: its process ended; what it wrote to stderr stands above.
        """
        argv = [sys.executable, str(SCRIPT), str(brokers)]
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        told = process.stdout.readline() if process.stdout else ""
        if not told:
            process.wait()
            raise ServerStartError(f"librdkafka's mock cluster ended with status {process.returncode}")
        return cls(process, json.loads(told))

    async def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        config: Mapping[str, str] | None = None,  # noqa: ARG002 - a real broker's interface
    ) -> None:
        """Create a topic; `config` has no effect here.

        Raises:
            aiokafka.errors.KafkaError: TopicAlreadyExistsError.
        """
        self._call("topic_create", name, partitions, 1)
        await self.wait_until(lambda seen: seen.leaderless.get(name) == 0, LEADER_WAITS * 50)

    def broker_down(self, broker: int = 1) -> None:
        """Close the broker's connections and refuse new ones, until `broker_up`."""
        self._call("broker_set_down", broker)

    def broker_up(self, broker: int = 1) -> None:
        self._call("broker_set_up", broker)

    def set_rtt(self, milliseconds: int, broker: int = 1) -> None:
        """Let every answer take this long."""
        self._call("broker_set_rtt", broker, milliseconds)

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Move a partition's leadership."""
        self._call("partition_set_leader", topic, partition, broker)

    def set_group_coordinator(self, group: str, broker: int) -> None:
        """Move a group's coordinator."""
        self._call("coordinator_set", "group", group, broker)

    def push_errors(self, api_key: int, codes: Sequence[int]) -> None:
        """Answer the next requests of this kind with these error codes, one each (0 = Produce, 8 = OffsetCommit, …)."""
        self._call("push_request_errors", api_key, list(codes))

    def kill(self) -> None:
        """Kill the process as `kill -9` does. A mock cluster does not come back: what it held is gone."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Freeze it (SIGSTOP), all its threads: on a busy machine one may answer while another takes the signal."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def cont(self) -> None:
        """Let it run on (SIGCONT)."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it; doing it twice does no harm."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _call(self, *call: Any) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None or self._process.poll() is not None:
            raise ServerStartError(f"cannot {call[0]}: the mock cluster has ended")
        stdin.write(json.dumps(call) + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise ServerStartError(f"the mock cluster ended over {call!r}")
        if code := json.loads(answer)["code"]:
            raise for_code(code)(f"{call!r} was refused")


@contextmanager
def followers_first() -> Iterator[None]:
    """Let groups of several aiokafka members rebalance on the mock cluster, in this process only.

    The mock ends a group's sync as soon as the leader has answered; a follower that asks later is refused with
    INVALID_REQUEST, which aiokafka takes as fatal and joins again, for ever. So the leader waits a moment.
    """
    original: Callable[..., Awaitable[Any]] = GroupCoordinator._perform_assignment

    async def after_the_followers(self: GroupCoordinator, response: Any) -> Any:
        await asyncio.sleep(LEADER_WAITS)
        return await original(self, response)

    with patch.object(GroupCoordinator, "_perform_assignment", after_the_followers):
        yield
