"""Which server the tests use: the first of several ways that works, and what was wrong with those before it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.servers.errors import NoServerError, ServerError

T = TypeVar("T")


@dataclass(frozen=True)
class Way(Generic[T]):
    """One way to a server."""

    # As the summary names it: "Docker", "Apache Kafka's jars".
    name: str
    # Returns a server that is ready, or raises ServerError.
    start: Callable[[], T]


@dataclass(frozen=True)
class Refusal:
    """A way that did not work."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


@dataclass(frozen=True)
class Found(Generic[T]):
    """The server that is used."""

    server: T
    name: str
    refusals: tuple[Refusal, ...]


def first_that_works(what: str, ways: Sequence[Way[T]]) -> Found[T]:
    """Try the ways in order.

    Raises:
        NoServerError: none works; the text names each and its reason.
    """
    refusals: list[Refusal] = []
    for way in ways:
        try:
            return Found(way.start(), way.name, tuple(refusals))
        except ServerError as error:
            refusals.append(Refusal(way.name, str(error)))
    reasons = "\n".join(f"  {refusal}" for refusal in refusals)
    raise NoServerError(f"no {what} for the tests:\n{reasons}")


def without_stand_in(ways: Sequence[Way[T]], stand_in: Way[T], *, ci: bool) -> list[Way[T]]:
    """The ways open to this run: a stand-in for a real server is never taken in CI."""
    return list(ways) if ci else [*ways, stand_in]
