"""The wire every platform's client calls through: one session per account, bounded in size, time and reach.

No cookies, no redirects, no proxies from the environment; only the headers written here leave, only
`answers.KEPT_HEADERS` are read; bodies are decompressed and counted as they come.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

import structlog
from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from clients.answers import KEPT_HEADERS, Answer, Complain, Complaint, document, failure, media_type
from clients.bodies import FORM, JSON, written
from clients.clock import Clock, SystemClock
from clients.decoding import ENCODINGS, Decoder
from clients.errors import BadAnswer, ClientError, GivenUp, RateLimited
from clients.foreign import translated
from clients.guard import guarded_connector
from clients.limits import Limiter
from clients.retries import Policy, next_wait
from clients.settings import AccountSection
from clients.sse import Blocks, Lines
from clients.waits import quota

T = TypeVar("T")
log = structlog.get_logger()

# Idle connections are dropped before a Node.js server drops them (after 5 s): a send on a connection that the other
# side is just closing ends in an error that proves nothing.
_KEEPALIVE = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One try of one call, told to `Edges.on_exchange` when it is over."""

    account: str
    platform: str
    operation: str
    # The call has no effect.
    reads: bool
    # From 1.
    number: int
    # Until the whole answer was read; of a stream, until its first byte.
    seconds: float
    error: ClientError | None


def unheard(_: Exchange) -> None:
    """Tell nobody of an exchange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Where a client meets the outside; the real ones by default."""

    clock: Clock = field(default_factory=SystemClock)
    # A random number in [0, 1).
    jitter: Callable[[], float] = random.random
    # Called once, on the running loop.
    resolver: Callable[[], AbstractResolver] = ThreadedResolver
    # Called after every try, on the event loop: it must return at once and raise nothing.
    on_exchange: Callable[[Exchange], None] = unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to make."""

    # Its name in errors and logs.
    operation: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    # Relative to base_url, with ids quoted (`paths.fill`).
    path: str
    # The class of endpoints it is counted under.
    quota: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    # The body is sent as a form, not as JSON.
    form: bool = False
    # An address of its own that an answer named, instead of base_url and path. The key is not sent there.
    url: str | None = None
    # It has no effect, so it may be repeated after a time-out.
    repeatable: bool = False
    # The answer is read as it comes.
    stream: bool = False
    # What the answer may be, where that is neither JSON nor, of a stream, server-sent events.
    accept: str | None = None
    # Statuses and codes by which this call says that there is no such thing, whatever they mean elsewhere.
    absent: frozenset[int] = frozenset()


class Incoming:
    """An answer whose status and headers are here and whose body is not read yet. The caller closes it."""

    def __init__(
        self,
        response: ClientResponse,
        *,
        max_bytes: int,
        what: str,
        complain: Complain,
        clock: Clock,
        absent: frozenset[int] = frozenset(),
    ) -> None:
        self._response = response
        self._max = max_bytes
        self._what = what
        self._complain = complain
        self._clock = clock
        self._absent = absent
        self.status = response.status
        # The first of a header that comes twice.
        self.headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        self.media_type = media_type(self.headers)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the decoded body as it comes; `BadAnswer` when it is too large."""
        decoder = Decoder(self.headers.get("content-encoding"), max_bytes=self._max, what=self._what)
        announced = self._response.content_length
        if announced is not None and announced > self._max:
            raise BadAnswer(f"{self._what}: the announced answer is larger than {self._max} bytes", retryable=False)
        while True:
            with translated(self._what):
                raw = await self._response.content.readany()
            if not raw:
                break
            yield decoder.feed(raw)
        decoder.finish()

    async def blocks(self) -> AsyncGenerator[list[str]]:
        """Yield the blocks of lines of a body of server-sent events."""
        cut = Blocks()
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                for block in cut.feed(piece):
                    yield block
        for block in cut.finish():
            yield block

    async def lines(self) -> AsyncGenerator[str]:
        """Yield the lines of a body of text, empty ones too."""
        cut = Lines()
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                for line in cut.feed(piece):
                    yield line
        for line in cut.finish():
            yield line

    async def document(self) -> object:
        """Read the whole body and return it parsed; an error status or envelope is raised."""
        whole = bytearray()
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                whole += piece
        answer = Answer(self.status, self.headers, bytes(whole))
        return document(answer, self._complain, what=self._what, now=self._clock.now(), absent=self._absent)

    def failure(self, complaint: Complaint) -> ClientError:
        """Return the error for a complaint that came inside the body."""
        return failure(Answer(self.status, self.headers, b""), complaint, what=self._what, now=self._clock.now())

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else drop it."""
        self._response.close()


class Wire:
    """One account's way to its platform."""

    def __init__(
        self,
        name: str,
        platform: str,
        settings: AccountSection,
        *,
        auth: Mapping[str, str],
        complain: Complain,
        limiter: Limiter,
        edges: Edges,
    ) -> None:
        self._name = name
        self._platform = platform
        self._settings = settings
        self._base = settings.base_url.rstrip("/")
        self._auth = auth
        self._complain = complain
        self._limiter = limiter
        self._edges = edges
        self._policy = Policy()
        # Classes of endpoints whose last answer asked for an absurd wait: told once, until one succeeds.
        self._absurd = set[str]()
        self._session: ClientSession | None = None
        self._resolver: AbstractResolver | None = None
        self._closed = False

    async def ask(self, call: Call) -> object:
        """Make a call and return the parsed body; None for an empty one. Any failure is a `ClientError`."""

        async def once(left: float) -> object:
            incoming = await self._sent(call, payload, left)
            try:
                return await incoming.document()
            finally:
                incoming.close()

        payload = _payload(call, self._what(call))
        return await self._tried(call, once)

    @asynccontextmanager
    async def open(self, call: Call) -> AsyncGenerator[Incoming]:
        """Make a call and hand out its answer as soon as it is known to be a success.

        What its reader raises from the answer leaves here as an error of the call.
        """

        async def once(left: float) -> Incoming:
            incoming = await self._sent(call, payload, left)
            if 200 <= incoming.status < 300:  # noqa: PLR2004 - the class of successes
                return incoming
            try:
                await incoming.document()
            finally:
                incoming.close()
            raise incoming.failure(Complaint())

        payload = _payload(call, self._what(call))
        incoming = await self._tried(call, once)
        try:
            yield incoming
        except ClientError as error:
            error.account = self._name
            _doubt(call, error)
            raise
        finally:
            incoming.close()

    async def aclose(self) -> None:
        """Close all connections; calls under way end with `ConnectionLost`."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
        if self._resolver is not None:
            await self._resolver.close()

    async def _tried(self, call: Call, once: Callable[[float], Awaitable[T]]) -> T:
        """Repeat a call as `retries.next_wait` decides."""
        clock, tried = self._edges.clock, 0
        deadline = clock.monotonic() + self._settings.timeouts.deadline.total_seconds()
        while True:
            await self._limiter.admit(call.quota, within=deadline - clock.monotonic())
            tried, begun = tried + 1, clock.monotonic()
            try:
                result = await once(deadline - begun)
            except asyncio.CancelledError:
                given_up = GivenUp(f"{self._what(call)}: given up after {clock.monotonic() - begun:.0f} s")
                given_up.account = self._name
                self._tell(call, tried, begun, given_up)
                raise
            except ClientError as error:
                error.account = self._name
                _doubt(call, error)
                self._curb(call, error)
                self._tell(call, tried, begun, error)
                if isinstance(error, RateLimited) and error.retry_after:
                    self._limiter.shut(call.quota, error.retry_after)
                left = deadline - clock.monotonic()
                wait = next_wait(
                    error, tried, self._policy, repeatable=call.repeatable, left=left, jitter=self._edges.jitter()
                )
                if wait is None:
                    raise
            else:
                self._absurd.discard(call.quota)
                self._tell(call, tried, begun, None)
                return result
            await clock.sleep(wait)

    def _curb(self, call: Call, error: ClientError) -> None:
        """Wait no longer than is reasonable, whatever a header says: one number must not silence an account."""
        limited, asked = isinstance(error, RateLimited), error.retry_after
        longest = self._limiter.longest(call.quota, limited=limited)
        if asked is None or asked <= longest:
            return
        error.retry_after = longest
        if call.quota not in self._absurd:
            self._absurd.add(call.quota)
            log.error(
                "wait.cut",
                account=self._name,
                platform=self._platform,
                operation=call.operation,
                asked=round(asked),
                waits=round(longest),
                fix="look at the account's limits and state at the platform, and at what stands between: the header "
                "that says when to come back is beyond reason",
            )

    async def _sent(self, call: Call, payload: bytes | None, left: float) -> Incoming:
        """Make one request and return its answer when the headers are here."""
        what = self._what(call)
        query = f"?{urlencode(call.query)}" if call.query else ""
        session = self._ready()
        with translated(what):
            response = await session.request(
                call.method,
                # encoded: yarl must not normalise what was quoted on purpose
                URL(call.url or f"{self._base}{call.path}{query}", encoded=True),
                data=payload,
                headers=self._headers(call, payload),
                allow_redirects=False,
                timeout=self._timeout(call, left),
            )
        incoming = Incoming(
            response,
            max_bytes=self._settings.max_answer,
            what=what,
            complain=self._complain,
            clock=self._edges.clock,
            absent=call.absent,
        )
        self._limiter.learn(call.quota, quota(incoming.headers, self._edges.clock.now()))
        return incoming

    def _ready(self) -> ClientSession:
        if self._closed:
            raise RuntimeError(f"the account {self._name} was closed and cannot be used any more")
        if self._session is None:
            self._resolver = self._edges.resolver()
            self._session = ClientSession(
                connector=guarded_connector(
                    self._resolver,
                    allow_private=self._settings.allow_private,
                    connections=self._settings.connections,
                    keepalive=_KEEPALIVE,
                ),
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    def _headers(self, call: Call, payload: bytes | None) -> dict[str, str]:
        """Return every header that leaves, but for Host and Content-Length."""
        kind = {} if payload is None else {"Content-Type": FORM if call.form else JSON}
        return {
            **({} if call.url else self._auth),
            **kind,
            "Accept": call.accept or ("text/event-stream" if call.stream else "application/json"),
            # A compressed stream would be held back by proxies until their buffers are full.
            "Accept-Encoding": "identity" if call.stream else ENCODINGS,
            "User-Agent": "hookline",
        }

    def _timeout(self, call: Call, left: float) -> ClientTimeout:
        times = self._settings.timeouts
        # Never zero, which would mean no time-out at all.
        total = times.stream.total_seconds() if call.stream else max(min(times.total.total_seconds(), left), 0.001)
        return ClientTimeout(
            total=total,
            connect=min(times.connect.total_seconds(), total),
            sock_read=times.idle.total_seconds() if call.stream else None,
        )

    def _tell(self, call: Call, number: int, begun: float, error: ClientError | None) -> None:
        self._edges.on_exchange(
            Exchange(
                account=self._name,
                platform=self._platform,
                operation=call.operation,
                reads=call.repeatable,
                number=number,
                seconds=self._edges.clock.monotonic() - begun,
                error=error,
            )
        )

    def _what(self, call: Call) -> str:
        return f"{self._name} ({self._platform}): {call.operation}"


def _doubt(call: Call, error: ClientError) -> None:
    """What may have had its effect is never hopeless: who gave it up would not look whether it happened."""
    if not (call.repeatable or error.nothing_happened):
        error.retryable = True


def _payload(call: Call, what: str) -> bytes | None:
    return None if call.body is None else written(call.body, form=call.form, what=what)
