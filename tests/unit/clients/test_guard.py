"""The guard at the socket, without a socket."""

import socket
from collections.abc import Sequence

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from clients.guard import AddressRefused, GuardedResolver


class Scripted(AbstractResolver):
    """Answers each look-up with the next list of addresses."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.closed = False

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._answers.pop(0)
        ]

    @override
    async def close(self) -> None:
        self.closed = True


async def test_public_addresses_are_handed_on() -> None:
    """What may be called is returned as it is, to be connected to without another look-up."""
    guarded = GuardedResolver(Scripted(["8.8.8.8", "8.8.4.4"]), allow_private=False)
    assert [found["host"] for found in await guarded.resolve("h.example", 443)] == ["8.8.8.8", "8.8.4.4"]


async def test_one_forbidden_address_refuses_the_name() -> None:
    """A name with one public and one private address is an attack, not a choice."""
    guarded = GuardedResolver(Scripted(["8.8.8.8", "10.0.0.1"]), allow_private=False)
    with pytest.raises(AddressRefused, match="the host leads to a private address"):
        await guarded.resolve("h.example", 443)


async def test_name_that_changes_its_mind_is_refused() -> None:
    """A look-up that turns from public to loopback (DNS rebinding) is refused when it turns."""
    guarded = GuardedResolver(Scripted(["8.8.8.8"], ["127.0.0.1"]), allow_private=False)
    await guarded.resolve("h.example", 443)
    with pytest.raises(AddressRefused):
        await guarded.resolve("h.example", 443)


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254"])
async def test_metadata_is_refused_even_with_leave(address: str) -> None:
    """`allow_private` does not open the way to a metadata service."""
    guarded = GuardedResolver(Scripted([address]), allow_private=True)
    with pytest.raises(AddressRefused):
        await guarded.resolve("h.example", 443)


async def test_closing_reaches_the_inner_resolver() -> None:
    """The guard gives back what it wraps."""
    inner = Scripted()
    await GuardedResolver(inner, allow_private=False).close()
    assert inner.closed
