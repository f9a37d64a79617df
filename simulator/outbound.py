"""The wire under the webhook sender: one POST with aiohttp, no redirects, no cookies, a bounded answer."""

import asyncio
import io
from collections.abc import AsyncIterator

import aiohttp

from simulator.deliveries import HttpCall
from simulator.errors import UndeliveredError

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read to keep the connection alive; nobody looks at them."""


class HttpPost:
    """Posts with a deadline of `timeout` seconds from connecting to the end of the answer. Open it before use."""

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the connection pool."""
        self._session = aiohttp.ClientSession(
            # shorter than a usual server's keep-alive, so that a POST rarely meets a connection just closed
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=5),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __call__(self, call: HttpCall) -> int:
        """Return the status of the answer; `simulator.deliveries.Post` has the contract."""
        if self._session is None:
            raise UndeliveredError("the simulator is not started")
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._session.post(call.url, data=_data(call), headers=_headers(call), allow_redirects=False) as answer,
            ):
                await answer.content.read(MAX_ANSWER)
                return answer.status
        except TimeoutError:
            raise UndeliveredError(f"no answer within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: a host name that cannot be encoded
            raise UndeliveredError(type(error).__name__) from error


def _headers(call: HttpCall) -> dict[str, str]:
    # said explicitly, else aiohttp would send a generator chunked and the receiver could not know what is missing
    return {**call.headers, "Content-Length": str(len(call.body))}


def _data(call: HttpCall) -> io.BytesIO | AsyncIterator[bytes]:
    # a file is written in pieces: a large body must not hold up the loop
    return io.BytesIO(call.body) if call.maim is None else _maimed(call)


async def _maimed(call: HttpCall) -> AsyncIterator[bytes]:
    """Yield half of the body, then be silent until the deadline, or break off."""
    yield call.body[: len(call.body) // 2]
    if call.maim == "half_open":
        await asyncio.Event().wait()
    raise ConnectionAbortedError("broken off on order")
