"""Carries out the faults of requests: what stands between the wire and a platform's endpoints."""

import asyncio
import math
import socket
import struct
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from simulator.clock import Clock
from simulator.faults import REQUEST_KINDS, Fault, Faults
from simulator.platforms import Endpoints
from simulator.wire import WHOLE_ANSWER

GARBAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"

FLOOD_BYTES: Final = 1024**3
FLOOD_CHUNK: Final = b"x" * 64 * 1024


class FaultyEdge:
    """Makes the middleware that misbehaves; `release` ends the connections it holds open."""

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self._faults = faults
        self._clock = clock
        self._released = asyncio.Event()

    def release(self) -> None:
        """Break off every request that is held half-open now."""
        self._released.set()
        self._released = asyncio.Event()

    def middleware(self, endpoints: Endpoints) -> Middleware:
        """Return the middleware for one platform; it belongs before all others of the platform."""

        @web.middleware
        async def misbehave(request: web.Request, handler: Handler) -> web.StreamResponse:
            where = endpoints.platform.name, endpoints.route_class(request)
            latency, fault = self._faults.take(*where, {"latency"}), self._faults.take(*where, REQUEST_KINDS)
            if latency is not None:
                await self._clock.sleep(latency.seconds)
            if fault is None:
                return await handler(request)
            request[WHOLE_ANSWER] = True
            if fault.when == "after" or fault.kind in {"cut", "drip"}:
                answered = await handler(request)
                return await self._instead(request, fault, endpoints, answered)
            # read what was sent, so that the connection can be used again afterwards
            await request.read()
            return await self._instead(request, fault, endpoints, None)

        return misbehave

    async def _instead(
        self, request: web.Request, fault: Fault, endpoints: Endpoints, answered: web.StreamResponse | None
    ) -> web.StreamResponse:
        """Do what `fault` says instead of sending `answered` (None: the request was not carried out)."""
        match fault.kind:
            case "rate_limit" | "server_error" | "garbage":
                return self._words(request, fault, endpoints)
            case "flood":
                return await _flooded(request)
            case "cut" | "drip" if isinstance(answered, web.Response):
                return await self._maimed(request, fault, answered)
            case "half_open":
                await self._released.wait()
        return _reset(request)

    def _words(self, request: web.Request, fault: Fault, endpoints: Endpoints) -> web.Response:
        """Return a whole answer that is wrong."""
        if fault.kind == "garbage":
            return web.Response(body=GARBAGE, content_type="text/html")
        if fault.kind == "rate_limit":
            reset = math.ceil(self._clock.now().timestamp() + fault.seconds)
            response = endpoints.broken(request, 429, reset=reset)
        else:
            response = endpoints.broken(request, fault.status)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = fault.retry_after
        return response

    async def _maimed(self, request: web.Request, fault: Fault, answered: web.Response) -> web.StreamResponse:
        """Send half of the answer and break off, or all of it byte by byte."""
        body = answered.body if isinstance(answered.body, bytes) else b""
        response = web.StreamResponse(status=answered.status, headers=answered.headers)
        response.content_length = len(body)
        try:
            await response.prepare(request)
            if fault.kind == "cut":
                await response.write(body[: len(body) // 2])
                if request.transport is not None:
                    request.transport.close()
                return response
            for byte in body:
                await response.write(bytes((byte,)))
                await self._clock.sleep(fault.seconds)
        except ConnectionError:
            # the caller did not wait for the end
            return response
        return response


async def _flooded(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    try:
        await response.prepare(request)
        for _ in range(FLOOD_BYTES // len(FLOOD_CHUNK)):
            await response.write(FLOOD_CHUNK)
    except ConnectionError:
        # the caller had enough, which is what it should do
        return response
    return response


def _reset(request: web.Request) -> web.StreamResponse:
    """Reset the TCP connection; the answer returned is for aiohttp's books and reaches nobody."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # linger of zero seconds: close sends RST instead of FIN
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)
