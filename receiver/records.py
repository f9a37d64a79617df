"""The records beside the events: the delivery as it came, and the one that could not be read. Pure.

Both hold the body byte for byte and the request's headers, with credentials masked, as record headers:
`hookline-source`, `hookline-platform`, `hookline-method`, `hookline-path`, `hookline-id`, `hookline-events` or
`hookline-reason` and `hookline-fields`, and each HTTP header as `http-{name}`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from receiver.delivery import Delivery, RawHeaders
from receiver.sources.platform import Unreadable
from receiver.sources.source import Source
from receiver.verification import Verified
from schemas.record import Headers, Record
from schemas.topics import Topics

MASK = b"***"
# What is kept of a request's headers, in bytes; an honest request has one or two thousand.
MAX_HEADER_BYTES = 16 * 1024
# What names a delivery (Twilio's I-Twilio-Idempotency-Token) is none: its events have it as their id.
_CREDENTIALS = re.compile(
    rb"authorization|cookie|(?<!idempotency-)token|secret|password|passwd|api-?key|auth-key|credential"
)
# A delivery that tells many events names the first of them.
_MAX_NAMED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An authentic delivery at the moment of its receipt. There is none without a `Verified`."""

    source: Source
    delivery: Delivery
    verified: Verified
    topics: Topics
    now: datetime
    # Whether it was posted to us, or we asked for it.
    origin: Literal["webhook", "poll"] = "webhook"

    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.now.timestamp() * 1000)


def delivery_record(receipt: Receipt, *, key: str, ids: Iterable[str]) -> Record:
    """The copy of an authentic delivery, under the key of its first event."""
    named = list(ids)[:_MAX_NAMED]
    about = (("hookline-id", (receipt.verified.id or "").encode()), ("hookline-events", ",".join(named).encode()))
    return Record(
        topic=receipt.topics.name("deliveries"),
        key=key.encode("utf-8", "replace"),
        value=receipt.verified.body,
        headers=_headers(receipt, about),
        timestamp=receipt.timestamp,
    )


def quarantine_record(receipt: Receipt, *, name: str, why: Unreadable) -> Record:
    """An authentic delivery that could not be read, with the reason, under the id that names it in the quarantine."""
    about = (
        ("hookline-id", name.encode()),
        ("hookline-reason", why.kind.encode()),
        ("hookline-fields", ",".join(why.fields).encode()),
    )
    return Record(
        topic=receipt.topics.name("quarantine"),
        key=name.encode(),
        value=receipt.verified.body,
        headers=_headers(receipt, about),
        timestamp=receipt.timestamp,
    )


def masked(headers: RawHeaders, *, credential: bytes = b"") -> Iterator[tuple[str, bytes]]:
    """HTTP headers as record headers, without what would let a reader act as the sender; bounded.

    Args:
        headers: as they came.
        credential: the lower-case name of the source's own token header.
    """
    left = MAX_HEADER_BYTES
    for name, value in headers:
        low = name.lower()
        label, secret = _labelled(low)
        shown = MASK if secret or low == credential else value
        left -= len(low) + len(shown)
        if left < 0:
            return
        yield label, shown


@lru_cache(maxsize=1_024)
def _labelled(low: bytes) -> tuple[str, bool]:
    """The record header of an HTTP header, and whether its value is a credential."""
    return f"http-{low.decode('ascii', 'replace')}", _CREDENTIALS.search(low) is not None


def _headers(receipt: Receipt, about: Headers) -> Headers:
    return (
        ("hookline-source", receipt.source.name.encode()),
        ("hookline-platform", receipt.source.platform.name.encode()),
        ("hookline-method", receipt.delivery.method.encode("ascii", "replace")),
        ("hookline-path", _path(receipt)),
        *((name, value) for name, value in about if value),
        *masked(receipt.delivery.headers.raw, credential=receipt.source.ring.token_header),
    )


def _path(receipt: Receipt) -> bytes:
    """The path as sent, without a token in it."""
    target, ring = receipt.delivery.target, receipt.source.ring
    rest, query = target.rest, target.query
    if ring.path_token is not None:
        rest = "/".join(["***", *rest.split("/")[1:]])
    if ring.scheme.token is not None and ring.scheme.token.where == "query":
        query = "***"
    return f"/in/{target.source}{'/' if rest else ''}{rest}{'?' if query else ''}{query}".encode("utf-8", "replace")
