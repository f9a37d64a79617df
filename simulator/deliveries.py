"""The values of webhook delivery: who gets what, when to try again, what happened. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from simulator.wire import JsonObject

State = Literal["pending", "delivered", "failed", "dropped", "abandoned"]

Sign = Callable[[bytes, str | None], Mapping[str, str]]
"""(exact body, secret) → the headers a platform sends; no secret: the same without a signature."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One registered webhook."""

    id: str
    platform: str
    url: str
    secret: str = field(repr=False)
    # None: all events of the platform
    events: frozenset[str] | None = None

    def wants(self, platform: str, event_type: str) -> bool:
        """Say whether an event goes to this webhook."""
        return self.platform == platform and (self.events is None or event_type in self.events)

    def shown(self) -> JsonObject:
        """Return it as the control API shows it, without the secret."""
        events = None if self.events is None else sorted(self.events)
        return {"id": self.id, "platform": self.platform, "url": self.url, "events": events}


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """One event of a platform, ready to be posted: the same bytes to everyone, signed per secret."""

    platform: str
    id: str
    type: str
    # what keeps order: deliveries of one lane go one after another
    lane: str
    body: bytes = field(repr=False)
    sign: Sign = field(repr=False)
    # appended to the registered URL, for platforms that post to several paths
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One POST to make. `maim` stops it in mid-body: silent until the time-out, or by an aborted connection."""

    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    maim: Literal["half_open", "reset"] | None = None


class Post(Protocol):
    """Makes one POST within the sender's time-out."""

    async def __call__(self, call: HttpCall) -> int:
        """Return the status of the answer.

        Raises:
            UndeliveredError: no answer, for the reason in its text.
        """
        ...


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff. MyGPTAssistants documents that it retries, not how often nor how long: chosen here."""

    attempts: int = 10
    # seconds before the second attempt
    first: float = 1.0
    factor: float = 2.0
    # no pause is longer, seconds
    longest: float = 300.0
    # a pause is stretched by up to this share
    jitter: float = 0.1

    def pause(self, attempt: int, draw: float) -> float | None:
        """Return the seconds to wait after the failed `attempt` (1 is the first), or None to give up.

        `draw` is a random number in [0, 1).
        """
        if attempt >= self.attempts:
            return None
        # the bound on the exponent keeps a large count from overflowing the float
        pause = min(self.longest, self.first * self.factor ** min(attempt - 1, 64))
        return pause * (1 + self.jitter * draw)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST and what came of it: a status, or an error when there was no answer."""

    at: datetime
    milliseconds: int
    status: int | None
    error: str | None = None
    # names of the faults that met it; "copy" for a duplicate
    faults: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """True for a 2xx answer."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004  # the class of HTTP statuses


@dataclass(slots=True)
class Delivery:
    """One event on its way to one webhook."""

    subscription: Subscription
    event: OutgoingEvent
    created_at: datetime
    state: State = "pending"
    attempts: list[Attempt] = field(default_factory=list)

    def shown(self) -> JsonObject:
        """Return it as the control API shows it; bodies are not shown."""
        return {
            "webhook": self.subscription.id,
            "platform": self.event.platform,
            "event_id": self.event.id,
            "type": self.event.type,
            "lane": self.event.lane,
            "state": self.state,
            "created_at": self.created_at.isoformat(),
            "attempts": [
                {
                    "at": attempt.at.isoformat(),
                    "milliseconds": attempt.milliseconds,
                    "status": attempt.status,
                    "error": attempt.error,
                    "faults": list(attempt.faults),
                }
                for attempt in self.attempts
            ],
        }
