"""A TCP proxy that breaks things on purpose: for Kafka, PostgreSQL or HTTP, between a client and its server.

For Kafka the broker must advertise the proxy's port (fixture `kafka_private(proxied=True)`), else clients go past it.
"""

import asyncio
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

CHUNK = 64 * 1024
CONNECTS_WITHIN = 5.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close() sends RST, not FIN


@dataclass(eq=False)
class _Link:
    """One client's connection and the one we opened for it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    # Bytes were swallowed, so what follows would be nonsense to the reader.
    torn: bool = False
    # A Kafka client fetches records over it, and hears no answer any more.
    fetches: bool = False
    deaf: bool = False

    def close(self) -> None:
        """Close both when all is sent."""
        for writer in (self.client, self.server):
            if writer is not None:
                writer.close()

    def abort(self) -> None:
        """Reset both at once."""
        for writer in (self.client, self.server):
            if writer is None or writer.transport.is_closing():
                continue
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()


@dataclass
class FaultProxy:
    """Carries bytes from `port` to `upstream` until told otherwise. All methods act on open and new connections."""

    upstream: tuple[str, int]
    port: int
    # Seconds each piece waits, in each direction; pieces do not overtake one another.
    latency: float = 0.0
    # Bytes a piece has at most; 0 = as they come.
    piece: int = 0
    # Connections accepted since it was made.
    accepted: int = 0
    _server: asyncio.Server | None = field(default=None, repr=False)
    _links: dict[_Link, asyncio.Task[None]] = field(default_factory=dict, repr=False)
    _flowing: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _no_answers: bool = False
    _no_requests: bool = False

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    @property
    def address(self) -> str:
        """`host:port` to give to clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._links)

    async def up(self) -> None:
        """Accept connections, the first time or again."""
        if self._server is None:
            self._flowing.set()
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port, limit=CHUNK)

    async def down(self) -> None:
        """Refuse new connections and reset the open ones, as a dead machine's neighbour does; all faults end."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        tasks = list(self._links.values())
        self.reset()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
        self.latency, self.piece, self._no_answers, self._no_requests = 0.0, 0, False, False

    def freeze(self) -> None:
        """Carry nothing: connections stay open and are accepted, nobody answers."""
        self._flowing.clear()

    def thaw(self) -> None:
        """End `freeze`; what was held goes on."""
        self._flowing.set()

    def delay(self, seconds: float) -> None:
        """Let every piece wait this long in each direction; 0 ends it."""
        self.latency = seconds

    def slice(self, count: int) -> None:
        """Hand over at most this many bytes at a time, each in a segment of its own; 0 ends it."""
        self.piece = count

    def drop_answers(self, *, on: bool = True) -> None:
        """Swallow what the server says: requests take effect, nobody hears of it.

        Turned off, it resets the connections that lost bytes: what followed would be nonsense to their reader.
        """
        self._no_answers = on
        self._mend()

    def drop_requests(self, *, on: bool = True) -> None:
        """Swallow what clients say: nothing takes effect; turned off as `drop_answers`."""
        self._no_requests = on
        self._mend()

    def deafen_fetches(self) -> int:
        """Swallow all that the server says on the open connections over which Kafka records are fetched; how many."""
        fetching = [link for link in self._links if link.fetches]
        for link in fetching:
            link.deaf = True
        return len(fetching)

    def reset(self) -> None:
        """Reset every open connection (RST, not FIN); new ones are welcome."""
        self._break(list(self._links))

    def _mend(self) -> None:
        if not self._no_answers and not self._no_requests:
            self._break([link for link in self._links if link.torn])

    def _break(self, links: Iterable[_Link]) -> None:
        for link in links:
            link.abort()
            self._links[link].cancel()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a proxy carries in a task of its own")
        self.accepted += 1
        link = _Link(writer)
        self._links[link] = task
        try:
            await self._flowing.wait()
            async with asyncio.timeout(CONNECTS_WITHIN):
                server_reader, link.server = await asyncio.open_connection(*self.upstream, limit=CHUNK)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(link, reader, link.server, from_client=True))
                both.create_task(self._pump(link, server_reader, writer, from_client=False))
            link.close()
        except* OSError:  # one side broke off, or the server is not there: so does the other (TimeoutError is one)
            link.abort()
        finally:
            del self._links[link]

    async def _pump(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_client: bool
    ) -> None:
        while data := await reader.read(CHUNK):
            await self._flowing.wait()
            # a request begins with its length and the number of its kind, 1 for Fetch
            link.fetches |= from_client and data[4:6] == b"\0\1"
            if self._no_requests if from_client else self._no_answers or link.deaf:
                link.torn = True
                continue
            size = self.piece or len(data)
            for start in range(0, len(data), size):
                if self.latency:
                    await asyncio.sleep(self.latency)
                writer.write(data[start : start + size])
                await writer.drain()
                await asyncio.sleep(0)
        await self._flowing.wait()
        if writer.can_write_eof():
            writer.write_eof()
