"""The guard at the socket: no connection to an address that `clients/addresses.py` refuses.

The resolver refuses a name as a whole when one of its addresses is forbidden, and what it returns is what is connected
to: the name is not looked up again, so an answer that changes in between (DNS rebinding) gains nothing. The socket
factory is the last line: it sees every address before the connection, also those written as numbers in the URL.
"""

import socket
from functools import partial

from aiohttp import AddrInfoType, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from clients.addresses import refusal


class AddressRefused(OSError):
    """A look-up or a connection led to a forbidden address; the text says to which kind, not which name."""


class GuardedResolver(AbstractResolver):
    """Another resolver, whose answers are checked."""

    def __init__(self, inner: AbstractResolver, *, allow_private: bool) -> None:
        self._inner = inner
        self._allow_private = allow_private

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for result in found:
            _check(result["host"], allow_private=self._allow_private)
        return found

    @override
    async def close(self) -> None:
        await self._inner.close()


def guarded_connector(
    resolver: AbstractResolver, *, allow_private: bool, connections: int, keepalive: float
) -> TCPConnector:
    """Make a connector that connects to nothing forbidden. Needs a running event loop."""
    return TCPConnector(
        resolver=GuardedResolver(resolver, allow_private=allow_private),
        socket_factory=partial(_checked_socket, allow_private=allow_private),
        limit=connections,
        keepalive_timeout=keepalive,
    )


def _checked_socket(info: AddrInfoType, *, allow_private: bool) -> socket.socket:
    family, kind, proto, _, address = info
    _check(address[0], allow_private=allow_private)
    return socket.socket(family=family, type=kind, proto=proto)


def _check(address: str | int | bytes, *, allow_private: bool) -> None:
    why = refusal(str(address), allow_private=allow_private)
    if why is not None:
        raise AddressRefused(f"the host leads to {why}")
