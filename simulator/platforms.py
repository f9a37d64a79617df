"""What every simulated platform is to the rest of the simulator, and what it is given.

A new platform is a module of its name with a `Platform`, one with its `Endpoints`, and a line in `world`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Literal, Protocol, runtime_checkable

from aiohttp import web
from aiohttp.typedefs import Middleware

from simulator.clock import Clock
from simulator.deliveries import Subscription
from simulator.ids import Ids
from simulator.recent import Recent
from simulator.stage import Stage
from simulator.webhooks import WebhookSender
from simulator.wire import JsonObject


@dataclass(frozen=True, slots=True)
class Received:
    """One message that came in through a platform's API, as a test wants to find it."""

    platform: str
    # the endpoint, such as "message", "stream" or "quick-start"
    endpoint: str
    at: datetime
    bot_id: str
    conversation_id: str
    message_id: str
    content: str
    metadata: Mapping[str, Any]

    def shown(self) -> JsonObject:
        """Return it as the control API shows it."""
        return {
            "platform": self.platform,
            "endpoint": self.endpoint,
            "at": self.at.isoformat(),
            "bot_id": self.bot_id,
            "conversation_id": self.conversation_id,
            "message_id": self.message_id,
            "content": self.content,
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a platform may use: the time, chance, the way out, the log of what came in, and a place for its tasks."""

    clock: Clock
    random: Random
    ids: Ids
    sender: WebhookSender
    received: Recent[Received]
    stage: Stage


@dataclass(frozen=True, slots=True)
class Emission:
    """One event to be sent on order."""

    type: str
    # laid over the event the platform would send, key by key
    overrides: JsonObject
    # sent instead of the event's JSON, signed all the same: an authentic body that does not validate
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Emitted:
    """What was sent on order, and to how many webhooks."""

    event_id: str
    lane: str
    webhooks: int


class Platform(Protocol):
    """What one simulated platform does: its state, and the events that follow from what happens to it."""

    @property
    def name(self) -> str:
        """The first segment of its paths and its name in the control API."""
        ...

    @property
    def events(self) -> Sequence[str]:
        """The names of the webhook events it sends; empty for a platform that sends none."""
        ...

    def visitor_says(
        self, text: str, *, conversation_id: str | None, metadata: Mapping[str, Any], bot_id: str | None
    ) -> str:
        """Let a visitor say something on the platform's own channels; return the conversation's id."""
        ...

    def complete(self, conversation_id: str) -> None:
        """Mark a conversation as resolved, as an operator does in the dashboard."""
        ...

    def emit(self, emission: Emission) -> Emitted:
        """Send one event now. Raises ControlError for a type the platform does not send."""
        ...

    def reset(self) -> None:
        """Forget all state."""
        ...


@runtime_checkable
class TriesOut(Protocol):
    """A platform that tries the address of a new webhook out."""

    def connected(self, subscription: Subscription) -> None:
        """Take note of a new webhook."""
        ...


class Endpoints(Protocol):
    """The HTTP side of one platform: its documented paths, envelopes, errors and limits."""

    @property
    def platform(self) -> Platform:
        """What stands behind the endpoints."""
        ...

    @property
    def base_path(self) -> str:
        """The documented path under which the endpoints stand, such as `/api/v1`."""
        ...

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the endpoints, `base_path` included."""
        ...

    def middlewares(self) -> Sequence[Middleware]:
        """Return what stands before the endpoints: envelope of errors, authentication, limits."""
        ...

    def route_class(self, request: web.Request) -> Literal["chat", "data"]:
        """Say to which class of endpoints a request belongs, for limits and faults."""
        ...

    def broken(self, request: web.Request, status: int, *, reset: int | None = None) -> web.Response:
        """Return the platform's words for a 5xx, or for a 429 whose limit ends at the Unix time `reset`."""
        ...

    def forget_limits(self) -> None:
        """Begin counting requests anew."""
        ...
