"""What an error says of what stands behind it: that it is away, which is not the event's fault. Pure.

Libraries' errors are known by name, so that none of them is imported for it. No timeout is among them: what took too
long may be the event's own work, which would take too long for ever and hold its lane for a day.
"""

import socket
from collections.abc import Set as AbstractSet

from clients.errors import ConnectionLost, OutOfCredit, PlatformDown, RateLimited, TimedOut, Unreachable
from dispatcher.errors import EffectNotShown
from eventlog.errors import LogUnavailable
from handlers.api import Unavailable
from store.errors import StoreMisconfigured, StoreUnavailable

_OURS = (
    StoreUnavailable,
    StoreMisconfigured,
    LogUnavailable,
    RateLimited,
    OutOfCredit,
    Unreachable,
    ConnectionLost,
    TimedOut,
    PlatformDown,
    EffectNotShown,
    Unavailable,
)
# No connection came about, so nothing was sent.
_UNCONNECTED = frozenset(
    {
        "builtins.ConnectionRefusedError",
        f"{socket.gaierror.__module__}.gaierror",
        "aiohttp.client_exceptions.ClientConnectorError",
        "httpx.ConnectError",
    }
)
# The connection broke, at any time.
_BROKEN = _UNCONNECTED | {
    "builtins.ConnectionError",
    "aiohttp.client_exceptions.ClientConnectionError",
    "httpx.NetworkError",
    "httpx.RemoteProtocolError",
}


def is_away(error: BaseException) -> bool:
    """Whether an attempt failed because something that it needs is away, here or at the other end of a connection."""
    if isinstance(error, _OURS):
        return True
    return not isinstance(error, TimeoutError) and _is_any(error, _BROKEN)


def never_connected(error: BaseException) -> bool:
    """Whether an error proves that there was no connection, so that nothing was sent."""
    return _is_any(error, _UNCONNECTED)


def _is_any(error: BaseException, names: AbstractSet[str]) -> bool:
    return any(f"{kind.__module__}.{kind.__qualname__}" in names for kind in type(error).__mro__)
