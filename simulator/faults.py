"""Misbehaviour on order: which requests and deliveries go wrong, and how. Pure; `edge` and `webhooks` carry it out."""

from collections.abc import Collection
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Route = Literal["chat", "data", "webhook"]
Kind = Literal[
    "latency",
    "rate_limit",
    "server_error",
    "half_open",
    "reset",
    "garbage",
    "cut",
    "drip",
    "flood",
    "duplicate",
    "reorder",
    "drop",
    "wrong_signature",
    "unsigned",
]

REQUEST_KINDS: Final = frozenset(
    {"rate_limit", "server_error", "half_open", "reset", "garbage", "cut", "drip", "flood"}
)
"""What can happen to a request to a platform's API (routes `chat` and `data`), after any latency."""

ATTEMPT_KINDS: Final = frozenset({"half_open", "reset", "wrong_signature", "unsigned"})
"""What can happen to one attempt to deliver a webhook, after any latency: the next attempt may be sound again."""

DELIVERY_KINDS: Final = frozenset({"duplicate", "reorder", "drop"})
"""What can happen to a delivery as a whole."""


class Fault(BaseModel):
    """One order to misbehave: what, where, how often.

    | kind | routes | what happens |
    |---|---|---|
    | latency | all | `seconds` pass before anything else |
    | rate_limit | chat, data | 429 in the platform's words; the limit resets in `seconds` |
    | server_error | chat, data | `status` (5xx) in the platform's words |
    | half_open | all | the connection stays open and silent; a webhook stops in mid-body |
    | reset | all | the connection is reset; a webhook in mid-body |
    | garbage | chat, data | 200 with a page of HTML, as a proxy in trouble sends it |
    | cut | chat, data | the answer ends in its middle |
    | drip | chat, data | the answer comes byte by byte, one in `seconds` |
    | flood | chat, data | 200 with an answer of one GiB |
    | duplicate | webhook | `copies` more of the delivery, at once if `together`, else afterwards |
    | reorder | webhook | the delivery goes after the next one of its conversation (waits `seconds` for one) |
    | drop | webhook | the delivery is never made |
    | wrong_signature, unsigned | webhook | the attempt is signed with another secret, or not at all |
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind = Field(description="What goes wrong: see below.")
    route: Route = Field(description="Requests that send (`chat`), all others (`data`), or webhooks.")
    platform: str | None = Field(default=None, description="Only this platform; all when not given.")
    count: int | None = Field(
        default=1,
        ge=1,
        description="How many requests, attempts or deliveries it meets; `null`: until the faults are ended.",
    )
    seconds: float = Field(default=1.0, ge=0, le=3600, allow_inf_nan=False, description="As the kind says.")
    status: int = Field(default=503, ge=500, le=599, description="For server_error.")
    when: Literal["before", "after"] = Field(
        default="before",
        description="`after`: the request is carried out and only its answer goes wrong, so the caller cannot know.",
    )
    copies: int = Field(default=1, ge=1, le=100, description="For duplicate.")
    together: bool = Field(default=False, description="For duplicate.")
    retry_after: str | None = Field(
        default=None,
        max_length=64,
        pattern=r"^[ -~]*$",
        description="Sent as Retry-After with rate_limit and server_error; the platforms document none.",
    )

    @model_validator(mode="after")
    def _fits_route(self) -> Self:
        known = {"latency", *(ATTEMPT_KINDS | DELIVERY_KINDS if self.route == "webhook" else REQUEST_KINDS)}
        if self.kind not in known:
            raise ValueError(
                f"{self.kind} cannot happen on route {self.route}; choose one of {', '.join(sorted(known))}"
            )
        return self


class Faults:
    """The orders in force. A request or attempt meets at most one latency and one other, in the order given."""

    def __init__(self) -> None:
        self._active: dict[int, tuple[Fault, int | None]] = {}
        self._given = 0

    def add(self, fault: Fault) -> None:
        """Put an order in force."""
        self._given += 1
        self._active[self._given] = (fault, fault.count)

    def take(self, platform: str, route: Route, kinds: Collection[str]) -> Fault | None:
        """Return the first order of one of `kinds` that meets a request, attempt or delivery, used up by one."""
        for number, (fault, left) in self._active.items():
            if fault.route == route and fault.kind in kinds and fault.platform in {None, platform}:
                if left == 1:
                    del self._active[number]
                elif left is not None:
                    self._active[number] = (fault, left - 1)
                return fault
        return None

    def active(self) -> list[tuple[Fault, int | None]]:
        """Return what is in force and how often it will still happen (None: until cleared)."""
        return list(self._active.values())

    def clear(self) -> None:
        """Behave again."""
        self._active.clear()
