"""What the headers of a delivery claim, before anything is proved: signatures, time, id. Pure.

Everything here is a stranger's: it is bounded before it is looked at, and can only end in `Unproved`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic_core import from_json

from receiver.delivery import Delivery
from receiver.keyring import Keyring
from schemas.lenient import MILLISECONDS
from schemas.schemes import Items, KeyValues, Location, Plain, Timestamp

MAX_SIGNATURES = 5
# Items of a signature header that are looked at before their prefixes say which of them count.
_MAX_ITEMS = 16
_MAX_TIMESTAMP = 40
_MAX_ID = 256
_EPOCH_DIGITS = 16

Reason = Literal[
    "header-repeated",
    "signature-missing",
    "signature-malformed",
    "signature-wrong",
    "signatures-too-many",
    "timestamp-missing",
    "timestamp-malformed",
    "timestamp-stale",
    "id-missing",
    "id-malformed",
    "body-hash-wrong",
    "form-malformed",
    "token-missing",
    "token-wrong",
    "path-token-wrong",
]
"""Why a delivery is refused: for the log, the console and metrics, never for the sender."""


class Unproved(Exception):
    """A delivery is not proved; raised and caught inside verification."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Claimed:
    """One signature as a header gives it, encoded."""

    value: bytes
    # It stands under the prefix of asymmetric keys.
    asymmetric: bool = False


@dataclass(frozen=True, slots=True)
class Claims:
    """What the headers claim."""

    signatures: tuple[Claimed, ...]
    # As sent; empty where the headers tell none.
    timestamp: bytes
    id: bytes


def claims_of(ring: Keyring, delivery: Delivery) -> Claims:
    """Read the claims of a delivery.

    Raises:
        Unproved: something is missing, malformed, or more than anybody honest sends.
    """
    value = delivery.headers.get(ring.signature_header)
    if not value:
        raise Unproved("signature-missing")
    items = _items(ring.scheme.signature, value)
    if len(items) > _MAX_ITEMS:
        raise Unproved("signatures-too-many")
    signatures = tuple(_signatures(ring.scheme.signature, items))
    if not signatures:
        raise Unproved("signature-malformed")
    if len(signatures) > MAX_SIGNATURES:
        raise Unproved("signatures-too-many")
    return Claims(signatures, _claimed_time(ring, delivery, items), _claimed_id(ring, delivery))


def signed_time(timestamp: Timestamp, claims: Claims, body: bytes) -> str:
    """The time that was signed, as sent. To be asked after the signature was found right.

    Raises:
        Unproved: the body does not tell one, or tells nonsense.
    """
    if timestamp.json_path is None:
        return claims.timestamp.decode("ascii")
    value = json_value(body, timestamp.json_path)
    if value is None:
        raise Unproved("timestamp-missing")
    text = str(value)
    if not _readable(timestamp, text.encode("utf-8", "replace")):
        raise Unproved("timestamp-malformed")
    return text


def check_age(timestamp: Timestamp, text: str, now: datetime) -> None:
    """Refuse a signed time outside the window.

    Raises:
        Unproved: it is too old, too far ahead, or no time.
    """
    if timestamp.tolerance is None:
        return
    time = read_time(timestamp, text)
    if time is None:
        raise Unproved("timestamp-malformed")
    if abs(now - time) > timedelta(seconds=timestamp.tolerance):
        raise Unproved("timestamp-stale")


def read_time(timestamp: Timestamp, text: str) -> datetime | None:
    """A time as a sender writes it, aware; None when it is none."""
    try:
        if timestamp.format == "iso":
            time = datetime.fromisoformat(text)
            return time if time.tzinfo else time.replace(tzinfo=UTC)
        number = int(text)
        thousandths = timestamp.format == "ms" or (timestamp.format == "epoch" and number >= MILLISECONDS)
        return datetime.fromtimestamp(number / (1000 if thousandths else 1), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def json_value(body: bytes, path: str) -> str | int | None:
    """A scalar at a dotted path of a body; None when there is none, or the body is not JSON."""
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        return None
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) or type(value) is int else None


def _items(location: Location | None, value: bytes) -> list[bytes]:
    """What a signature header lists, at most one more than is looked at."""
    if location is None or isinstance(location, Plain):
        return [value]
    return value.split(location.separator.encode(), _MAX_ITEMS)


def _signatures(location: Location | None, items: list[bytes]) -> Iterator[Claimed]:
    for item in items:
        match location:
            case Plain(prefix=prefix) if item.startswith(prefix.encode()):
                yield Claimed(item[len(prefix) :])
            case KeyValues(signature=name) if _name(item) == name:
                yield Claimed(_value(item))
            case Items(asymmetric_prefix=str(other)) if item.startswith(other.encode()):
                yield Claimed(item[len(other) :], asymmetric=True)
            case Items(prefix=prefix) if item.startswith(prefix.encode()):
                yield Claimed(item[len(prefix) :])


def _claimed_time(ring: Keyring, delivery: Delivery, items: list[bytes]) -> bytes:
    timestamp = ring.scheme.timestamp
    if timestamp is None or timestamp.json_path is not None:
        return b""
    if timestamp.key is not None:
        found = [_value(item) for item in items if _name(item) == timestamp.key]
    else:
        found = [value for value in [delivery.headers.get(ring.timestamp_header)] if value]
    if not found:
        raise Unproved("timestamp-missing")
    if len(found) > 1:
        raise Unproved("header-repeated")
    if not _readable(timestamp, found[0]):
        raise Unproved("timestamp-malformed")
    return found[0]


def _readable(timestamp: Timestamp, value: bytes) -> bool:
    if not value.isascii() or len(value) > _MAX_TIMESTAMP:
        return False
    # Digits only: a sign, a point or a space would leave open where the time ends and the body begins.
    return timestamp.format == "iso" or (value.isdigit() and len(value) <= _EPOCH_DIGITS)


def _claimed_id(ring: Keyring, delivery: Delivery) -> bytes:
    if not ring.id_header:
        return b""
    value = delivery.headers.get(ring.id_header)
    if not value:
        raise Unproved("id-missing")
    if len(value) > _MAX_ID or not value.isascii() or not value.decode("ascii").isprintable():
        raise Unproved("id-malformed")
    return value


def _name(item: bytes) -> str:
    return item.partition(b"=")[0].strip().decode("ascii", "replace")


def _value(item: bytes) -> bytes:
    return item.partition(b"=")[2].strip()
