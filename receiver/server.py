"""The receiver as a server: it listens, it stops within a deadline, it needs nothing but what it is given.

server = await ReceiverServer.start(ReceiverParts(sources=…, log=…, dedupe=…, topics=…), settings)
…
clean = await server.stop()
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry

from eventlog.log import Health as LogHealth
from receiver.app import Receiver
from receiver.connections import Connections, assert_c_parser
from receiver.dedupe import Dedupe, DedupeStore
from receiver.descriptors import limit_of, open_files
from receiver.errors import AddressTaken
from receiver.health import Check
from receiver.keep import Appender, Keep
from receiver.lookups import PATIENCE
from receiver.metrics import Metrics
from receiver.recent import Recent
from receiver.reports import LogReports, Report
from receiver.settings import ReceiverSettings
from receiver.sources.source import Source
from schemas.topics import Topics

log = structlog.get_logger()

_BACKLOG = 1_024
# libuv accepts one connection in a turn of the loop from each listener. A flood must not fill the backlog.
_ACCEPTS = 16
# How often a stop looks whether all is answered. Seconds.
_LOOK = 0.02
_CUT = 1.0


class ReceiverLog(Appender, Protocol):
    """What the receiver needs of the event log."""

    def health(self) -> LogHealth:
        """The last known state; costs nothing."""


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class ReceiverParts:
    """What a receiver is made of. Log and store are their owner's to start and to stop: the receiver stops first."""

    # By name: `receiver.sources.opening.open_sources`.
    sources: Mapping[str, Source]
    # Where records go; started.
    log: ReceiverLog
    # `store.dedupe.Dedupe`; started, or failing with a `StoreError`: then copies are not looked for.
    dedupe: DedupeStore
    topics: Topics
    # One for each receiver.
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    # How long a delivery waits for the dedupe store before it counts as new.
    patience: timedelta = PATIENCE
    version: str = "0"
    clock: Callable[[], datetime] = utc_now
    # More of what `/readyz` tells.
    checks: Mapping[str, Check] = field(default_factory=dict)
    # Told of each answer, beside the log lines and the metrics.
    reports: Sequence[Report] = ()


class ReceiverServer:
    """A receiver that listens. Made by `start`."""

    def __init__(
        self, receiver: Receiver, connections: Connections, listening: list[asyncio.Server], keep: Keep, dedupe: Dedupe
    ) -> None:
        self._receiver = receiver
        self._connections = connections
        self._listening = listening
        self._keep = keep
        self._dedupe = dedupe
        loop = asyncio.get_running_loop()
        self._background = (loop.create_task(connections.sweep()), loop.create_task(dedupe.watch()))

    @classmethod
    async def start(cls, parts: ReceiverParts, settings: ReceiverSettings) -> "ReceiverServer":
        """Listen on the address of the settings; port 0 takes any.

        Raises:
            AddressTaken: nothing can listen there.
            UnsafeParser: aiohttp's C parser is missing.
        """
        assert_c_parser()
        for source in parts.sources.values():
            if source.signs_nothing:
                log.warning("source.unverified", source=source.name, next='anybody may post there: verify = "none"')
        dedupe = Dedupe(parts.dedupe, clock=parts.clock, patience=parts.patience)
        keep = Keep(parts.log, dedupe)
        metrics = Metrics(parts.registry)
        metrics.expect(parts.sources)
        receiver = Receiver(
            sources=parts.sources,
            topics=parts.topics,
            keep=keep,
            settings=settings,
            clock=parts.clock,
            checks={**_checks(parts.log, dedupe), **parts.checks},
            reports=(metrics, LogReports(asyncio.get_running_loop().time), *parts.reports),
            version=parts.version,
        )
        connections = Connections(
            receiver.respond,
            settings,
            limit=limit_of(settings.connections, open_files()),
            malformed=receiver.malformed,
            turned_away=metrics.turned_away.inc,
        )
        metrics.watch(
            receiver.budget,
            connections=lambda: len(connections.connections),
            degraded=lambda: dedupe.degraded,
        )
        return cls(receiver, connections, await _listen(connections, settings), keep, dedupe)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._listening[0].sockets[0].getsockname()[1])

    @property
    def refusals(self) -> Recent:
        """The newest refusals, for whoever asks why."""
        return self._receiver.refusals

    async def stop(self, timeout: timedelta) -> bool:
        """Answer what is under way, take nothing new, and end within the timeout.

        Returns:
            Whether every request was answered and every event that is durable is remembered as such.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout.total_seconds()
        self._receiver.draining = True
        for one in self._listening:
            one.close()
        self._connections.close_idle()
        while (self._receiver.budget.open or self._keep.in_flight) and loop.time() < deadline:  # noqa: ASYNC110  # a stop comes once, an event would cost every request
            await asyncio.sleep(_LOOK)
        clean = not self._receiver.budget.open and not self._keep.in_flight
        self._connections.pre_shutdown()
        # Not 0, which aiohttp takes for any time.
        await self._connections.shutdown(min(_CUT, max(0.05, deadline - loop.time())))
        for task in self._background:
            task.cancel()
        await asyncio.wait(self._background)
        return await self._dedupe.stop(timedelta(seconds=max(_CUT, deadline - loop.time()))) and clean


def _checks(event_log: ReceiverLog, dedupe: Dedupe) -> Mapping[str, Check]:
    return {
        "log": lambda: "ok" if event_log.health().ok else "failing",
        "dedupe": lambda: "degraded" if dedupe.degraded else "ok",
    }


async def _listen(connections: Connections, settings: ReceiverSettings) -> list[asyncio.Server]:
    host, port = settings.host, settings.port
    listen = asyncio.get_running_loop().create_server
    try:
        first = await listen(connections, host, port, backlog=_BACKLOG, reuse_port=False)
        return [first] + [
            await listen(connections, sock=socket.socket(fileno=os.dup(one.fileno())), backlog=_BACKLOG)
            for one in first.sockets
            for _ in range(_ACCEPTS - 1)
        ]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = f"port {port} on {host} is taken by another process. Stop it, or choose another port with --port"
        elif error.errno == errno.EACCES:
            what = f"port {port} is not ours to listen on. Choose one above 1023 with --port"
        else:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            what = f"cannot listen on {host}:{port}: {reason}. Choose another address with --host and --port"
        raise AddressTaken(what, host=host, port=port) from error
