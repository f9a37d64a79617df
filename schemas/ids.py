"""Ids that name the fact, so that a retry, a poll and a webhook of one fact agree."""

import hashlib
from dataclasses import dataclass

# Platforms' ids are strangers' text: longer ones, or ones with characters outside this set, are hashed.
MAX_ID = 200


@dataclass(frozen=True, slots=True)
class EventId:
    """An event's id, and whether it was made from the body alone.

    Two equal bodies without an id may be two facts (a message edited back and forth), so a `hashed` id is
    deduplicated for a short time only.
    """

    value: str
    hashed: bool = False


def digest(*parts: bytes) -> str:
    """A 128-bit hex digest of the parts, each length-prefixed so that no two lists collide by concatenation."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(len(part).to_bytes(8, "big"))
        sha.update(part)
    return sha.hexdigest()[:32]


def event_id(
    event_type: str,
    *,
    entity: str | None,
    delivery: str | None,
    body: bytes,
    index: int = 0,
    item: str | None = None,
    signed_time: str | None = None,
) -> EventId:
    """Name a fact.

    Args:
        event_type: the CloudEvents type.
        entity: the id of the message, conversation or contact, where the payload names it.
        delivery: the platform's id of the delivery.
        body: the raw body.
        index: which event of its delivery this is, from 0.
        item: the item's own id inside the delivery, where it has one.
        signed_time: the signed timestamp as sent, where there is one.
    """
    if event_type.endswith(".created") and entity:
        return EventId(_bounded(f"{event_type}:{entity}"))
    if item:
        return EventId(_bounded(item))
    if delivery:
        return EventId(_bounded(delivery) if index == 0 else f"{_bounded(delivery)}/{index}")
    place = str(index).encode()
    if entity:
        return EventId(_bounded(f"{event_type}:{entity}:{digest(body, place)}"), hashed=True)
    return EventId(digest(body, (signed_time or "").encode(), place), hashed=True)


def published_id(handler: str, cause: str, event_type: str, n: int) -> str:
    """The id of the n-th event of a type that a handler publishes in answer to an event: the same on every retry."""
    return digest(handler.encode(), cause.encode(), event_type.encode(), str(n).encode())


def _bounded(value: str) -> str:
    if len(value) <= MAX_ID and value.isascii() and value.isprintable():
        return value
    return digest(value.encode("utf-8", "surrogatepass"))
