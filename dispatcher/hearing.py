"""What attempts learn of the platforms they ask: which accounts were answered, and which account's platform is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clients.errors import ClientError, ConnectionLost, PlatformDown, TimedOut, Unreachable

if TYPE_CHECKING:
    from clients.http import Exchange

AWAY = (Unreachable, ConnectionLost, TimedOut, PlatformDown)
"""What a client raises when its platform is away."""


class Hearing:
    """Told of every exchange with a platform (`Edges.on_exchange`); it keeps them apart by attempts.

    An exchange belongs to the attempt that made it, also in a task that the handler began.
    """

    def __init__(self) -> None:
        self._answered: ContextVar[set[str] | None] = ContextVar("answered", default=None)

    def __call__(self, exchange: "Exchange") -> None:
        """An exchange is over."""
        answered = self._answered.get()
        if answered is None:
            return
        if isinstance(exchange.error, AWAY):
            answered.discard(exchange.account)
        else:
            answered.add(exchange.account)

    @contextmanager
    def attempt(self) -> Iterator[set[str]]:
        """Listen while an attempt lasts; the accounts whose latest exchange was answered."""
        answered = set[str]()
        token = self._answered.set(answered)
        try:
            yield answered
        finally:
            self._answered.reset(token)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one attempt learned."""

    # The platform's error, with the account it came to; None if the attempt did not end by one.
    away: ClientError | None = None
    # The accounts whose platforms answered.
    answered: frozenset[str] = field(default_factory=frozenset)

    @property
    def account(self) -> str:
        """The account whose platform is away; empty if none is."""
        return "" if self.away is None else self.away.account

    @classmethod
    def of(cls, error: BaseException | None, answered: set[str]) -> "Heard":
        """What an attempt learned that ended so.

        An account that an attempt failed by counts as away, whatever else of it was answered: some platforms still read
        when they cannot write.
        """
        away = error if isinstance(error, AWAY) and error.account else None
        return cls(away, frozenset(answered - {away.account} if away else answered))


NOTHING_HEARD = Heard()
"""What an attempt learned that asked no platform."""
