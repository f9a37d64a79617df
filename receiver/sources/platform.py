"""What the receiver must know of a platform: how it signs, and how its deliveries become facts.

A platform is one module beside this one, with a `Platform` in it, and one line in `platforms.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from receiver.handshakes import Handshake
from receiver.sources.numbers import MAX_PLACE, MAX_PLACES, unholdable
from receiver.verification import Verified
from schemas.events import Data, Role
from schemas.schemes import Scheme

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact that a delivery tells, before it is named."""

    data: Data
    # What keeps order: the conversation, contact or bot. None: the event's own id.
    key: str | None = None
    # The id of the message, conversation or contact, where a `*.created` event names it.
    entity: str | None = None
    # The item's own id inside the delivery, where it has one.
    item: str | None = None
    # The platform's time; None: the receipt.
    time: datetime | None = None
    # The platform's own name of the event, where hookline has no type of its own for it or another one.
    name: str | None = None
    # The record's value where it is not the canonical JSON: the platform's own bytes.
    raw: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a delivery tells."""

    # In the order of the delivery; none is an answer too (LINE verifies a URL with an empty list).
    facts: tuple[Fact, ...]
    # The platform's own id of the delivery: the same on every retry.
    delivery: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An authentic body that is not what the platform sends."""

    kind: Literal["not-json", "not-fitting"]
    # The fields at fault, dotted; never a value.
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One kind of sender."""

    name: str
    scheme: Scheme
    # Pure: the facts of an authentic delivery.
    read: Callable[[Verified], Reading | Unreadable]
    # Without a content type a body is taken for the first of these.
    media_types: frozenset[str] = frozenset({"application/json"})
    # What may follow the source's name in the path.
    suffixes: frozenset[str] = frozenset({""})
    handshakes: tuple[Handshake, ...] = ()
    # What the sender wants to see on success; without a body it is told the ids.
    status: int = 202
    answer: bytes | None = None
    # Suffix → JSON that calls below it are answered with, and 200, where a sender wants a body of its own.
    answers: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    # Whether what it posts is only a hint, which handlers confirm with the platform before they act on it.
    confirm: bool = False
    # It posts nothing: `hookline poll` asks it.
    polled: bool = False
    # Whose messages its webhooks tell under the platform's own ids: those a poll can find missing.
    repairs: frozenset[Role] = frozenset()
    # "accept" for senders that switch an endpoint off when it answers 4xx.
    on_invalid: Literal["refuse", "accept"] = "refuse"


def parse(model: type[Model], body: bytes) -> Model | Unreadable:
    """An authentic body as a payload model."""
    if numbers := unholdable(body):
        return not_fitting(numbers)
    try:
        # NaN and Infinity are no JSON (RFC 8259), but the validator takes them.
        if b"NaN" in body or b"Infinity" in body:
            from_json(body, allow_inf_nan=False)
        return model.model_validate_json(body)
    except ValidationError as error:
        return unreadable(error)
    except ValueError:
        return Unreadable(kind="not-json")


def unreadable(error: ValidationError, *, under: str = "") -> Unreadable:
    """Which fields of a payload are at fault.

    Args:
        error: what the payload model said.
        under: where the model stands in the body, dotted.
    """
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    if any(problem["type"] == "json_invalid" for problem in problems):
        return Unreadable(kind="not-json")
    paths = {".".join([*([under] if under else []), *map(str, problem["loc"])]) or "$" for problem in problems}
    return not_fitting(paths)


def not_fitting(places: Iterable[str]) -> Unreadable:
    """The refusal of a body that is JSON, with the dotted places at fault."""
    return Unreadable(kind="not-fitting", fields=tuple(sorted({_shown(place) for place in places})[:MAX_PLACES]))


def _shown(path: str) -> str:
    # A name may be the sender's own invention: it is told back as plain, short ASCII.
    short = path[:MAX_PLACE]
    return short.encode("ascii", "replace").decode() if short.isprintable() else "?"
