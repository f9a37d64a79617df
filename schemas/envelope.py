"""CloudEvents 1.0 over Kafka, binary mode: the value is the data, the attributes are headers.

Source: the CloudEvents Kafka protocol binding, section 3.2 "Binary Content Mode". Extensions `platform`, `origin`,
`deliveryid`, `eventname`, `cause` and `unconfirmed` are ours; `traceparent` is the W3C header under its own name.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast

from pydantic import ValidationError
from pydantic_core import from_json

from schemas.events import BY_TYPE, Data, Event, Origin, Unknown
from schemas.record import Headers, Record, StoredRecord

SCHEMA_BASE = "urn:hookline:schema:"
_ORIGINS = ("webhook", "poll", "handler")


class EnvelopeError(ValueError):
    """A record is not a hookline event; the text says which attribute is at fault, never its value."""


def encode(event: Event, topic: str, *, value: bytes | None = None) -> Record:
    """An event as a record of a topic.

    Args:
        event: the event.
        topic: the full name of its topic.
        value: the value to keep instead of the canonical JSON: the platform's own bytes of an `unknown` event.
    """
    return Record(
        topic=topic,
        key=event.key.encode("utf-8", "replace"),
        value=value if value is not None else event.data.model_dump_json(exclude_none=True).encode(),
        headers=headers(event),
        timestamp=int(event.received_at.timestamp() * 1000),
    )


def headers(event: Event) -> Headers:
    """The CloudEvents attributes of an event as Kafka headers."""
    found = [
        *_of_kind(event.type, event.source, event.platform, event.origin),
        ("ce_id", event.id.encode("utf-8", "replace")),
        ("ce_time", rfc3339(event.time).encode()),
        ("ce_subject", event.key.encode("utf-8", "replace")),
    ]
    for name, text in (
        ("ce_deliveryid", event.delivery_id),
        ("ce_eventname", event.name),
        ("ce_cause", event.cause),
        ("traceparent", event.traceparent),
        ("ce_unconfirmed", "true" if event.unconfirmed else None),
    ):
        if text is not None:
            found.append((name, text.encode("utf-8", "replace")))
    return tuple(found)


@lru_cache(maxsize=1_024)
def _of_kind(event_type: str, source: str, platform: str, origin: str) -> Headers:
    """The attributes that all events of a kind have alike: there are few kinds."""
    attributes = {
        "ce_specversion": "1.0",
        "ce_source": f"/{'handlers' if origin == 'handler' else 'sources'}/{source}",
        "ce_type": event_type,
        "ce_dataschema": f"{SCHEMA_BASE}{event_type}",
        "content-type": "application/json",
        "ce_platform": platform,
        "ce_origin": origin,
    }
    return tuple((name, text.encode("utf-8", "replace")) for name, text in attributes.items())


def decode(record: StoredRecord, models: Mapping[str, type[Data]] = BY_TYPE) -> Event:
    """The event of a record.

    Args:
        record: as it was read.
        models: CloudEvents type → class of its data; by default what the topics of events hold.

    Raises:
        EnvelopeError: an attribute is missing or malformed, the type is not known, or the value does not fit its model.
    """
    attributes = dict(record.headers)
    event_type = _text(attributes, "ce_type")
    family, _, source = _text(attributes, "ce_source").lstrip("/").partition("/")
    if family not in ("sources", "handlers") or not source:
        raise EnvelopeError("ce_source is neither /sources/{source} nor /handlers/{handler}")
    origin = _text(attributes, "ce_origin")
    if origin not in _ORIGINS:
        raise EnvelopeError(f"ce_origin is none of {', '.join(_ORIGINS)}")
    return Event(
        id=_text(attributes, "ce_id"),
        type=event_type,
        source=source,
        platform=_text(attributes, "ce_platform"),
        key=_text(attributes, "ce_subject"),
        time=_time(_text(attributes, "ce_time")),
        received_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        origin=cast("Origin", origin),
        data=_data(models.get(event_type), event_type, record.value),
        delivery_id=_optional(attributes, "ce_deliveryid"),
        name=_optional(attributes, "ce_eventname"),
        cause=_optional(attributes, "ce_cause"),
        traceparent=_optional(attributes, "traceparent"),
        unconfirmed=_optional(attributes, "ce_unconfirmed") == "true",
    )


def event_type_of(record: Record) -> str | None:
    """The CloudEvents type of a record, read without decoding the rest."""
    value = record.header("ce_type")
    return None if value is None else value.decode("utf-8", "replace")


def rfc3339(time: datetime) -> str:
    """A time as CloudEvents writes it: UTC, with `Z`."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _data(model: type[Data] | None, event_type: str, value: bytes | None) -> Data:
    if model is None:
        raise EnvelopeError("ce_type is not an event type of this version of hookline")
    if value is None:
        raise EnvelopeError("the value is missing: a tombstone is no event")
    try:
        if model is Unknown:
            return Unknown(payload=from_json(value))
        return model.model_validate_json(value)
    except (ValidationError, ValueError, RecursionError) as error:
        fields = (
            sorted({".".join(map(str, e["loc"])) for e in error.errors()}) if isinstance(error, ValidationError) else []
        )
        raise EnvelopeError(f"the value does not fit {event_type}: {', '.join(fields) or 'not JSON'}") from error


def _text(attributes: Mapping[str, bytes], name: str) -> str:
    value = _optional(attributes, name)
    if value is None:
        raise EnvelopeError(f"{name} is missing")
    return value


def _optional(attributes: Mapping[str, bytes], name: str) -> str | None:
    value = attributes.get(name)
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise EnvelopeError(f"{name} is not UTF-8") from error


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise EnvelopeError("ce_time is not an RFC 3339 time") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
