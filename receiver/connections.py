"""aiohttp's HTTP protocol, with the deadlines it lacks and answers of our own to what is not HTTP.

aiohttp waits for ever for half a header and for a reader that does not read. One sweep a second looks at all
connections instead of a timer for each request. Bodies have their deadline where they are read (`receiver/body.py`).
It also parses at once whatever a connection has sent, and tiny chunks are dear: here what is long waits for its turn
(`receiver/turns.py`), so that nobody else waits for all of it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from aiohttp import http_parser, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from receiver.answers import problem_response
from receiver.body import WastefulFraming
from receiver.errors import UnsafeParser
from receiver.limits import peer_of
from receiver.problems import FAILED, MALFORMED
from receiver.settings import ReceiverSettings
from receiver.turns import Turns

log = structlog.get_logger()

# Half a second of a slow sender fits; 4,096 connections of it stay far below the budget of bodies.
_READ_BUFFER = 16 * 1024
# Request line and headers together; aiohttp bounds each of them, and their number.
_MAX_HEAD = 64 * 1024
# How long the rest of a refused body is read and thrown away, so that the sender sees the answer. Seconds.
_LINGER = 2.0
# From here on a status is no success.
_REFUSALS = 300
# Bytes parsed at a time: most deliveries whole; of one-byte chunks, a millisecond or two.
_PIECE = 4 * 1024
# Chunk sizes, extensions and trailers may have so many bytes, and an eighth of the body's: chunks of 40 bytes.
_FRAMING = 16 * 1024
# At most so long after its deadline is a connection cut off. Seconds.
_SWEEP = 1.0


def assert_c_parser() -> None:
    """Refuse to run on aiohttp's Python parser.

    Raises:
        UnsafeParser: the C extension is missing or switched off.
    """
    if not http_parser.HttpRequestParser.__module__.endswith("._http_parser"):
        raise UnsafeParser(
            "aiohttp runs without its C parser, and its Python parser has let requests be smuggled. Install aiohttp "
            "from a wheel, and unset AIOHTTP_NO_EXTENSIONS"
        )


class Connection(web.RequestHandler):
    """One connection of a sender."""

    __slots__ = (
        "_answering", "_arrived", "_arriving_since", "_body", "_owner", "_queued", "_rest", "_stalled_since",
        "_stopped", "_wire", "came", "peer", "proved",
    )  # fmt: skip

    def __init__(self, owner: "Connections", **options: Any) -> None:
        super().__init__(owner, **options)
        self._owner = owner
        # While a request is worked on, bytes that come are its body, or the next request's, which may wait. The rest of
        # a refused body still comes after the answer.
        self._answering = False
        self._body: StreamReader | None = None
        # Since when a header is awaited that has begun, or the first one of the connection.
        self._arriving_since: float | None = None
        # Bytes of a header that is not complete.
        self._arrived = 0
        # What came and is not parsed yet; while there is some, the transport is stopped: it reads nothing.
        self._rest = memoryview(b"")
        self._stopped = False
        self._queued = False
        # Bytes that came while the body was awaited, but for those in one piece with the end of the header.
        self._wire = 0
        # Since when the sender does not read what it is told.
        self._stalled_since: float | None = None
        # Who it is, since when, and whether a delivery of it was accepted.
        self.peer = ""
        self.came = owner.now()
        self.proved = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection; when there are too many, another one goes."""
        super().connection_made(transport)
        self.peer = peer_of(transport)
        self._arriving_since = self.came
        if len(self._owner.connections) > self._owner.limit:
            self._owner.turn_away(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came, at once if it is little; else a piece at a time, when it is this connection's turn."""
        if not data:
            # aiohttp goes on with what its parser was given already.
            self._parse(data)
        elif len(data) > _PIECE or self._full or not self._owner.turns.at_once(self._parse, data):
            self._rest = memoryview(data)
            self._stopped = True
            # Also ends the loop in which libuv reads on while there is more.
            self._pause_transport_reading()
            self._resume_transport_reading()

    def _parse(self, data: bytes) -> None:
        """Parse a piece; the clock of a header starts with its first byte."""
        if self._arriving_since is None and self._between:
            self._arriving_since = self._owner.now()
        super().data_received(data)
        if self._arriving_since is not None and not self._messages:
            self._arrived += len(data)
            if self._arrived > _MAX_HEAD:
                self._owner.malformed("head-limit")
                self.abort()
        elif self._body is not None and not self._body.is_eof():
            self._wire += len(data)
            if self._wire > self._body.total_bytes * 9 // 8 + _FRAMING:
                self._rest = memoryview(b"")
                self._body.set_exception(WastefulFraming())

    @property
    def waiting(self) -> int:
        """Bytes that came and are not parsed yet."""
        return len(self._rest)

    def take_turn(self) -> bool:
        """Parse a piece, unless it is held up: then it comes back when it is not."""
        if not self._held_up:
            piece, self._rest = bytes(self._rest[:_PIECE]), self._rest[_PIECE:]
            # While it is parsed this is still queued: who resumes reading then must not queue it a second time.
            self._parse(piece)
        self._queued = bool(self._rest) and not self._held_up
        if not self._queued:
            self._resume_transport_reading()
        return self._queued

    @property
    def _held_up(self) -> bool:
        """Whether nothing is to be parsed for now: aiohttp has enough, or it may never be read."""
        return self.transport is None or self._reading_paused or self._buffer_paused or self._full

    @property
    def _full(self) -> bool:
        """Whether a whole request is here of somebody who has proved nothing: what is behind it may never be read."""
        return not self.proved and (bool(self._messages) or not self.unfinished)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on, if aiohttp had enough: it says so for each chunk that is taken from a body."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _resume_transport_reading(self) -> None:
        """Read on when all that came is parsed."""
        if self._held_up:
            return
        if not self._rest:
            self._stopped = False
            super()._resume_transport_reading()
        elif not self._queued:
            self._queued = True
            self._owner.turns.join(self)

    def pause_writing(self) -> None:
        """Note that the sender does not read."""
        super().pause_writing()
        self._stalled_since = self._owner.now()

    def resume_writing(self) -> None:
        """Note that it reads again."""
        super().resume_writing()
        self._stalled_since = None

    def begun(self, body: StreamReader) -> None:
        """Note that a request's header is complete."""
        self._body = body
        self._wire = body.total_bytes
        self._answering = True
        self._arriving_since = None
        self._arrived = 0
        if self._stopped:
            self._resume_transport_reading()

    def answered(self, *, accepted: bool) -> bool:
        """Note that a request's answer is made.

        Returns:
            Whether it is the last: who has proved nothing may not have more requests waiting.
        """
        self._answering = False
        self.proved = self.proved or accepted
        last = not self.proved and bool(self._messages or self._rest)
        if self._stopped and not last:
            self._resume_transport_reading()
        return last

    @property
    def idle(self) -> bool:
        """Whether nothing of a request is here."""
        return self._between and self._arriving_since is None

    @property
    def _between(self) -> bool:
        """Whether what comes next is a header."""
        return not self._answering and (self._body is None or self._body.is_eof())

    @property
    def unfinished(self) -> bool:
        """Whether no whole request is worked on: nothing is lost that its sender does not send again."""
        return not self._answering or (self._body is not None and not self._body.is_eof())

    def overdue(self, now: float) -> str | None:
        """Which deadline the sender has missed."""
        settings = self._owner.settings
        if self._arriving_since is not None and now - self._arriving_since > settings.header_timeout.total_seconds():
            return "header"
        if self._stalled_since is not None and now - self._stalled_since > settings.write_timeout.total_seconds():
            return "write"
        return None

    def abort(self) -> None:
        """Cut the connection off, throwing away what the sender has not read."""
        if self.transport is not None:
            self.transport.abort()
        self.force_close()

    def log_exception(self, *args: object, **more: object) -> None:
        """Say in our own words what aiohttp met outside of a request, such as a sender that is gone."""
        del args
        log.debug("connection.failed", error=type(more.get("exc_info")).__name__)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP with a problem, and close: what follows on the connection has no meaning.

        Raises:
            ConnectionError: part of an answer is sent already.
        """
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer is sent already")
        if status == MALFORMED.status:
            self._owner.malformed(type(exc).__name__)
            response = problem_response(MALFORMED)
        else:
            # `respond` does not raise; whoever it tells of its answers may.
            log.error("delivery.failed", error=type(exc).__name__)
            response = problem_response(FAILED)
        response.force_close()
        # Said in so many words: aiohttp answers what it could not read as HTTP/1.0, where closing goes unsaid.
        response.headers["Connection"] = "close"
        return response


class Connections(web.Server):
    """All connections of the receiver.

    Args:
        respond: answers one request; it must not raise.
        settings: the deadlines and bounds.
        malformed: told of each request that is not HTTP, with the reason.
        limit: how many connections there may be.
        turned_away: told of each connection that was closed because there were too many.
    """

    def __init__(
        self,
        respond: Callable[[web.BaseRequest], Any],
        settings: ReceiverSettings,
        *,
        malformed: Callable[[str], None],
        turned_away: Callable[[], None],
        limit: int,
    ) -> None:
        super().__init__(
            self._respond,
            request_factory=self._request,
            handler_cancellation=False,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=settings.keepalive.total_seconds(),
            lingering_time=_LINGER,
            max_headers=settings.headers,
            max_line_size=settings.header_bytes,
            max_field_size=settings.header_bytes,
            read_bufsize=_READ_BUFFER,
        )
        self.settings = settings
        self.malformed = malformed
        self.limit = limit
        self.turns = Turns()
        self._turned_away = turned_away
        # Those that are the next to go when there are too many.
        self._expendable: deque[Connection] = deque()
        self._answer = respond
        self.now = asyncio.get_running_loop().time

    def __call__(self) -> Connection:
        """A protocol for one connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    async def sweep(self) -> None:
        """Cut off who has missed a deadline; for ever, once a second."""
        shortest = min(self.settings.header_timeout, self.settings.write_timeout).total_seconds()
        while True:
            await asyncio.sleep(min(_SWEEP, shortest / 4))
            now = self.now()
            missed = Counter[str]()
            for connection in self._open():
                if deadline := connection.overdue(now):
                    missed[deadline] += 1
                    connection.abort()
            # A stranger must not be able to write a line for each of its connections.
            for deadline, count in missed.items():
                log.info("connection.overdue", deadline=deadline, count=count)

    def turn_away(self, newcomer: Connection) -> None:
        """Close one connection, because there is one too many: the newcomer only if all others are worked on."""
        self._turned_away()
        while True:
            if not self._expendable:
                self._expendable.extend(self._least_worthy(newcomer))
            if not self._expendable:
                newcomer.force_close()
                return
            connection = self._expendable.popleft()
            if connection.unfinished and connection.transport is not None:
                connection.abort()
                return

    def _least_worthy(self, newcomer: Connection) -> list[Connection]:
        """Some of the unfinished connections: those that proved nothing, of whoever has the most, the oldest first."""
        of_peer = Counter(one.peer for one in self._open())
        found = [one for one in self._open() if one.unfinished and one is not newcomer and one.transport is not None]
        found.sort(key=lambda one: (one.proved, -of_peer[one.peer], one.came))
        # A search for each newcomer would be dear; one for all would not see who has come since.
        return found[: 1 + len(found) // 16]

    def _open(self) -> Iterator[Connection]:
        return (one for one in self.connections if isinstance(one, Connection))

    def close_idle(self) -> None:
        """Close the connections on which nothing is under way."""
        for connection in self._open():
            if connection.idle:
                # `close` would only end the task behind it, and leave the sender waiting.
                connection.force_close()

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        if isinstance(protocol, Connection):
            protocol.begun(payload)
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop)

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        response: web.StreamResponse = await self._answer(request)
        accepted = request.method == "POST" and response.status < _REFUSALS
        if isinstance(request.protocol, Connection) and request.protocol.answered(accepted=accepted):
            response.force_close()
        return response
