"""What the receiver takes on at once: rates and budgets. Pure: the time is an argument, in seconds of any clock."""

import asyncio
import math
import socket
from typing import Protocol


class Bucket:
    """A token bucket: so many in so many seconds, and all of them at once after a quiet time.

    Args:
        count: how many.
        seconds: in which time.
    """

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, count: int, seconds: float) -> None:
        self._burst = float(count)
        self._rate = count / seconds
        self._level = float(count)
        self._at = -math.inf

    def take(self, now: float) -> float:
        """Take one; 0 when there was one, else the seconds until there will be one again."""
        elapsed = max(0.0, now - self._at) if self._at > -math.inf else 0.0
        self._level = min(self._burst, self._level + elapsed * self._rate)
        self._at = now
        if self._level >= 1.0:
            self._level -= 1.0
            return 0.0
        return (1.0 - self._level) / self._rate


class Arriving(Protocol):
    """A body that is on its way, or whole."""

    # Who sends it: `peer_of`.
    peer: str
    # Its bytes that are here.
    held: int

    def give_way(self) -> None:
        """Its bytes are not counted any more: throw them away, and tell the sender to come again."""


class Budget:
    """The requests that are worked on, and the bytes of bodies that are here.

    A body counts what has arrived of it, whatever its request declares. While it is not whole nothing is proved, so it
    gives way when there is no room: first those of the peer that holds the most, its oldest first.

    Args:
        max_requests: requests whose body is whole, at once.
        max_bytes: bytes of all bodies, at once.
    """

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self.requests = 0
        self.bytes = 0
        # In the order of their coming.
        self._arriving: dict[Arriving, None] = {}

    @property
    def open(self) -> int:
        """Requests that are not answered, with those whose body is on its way."""
        return self.requests + len(self._arriving)

    def enter(self, body: Arriving) -> bool:
        """Take on a body that is to be read; False when there are too many requests already."""
        if self.requests >= self._max_requests:
            return False
        self._arriving[body] = None
        return True

    def grow(self, body: Arriving, size: int) -> bool:
        """Hold so many bytes more of a body on its way; False when there is no room, or it had to give way."""
        if self.bytes + size > self._max_bytes:
            self._make_room(self.bytes + size - self._max_bytes)
        if body not in self._arriving or self.bytes + size > self._max_bytes:
            return False
        body.held += size
        self.bytes += size
        return True

    def complete(self, body: Arriving) -> bool:
        """Count a body as whole: it gives way no more. False when too many are worked on."""
        if body not in self._arriving or self.requests >= self._max_requests:
            return False
        del self._arriving[body]
        self.requests += 1
        return True

    def leave(self, body: Arriving, *, whole: bool) -> None:
        """Give back what a body holds."""
        if whole:
            self.requests -= 1
        else:
            self._arriving.pop(body, None)
        self.bytes -= body.held
        body.held = 0

    def _make_room(self, missing: int) -> None:
        by_peer: dict[str, int] = {}
        for body in self._arriving:
            by_peer[body.peer] = by_peer.get(body.peer, 0) + body.held
        if sum(by_peer.values()) < missing:
            return
        # Some more than is missing: a flood must not cause a search for each of its pieces.
        wanted = max(missing, self._max_bytes // 16)
        for body in sorted(self._arriving, key=lambda one: -by_peer[one.peer]):
            if body.held:
                wanted -= body.held
                self.leave(body, whole=False)
                body.give_way()
            if wanted <= 0:
                return


def peer_of(transport: asyncio.BaseTransport | None) -> str:
    """Who is at the other end, for sharing alike: an address, or an IPv6 network, of which one host has all."""
    name = transport.get_extra_info("peername") if transport else None
    host = str(name[0]) if isinstance(name, tuple) and name else ""
    if ":" not in host or host.startswith("::ffff:"):
        return host
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8].hex()


def retry_after(seconds: float) -> str:
    """A wait as `Retry-After` writes it: whole seconds, at least one."""
    return str(max(1, math.ceil(seconds)))
