"""What attempts learn of the platforms they ask: which accounts were answered, and which account's platform is away."""

from contextvars import ContextVar, Token
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeAlias

from clients.errors import ClientError, ConnectionLost, GivenUp, PlatformDown, TimedOut, Unreachable
from dispatcher.attempt import AttemptTimedOut
from dispatcher.errors import EffectNotShown, EffectUncertain

if TYPE_CHECKING:
    from clients.http import Exchange

_Var: TypeAlias = "ContextVar[Listening | None]"

AWAY = (Unreachable, ConnectionLost, TimedOut, PlatformDown)
"""What a client raises when its platform is away."""


class Hearing:
    """Told of every exchange with a platform (`Edges.on_exchange`); it keeps them apart by attempts.

    An exchange belongs to the attempt that made it, also in a task that the handler began.
    """

    def __init__(self) -> None:
        self._listening: _Var = ContextVar("listening", default=None)

    def __call__(self, exchange: "Exchange") -> None:
        """An exchange is over."""
        if (listening := self._listening.get()) is not None:
            listening.hear(exchange)

    def attempt(self) -> "Listening":
        """What is heard during one attempt: `with` it."""
        return Listening(self._listening)


@dataclass(slots=True)
class Listening:
    """What is heard during one attempt."""

    # Where exchanges find it.
    _var: "_Var"
    _token: "Token[Listening | None] | None" = None
    # The accounts that were asked, those whose latest exchange was answered, and of them those that took what was sent.
    asked: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()
    took: frozenset[str] = frozenset()
    # Those of which nothing could be read when an exchange was last not answered.
    unread: frozenset[str] = frozenset()
    # Of the exchanges that were broken off, the one that had lasted longest, in seconds.
    given_up: GivenUp | None = None
    seconds: float = 0.0

    def __enter__(self) -> Self:
        self._token = self._var.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            self._var.reset(self._token)

    def hear(self, exchange: "Exchange") -> None:
        """An exchange of the attempt is over."""
        account, reads = {exchange.account}, exchange.reads
        self.asked |= account
        if not isinstance(exchange.error, AWAY):
            self.answered |= account
            self.took = self.took if reads else self.took | account
            return
        self.answered -= account
        self.took -= account
        self.unread = self.unread | account if reads else self.unread - account
        if isinstance(exchange.error, GivenUp) and exchange.seconds >= self.seconds:
            self.given_up, self.seconds = exchange.error, exchange.seconds

    def cause(self, error: Exception | None, timeout: timedelta) -> Exception | None:
        """What an attempt failed by that ended so.

        One that was cancelled when its time was over, of which a platform had taken the most, failed by the platform:
        the event is not to blame.
        """
        if not isinstance(error, AttemptTimedOut) or self.given_up is None:
            return error
        if 2 * self.seconds < timeout.total_seconds():
            return error
        self.given_up.__cause__ = error
        return self.given_up

    def learned(self, error: BaseException | None) -> "Heard":
        """What the attempt learned that ended so.

        An account that it failed by counts as away, whatever else of it was answered: some platforms still read when
        they cannot write. So does one that left an effect uncertain. A client of the plugin's own, which is not
        listened to, is none of our accounts. Who only looked for what was sent, and has to look again, has asked and
        cannot tell.
        """
        if not self.asked:
            return NOTHING_HEARD
        if isinstance(error, EffectNotShown):
            return Heard(None, self.took, self.took, looked=self.asked - self.took)
        error = error.__cause__ if isinstance(error, EffectUncertain) else error
        if not isinstance(error, AWAY) or error.account not in self.asked:
            return Heard(None, self.answered, self.took)
        mine = {error.account}
        return Heard(error, self.answered - mine, self.took - mine, reads=error.account in self.unread)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one attempt learned."""

    # The platform's error, with the account it came to; None if the attempt did not end by one.
    away: ClientError | None = None
    # The accounts whose platforms answered, and of them those that took what was sent: to be read is not to take.
    answered: frozenset[str] = frozenset()
    took: frozenset[str] = frozenset()
    # Of an account that is away: nothing was sent to it, it could not be read.
    reads: bool = False
    # The accounts that were asked for a sign of what was sent before, and showed none yet.
    looked: frozenset[str] = frozenset()

    @property
    def account(self) -> str:
        """The account whose platform is away; empty if none is."""
        return "" if self.away is None else self.away.account


NOTHING_HEARD = Heard()
"""What an attempt learned that asked no platform."""
