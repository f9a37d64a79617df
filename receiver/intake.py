"""One delivery into records, or a refusal: one synchronous function of (source, request, now). Pure.

    outcome = intake(source, delivery, topics, now)
    # Accepted: append its records, answer when they are durable
    # Refusal: answer its problem; first append its quarantined record, where it has one
    # Handshaken: answer it

A faster HTTP front, or a spool behind, changes nothing here.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from receiver import problems
from receiver.delivery import Delivery, Headers, Target
from receiver.handshakes import HandshakeAnswer, answer_get, answer_post
from receiver.problems import Problem
from receiver.records import Receipt, delivery_record, quarantine_record
from receiver.sources.platform import Fact, Reading, Unreadable, not_fitting
from receiver.sources.source import Source
from receiver.verification import Refused, fetched, foretold, proved_before, verify
from schemas.envelope import encode
from schemas.events import Event
from schemas.ids import digest, event_id
from schemas.record import Record
from schemas.topics import Topics

# A body that is told to be so short is read whatever the headers say: it costs little, and may explain what is wrong.
_SHORT = 16 * 1024
_TRACEPARENT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A record, the id that names its fact, and how long a copy of it is known as one."""

    id: str
    record: Record
    window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An authentic delivery: what is to be appended, and what the sender is told then."""

    # The first event's id; the delivery's own, where it tells no event.
    id: str
    ids: tuple[str, ...]
    records: tuple[Named, ...]
    # The delivery as it came: appended with its events, and not when all of them are copies.
    copy: Record | None = None
    # Which secret matched, for the count; None where nothing was proved.
    secret: int | None = None
    # The id in the quarantine, of a delivery that could not be read and is accepted all the same.
    quarantined: str | None = None
    types: tuple[str, ...] = ()
    # The platform's own names of them, where it has any.
    names: tuple[str | None, ...] = ()
    # JSON that the platform wants to see, with 200, in place of the ids.
    answer: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A delivery that is not accepted."""

    problem: Problem
    # For the log and the console; the sender is told the problem only.
    reason: str
    # An authentic delivery that could not be read: to be kept before the problem is told.
    quarantine: Named | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshaken:
    """The platform tried the address out."""

    answer: HandshakeAnswer


Outcome = Accepted | Refusal | Handshaken


def screen(source: Source, delivery: Delivery) -> Refusal | None:
    """What can be refused before the body is read: method, encoding, media type, length, and what proves nothing.

    Args:
        source: where it is posted to.
        delivery: the request; its body is not looked at.
    """
    method, headers = delivery.method, delivery.headers
    if source.platform.polled or method != "POST":
        return None if method == "GET" and _tries_get(source) else not_allowed(source)
    if headers.get(b"content-encoding") is not None:
        return Refusal(problem=problems.ENCODED, reason="content-encoding")
    if (headers.get(b"transfer-encoding") or b"chunked").lower() != b"chunked":
        return Refusal(problem=problems.ENCODED, reason="transfer-encoding")
    media_type = headers.media_type()
    if media_type and media_type not in source.platform.media_types:
        return Refusal(problem=problems.unspoken(source.platform.media_types), reason="media-type")
    return _screen_length(source, delivery)


def _screen_length(source: Source, delivery: Delivery) -> Refusal | None:
    told = delivery.headers.get(b"content-length") or b""
    length = int(told[:20]) if told.isdigit() else None
    if length is not None and length > source.body_limit:
        return too_large()
    if length is not None and length <= _SHORT:
        return None
    refused = foretold(source.ring, delivery)
    return _unauthenticated(refused.reason) if refused else None


def intake(source: Source, delivery: Delivery, topics: Topics, now: datetime) -> Outcome:
    """Decide what becomes of a delivery.

    Args:
        source: where it was posted to.
        delivery: the request with its whole body.
        topics: the topics of this installation.
        now: the time of receipt, aware.
    """
    return screen(source, delivery) or decide(source, delivery, topics, now)


def decide(source: Source, delivery: Delivery, topics: Topics, now: datetime) -> Outcome:
    """What becomes of a delivery that was screened before its body was read: the rest of `intake`."""
    if delivery.method == "GET":
        answer = answer_get(source.platform.handshakes, delivery.target, source.word)
        return Handshaken(answer=answer) if answer else _unauthenticated("handshake-wrong")
    if len(delivery.body) > source.body_limit:
        return too_large()
    verified = verify(source.ring, delivery, now)
    if isinstance(verified, Refused):
        return _unauthenticated(verified.reason)
    return _taken(Receipt(source=source, delivery=delivery, verified=verified, topics=topics, now=now))


def polled(source: Source, body: bytes, topics: Topics, now: datetime, reading: Reading | None = None) -> Outcome:
    """Decide what becomes of something that a platform was asked for: as of a delivery, with the origin `poll`.

    Args:
        source: which source's platform was asked.
        body: what it told, as JSON: one conversation, or one message and what it stands in.
        topics: the topics of this installation.
        now: the time it was asked, aware.
        reading: the facts, where they are known; else the platform reads the body.
    """
    if len(body) > source.body_limit:
        return too_large()
    delivery = Delivery(method="POLL", target=Target(source.name), headers=Headers(()), body=body)
    receipt = Receipt(source=source, delivery=delivery, verified=fetched(body), topics=topics, now=now, origin="poll")
    read = source.platform.read(receipt.verified) if reading is None else reading
    return _quarantined(receipt, read) if isinstance(read, Unreadable) else _accepted(receipt, read)


def too_large() -> Refusal:
    """The refusal of a body over the source's limit."""
    return Refusal(problem=problems.TOO_LARGE, reason="body-limit")


def not_allowed(source: Source) -> Refusal:
    """The refusal of a method, with the ones the source takes: none, where the platform is asked and posts nothing."""
    if source.platform.polled:
        return Refusal(problem=problems.POLLED, reason="polled")
    methods = "GET, POST" if _tries_get(source) else "POST"
    return Refusal(problem=problems.NOT_ALLOWED.with_header("Allow", methods), reason="method")


def readmitted(
    source: Source, delivery: Delivery, topics: Topics, now: datetime, *, origin: Literal["webhook", "poll"]
) -> Outcome | Unreadable:
    """Decide anew what becomes of a delivery that was authentic when it came, and is kept because it was unreadable.

    Args:
        source: where it was posted to, as it is configured now.
        delivery: as it was kept: its credentials are masked, and nothing is verified.
        topics: the topics of this installation.
        now: the time of its receipt, aware.
        origin: whether it was posted, or a poll was told it.
    """
    verified = proved_before(source.ring, delivery)
    return _read(Receipt(source=source, delivery=delivery, verified=verified, topics=topics, now=now, origin=origin))


def _taken(receipt: Receipt) -> Outcome:
    """What becomes of an authentic delivery."""
    found = _read(receipt)
    return _quarantined(receipt, found) if isinstance(found, Unreadable) else found


def _read(receipt: Receipt) -> Outcome | Unreadable:
    """What an authentic delivery tells."""
    platform = receipt.source.platform
    if receipt.verified.suffix not in platform.suffixes:
        return Refusal(problem=problems.NOT_FOUND, reason="suffix")
    if answer := answer_post(platform.handshakes, receipt.delivery, receipt.verified):
        return Handshaken(answer=answer)
    try:
        reading = platform.read(receipt.verified)
        return reading if isinstance(reading, Unreadable) else _accepted(receipt, reading)
    except (MemoryError, RecursionError):
        # It would fail as often as it came: kept, and told, as what cannot be read.
        return not_fitting(["$"])


def _accepted(receipt: Receipt, reading: Reading) -> Accepted | Refusal:
    source = receipt.source
    events: list[Event] = []
    records: list[Named] = []
    for index, fact in enumerate(reading.facts):
        event, hashed = _event(receipt, reading, index, fact)
        record = encode(event, receipt.topics.of(event.type), value=fact.raw)
        if record.size > source.record_limit:
            return too_large()
        events.append(event)
        records.append(
            Named(id=event.id, record=record, window=source.hashed_window if hashed else source.dedupe_window)
        )
    ids = tuple([event.id for event in events])
    copy = None
    if source.deliveries and events:
        copy = delivery_record(receipt, key=events[0].key, ids=ids)
    return Accepted(
        id=ids[0] if ids else (reading.delivery or digest(receipt.verified.body)),
        ids=ids,
        records=tuple(records),
        copy=copy,
        secret=receipt.verified.secret,
        types=tuple([event.type for event in events]),
        names=tuple([event.name for event in events]),
        answer=_wanted(receipt),
    )


def _event(receipt: Receipt, reading: Reading, index: int, fact: Fact) -> tuple[Event, bool]:
    """The event of a fact, and whether its id is only a hash of the body."""
    verified = receipt.verified
    name = event_id(
        fact.data.event_type,
        entity=fact.entity,
        delivery=reading.delivery,
        body=verified.body,
        index=index,
        item=fact.item,
        signed_time=verified.signed_time,
    )
    event = Event(
        id=name.value,
        type=fact.data.event_type,
        source=receipt.source.name,
        platform=receipt.source.platform.name,
        key=fact.key or name.value,
        time=fact.time or receipt.now,
        received_at=receipt.now,
        origin=receipt.origin,
        data=fact.data,
        delivery_id=reading.delivery,
        name=fact.name,
        traceparent=_traceparent(receipt.delivery.headers),
        unconfirmed=receipt.source.confirm and receipt.origin == "webhook",
    )
    return event, name.hashed


def _quarantined(receipt: Receipt, why: Unreadable) -> Accepted | Refusal:
    """An authentic delivery that is not what the platform sends: kept, and told as the source wants it."""
    # Named by its body: a sender that repeats it for days fills the quarantine once in a while, not every time.
    name = digest(b"quarantine", receipt.verified.body)
    kept = Named(
        id=f"quarantine:{name}",
        record=quarantine_record(receipt, name=name, why=why),
        # A poll is told the same again and again.
        window=receipt.source.hashed_window if receipt.origin == "webhook" else receipt.source.dedupe_window,
    )
    if receipt.source.on_invalid == "accept":
        return Accepted(
            id=name,
            ids=(),
            records=(kept,),
            secret=receipt.verified.secret,
            quarantined=name,
            answer=_wanted(receipt),
        )
    problem = problems.NOT_JSON if why.kind == "not-json" else problems.NOT_FITTING
    return Refusal(problem=problem.about(why.fields, name), reason=why.kind, quarantine=kept)


def _wanted(receipt: Receipt) -> bytes | None:
    return receipt.source.platform.answers.get(receipt.verified.suffix)


def _unauthenticated(reason: str) -> Refusal:
    return Refusal(problem=problems.UNAUTHENTICATED, reason=reason)


def _tries_get(source: Source) -> bool:
    return any(handshake.method == "GET" for handshake in source.platform.handshakes)


def _traceparent(headers: Headers) -> str | None:
    value = headers.get(b"traceparent") or b""
    return value.decode("ascii") if _TRACEPARENT.fullmatch(value) else None
