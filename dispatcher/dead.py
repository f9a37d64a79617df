"""Dead letters: the event byte for byte, with why it is here in text headers.

`__dlq.errors.*` are the names of Kafka's own dead-letter queues (KIP-1191), `x-dlq-*` are ours. Nothing of the payload
is in any of them. They stand behind the event's own headers, so a letter can be taken apart again (`opened`).
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from dispatcher.errors import frames
from dispatcher.outcome import Dead
from dispatcher.work import Firing, Replayed, Work, place_of
from schemas.envelope import encode, rfc3339
from schemas.record import Headers, Record, StoredRecord
from store.replay_rows import LetterName, Order

MAX_TRACEBACK = 8 * 1024
"""Bytes of `x-dlq-traceback`."""
MAX_HISTORY = 20
"""Earlier deaths that `x-dlq-history` tells of, the last ones."""
TRACEBACK = "x-dlq-traceback"
MESSAGE = "__dlq.errors.message"
LOG = "x-dlq-log"
FIRST_FAILED_AT = "x-dlq-first-failed-at"
FAILED_AT = "x-dlq-failed-at"
HISTORY = "x-dlq-history"
# Ours begin with it.
_TOPIC = "__dlq.errors.topic"
_DISPENSABLE = (TRACEBACK, MESSAGE, "x-dlq-exception", HISTORY)
# What the history keeps of a death: its name there, the header, and the most characters.
_KEPT = (
    ("failed_at", FAILED_AT, 40),
    ("reason", "x-dlq-reason", 40),
    ("attempts", "x-dlq-attempts", 10),
    ("error", MESSAGE, 200),
    ("version", "x-dlq-app-version", 40),
)


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


@dataclass(frozen=True, slots=True)
class Opened:
    """A dead letter, taken apart."""

    name: LetterName
    # The record as it was before it died, at its first place.
    record: StoredRecord
    # The event log that place is in; empty if the letter does not say.
    log: str
    # What the letter says of its death.
    death: Headers

    def order(self, *, redo_effects: bool = False) -> Order:
        """What to ask the store for, to have it replayed."""
        return Order(letter=self.name, record=self.record, log=self.log, death=self.death, redo_effects=redo_effects)


def letter(work: Work, death: Death, topic: str) -> Record:
    """The dead letter of a record, or of a timer: key, value, headers and timestamp as they were, and ours behind."""
    if isinstance(work, Firing):
        timer = encode(work.event(), topic)
        return replace(timer, headers=timer.headers + _headers(work, death))
    record = work.record
    return Record(
        topic=topic,
        key=record.key,
        value=record.value,
        headers=record.headers + _headers(work, death),
        timestamp=record.timestamp,
    )


def opened(letter: StoredRecord) -> Opened | None:
    """What `letter` put together; None for a record that is no dead letter of ours."""
    begin = max((place for place, (name, _) in enumerate(letter.headers) if name == _TOPIC), default=None)
    if begin is None:
        return None
    death = letter.headers[begin:]
    given = dict(death)
    try:
        record = StoredRecord(
            topic=given[_TOPIC].decode(),
            partition=int(given["__dlq.errors.partition"]),
            offset=int(given["__dlq.errors.offset"]),
            key=letter.key,
            value=letter.value,
            headers=letter.headers[:begin],
            timestamp=letter.timestamp,
        )
    except (KeyError, ValueError):
        return None
    return Opened(name_of(letter), record, given.get(LOG, b"").decode("utf-8", "replace"), death)


def name_of(letter: StoredRecord) -> LetterName:
    """What names a dead letter, whatever it says."""
    given = {name: value.decode("utf-8", "replace") for name, value in letter.headers}
    return LetterName(
        handler=given.get("x-dlq-handler", ""),
        at=letter.at,
        offset=letter.offset,
        source=given.get("ce_source", "").rpartition("/")[2],
        event_id=given.get("ce_id", ""),
        failed_at=given.get(FAILED_AT, ""),
    )


def smaller(record: Record) -> Record | None:
    """The dead letter without its longest dispensable header, the traceback first; None if nothing is left to drop."""
    for name in _DISPENSABLE:
        if record.header(name) is not None:
            return replace(record, headers=tuple(header for header in record.headers if header[0] != name))
    return None


def _headers(work: Work, death: Death) -> Headers:
    at, offset, log = place_of(work)
    error = death.error
    texts = {
        "__dlq.errors.topic": at.topic,
        "__dlq.errors.partition": str(at.partition),
        "__dlq.errors.offset": str(offset),
        "__dlq.errors.group": death.group,
        "__dlq.errors.delivery.count": str(death.attempts),
        MESSAGE: death.outcome.detail,
        LOG: log,
        "x-dlq-handler": death.entry,
        "x-dlq-reason": death.outcome.reason,
        "x-dlq-attempts": str(death.attempts),
        FIRST_FAILED_AT: rfc3339(death.first_failed_at),
        FAILED_AT: rfc3339(death.failed_at),
        "x-dlq-app-version": death.version,
        "x-dlq-exception": "" if error is None else f"{type(error).__module__}.{type(error).__qualname__}",
        TRACEBACK: "" if error is None else frames(error, limit=MAX_TRACEBACK),
    }
    if isinstance(work, Replayed) and work.replay.death:
        texts |= _earlier(work.replay.death)
    return tuple((name, text.encode("utf-8", "replace")) for name, text in texts.items() if text)


def _earlier(death: Headers) -> dict[str, str]:
    """What a letter that died again says of the deaths before: when it failed first, and a line on each."""
    given = {name: value.decode("utf-8", "replace") for name, value in death}
    last = {short: given[name][:most] for short, name, most in _KEPT if name in given}
    history = json.dumps([*_history(given.get(HISTORY, "[]")), last][-MAX_HISTORY:], separators=(",", ":"))
    first = {FIRST_FAILED_AT: given[FIRST_FAILED_AT]} if FIRST_FAILED_AT in given else {}
    return first | {HISTORY: history}


def _history(text: str) -> list[object]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return found if isinstance(found, list) else []
