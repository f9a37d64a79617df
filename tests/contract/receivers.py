"""A receiver on a free port, over the real embedded log, and a client that sends exactly the bytes it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from eventlog.log import EventLog
from eventlog.open import EventLogSettings, open_log
from receiver.dedupe import DedupeStore
from receiver.reports import Answered
from receiver.server import ReceiverLog, ReceiverParts, ReceiverServer, utc_now
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from schemas.record import StoredRecord, TopicPartition
from schemas.topics import Topics
from store.dedupe import Dedupe
from tests.unit.receiver.parts import MESSAGE, SECRETS, signed

STOPS = timedelta(seconds=5)
# A loaded machine's store may need more than the 50 ms that a delivery gives it.
PATIENT = timedelta(seconds=5)
TOPICS = Topics()
SOURCES: dict[str, dict[str, Any]] = {
    "support": {"platform": "mygptassistants", "secrets": [SECRETS["mygptassistants"]]},
    "standard": {"platform": "standard", "secrets": [SECRETS["standard"]]},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    def problem(self) -> tuple[int, str]:
        """Its status, and the name of the problem it tells of."""
        assert self.headers["content-type"] == "application/problem+json"
        return self.status, self.json()["type"].removeprefix("urn:hookline:problem:")


@dataclass(slots=True)
class Running:
    """A running receiver."""

    server: ReceiverServer
    port: int
    log: Any
    topics: Topics = TOPICS
    answered: list[Answered] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def value(self, metric: str) -> float | None:
        """A metric without labels."""
        return self.registry.get_sample_value(metric)

    async def post(
        self, source: str = "support", body: bytes = MESSAGE, headers: Sequence[tuple[bytes, bytes]] | None = None
    ) -> Answer:
        """Deliver a body, signed unless the headers are given."""
        if headers is None:
            headers = signed(SOURCES[source]["platform"], body, now=utc_now())
        return await self.request("POST", f"/in/{source}", body, headers)

    async def request(
        self, method: str, target: str, body: bytes = b"", headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> Answer:
        """One request on a connection of its own."""
        lines = [f"{method} {target} HTTP/1.1".encode("latin-1"), b"Host: test"]
        lines += [name + b": " + value for name, value in headers]
        if body or method == "POST":
            lines.append(b"Content-Length: " + str(len(body)).encode())
        (answer,) = await self.raw(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body)
        return answer

    async def raw(self, *pieces: bytes, pause: float = 0.0, within: float = 10.0) -> list[Answer]:
        """Send pieces of bytes on one connection, and return every answer until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            async with asyncio.timeout(within):
                return answers_in(await reader.read())
        except ConnectionError:
            return []
        finally:
            await hang_up(writer)

    async def records(self, topic: str) -> list[StoredRecord]:
        """What a topic holds."""
        log: EventLog = self.log
        name = self.topics.name(topic)  # type: ignore[arg-type]  # a test names topics in words
        count = (await log.partitions([name]))[name]
        start = await log.offsets([TopicPartition(name, n) for n in range(count)], "earliest")
        return [record async for record in log.read(start, follow=False)]


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever state it is in."""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


def answers_in(data: bytes) -> list[Answer]:
    """The HTTP answers in what a connection has said."""
    found: list[Answer] = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(status_line.split(" ")[1])
        length = 0 if status == 100 else int(headers.get("content-length", "0"))
        found.append(Answer(status, headers, rest[:length]))
        data = rest[length:]
    return found


@asynccontextmanager
async def receiving(
    log: ReceiverLog,
    dedupe: DedupeStore,
    *,
    sources: Mapping[str, Mapping[str, Any]] | None = None,
    topics: Topics = TOPICS,
    patience: timedelta = PATIENT,
    **settings: Any,
) -> AsyncIterator[Running]:
    """A receiver over a log and a store, stopped afterwards."""
    bounds = ReceiverSettings.model_validate({"port": 0, **settings})
    known = {name: SourceSettings.model_validate(one) for name, one in (sources or SOURCES).items()}
    answered: list[Answered] = []
    parts = ReceiverParts(
        sources=open_sources(known, bounds),
        log=log,
        dedupe=dedupe,
        topics=topics,
        patience=patience,
        version="1.2.3",
        reports=(answered.append,),
    )
    server = await ReceiverServer.start(parts, bounds)
    try:
        yield Running(server, server.port, log, topics, answered, parts.registry)
    finally:
        await server.stop(timedelta(seconds=2))


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[EventLog, Dedupe]]:
    """The real embedded log with its topics, and the real dedupe store, in a folder."""
    log = open_log(f"sqlite:///{folder}/events.db", EventLogSettings())
    await log.start()
    await log.create(TOPICS.all())
    dedupe = Dedupe.open(f"sqlite:///{folder}/dedupe.db")
    await dedupe.start()
    try:
        yield log, dedupe
    finally:
        await log.stop(STOPS)
        await dedupe.stop()
