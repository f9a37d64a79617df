"""Dead letters: the event byte for byte, with why it is here in text headers.

`__dlq.errors.*` are the names of Kafka's own dead-letter queues (KIP-1191), `x-dlq-*` are ours. Nothing of the payload
is in any of them.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from dispatcher.errors import describe, frames
from dispatcher.outcome import Dead
from dispatcher.work import Firing, Received, Work
from schemas.envelope import encode, rfc3339
from schemas.record import Headers, Record

MAX_TRACEBACK = 8 * 1024
"""Bytes of `x-dlq-traceback`."""
TRACEBACK = "x-dlq-traceback"
MESSAGE = "__dlq.errors.message"
_DISPENSABLE = (TRACEBACK, MESSAGE, "x-dlq-exception")


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """Why, when and whose."""

    outcome: Dead
    entry: str
    group: str
    error: BaseException | None
    attempts: int
    first_failed_at: datetime
    failed_at: datetime
    version: str


def letter(work: Work, death: Death, topic: str) -> Record:
    """The dead letter of a record, or of a timer: key, value, headers and timestamp as they were, and ours behind."""
    if isinstance(work, Received):
        record: Record = work.record
        return Record(
            topic=topic,
            key=record.key,
            value=record.value,
            headers=record.headers + _headers(work, death),
            timestamp=record.timestamp,
        )
    timer = encode(work.event(), topic)
    return replace(timer, headers=timer.headers + _headers(work, death))


def smaller(record: Record) -> Record | None:
    """The dead letter without its longest dispensable header, the traceback first; None if nothing is left to drop."""
    for name in _DISPENSABLE:
        if record.header(name) is not None:
            return replace(record, headers=tuple(header for header in record.headers if header[0] != name))
    return None


def _headers(work: Work, death: Death) -> Headers:
    at = work.row.at if isinstance(work, Firing) else work.record.at
    error = death.error
    texts = {
        "__dlq.errors.topic": at.topic,
        "__dlq.errors.partition": str(at.partition),
        "__dlq.errors.offset": str(work.offset),
        "__dlq.errors.group": death.group,
        "__dlq.errors.delivery.count": str(death.attempts),
        MESSAGE: death.outcome.detail,
        "x-dlq-handler": death.entry,
        "x-dlq-reason": death.outcome.reason,
        "x-dlq-attempts": str(death.attempts),
        "x-dlq-first-failed-at": rfc3339(death.first_failed_at),
        "x-dlq-failed-at": rfc3339(death.failed_at),
        "x-dlq-app-version": death.version,
        "x-dlq-exception": "" if error is None else f"{type(error).__module__}.{type(error).__qualname__}",
        TRACEBACK: "" if error is None else frames(error, limit=MAX_TRACEBACK),
    }
    return tuple((name, text.encode("utf-8", "replace")) for name, text in texts.items() if text)


def unexpected(error: BaseException) -> Dead:
    """The outcome of a record whose published events the log refuses for ever."""
    return Dead("oversize", describe(error))
