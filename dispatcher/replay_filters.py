"""Which events of a topic a replay means, and the order for each. Pure: reads headers and keys, decodes no event."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

from dispatcher import dead
from dispatcher.reader import Wanted
from dispatcher.work import Heading
from schemas.envelope import rfc3339
from schemas.record import StoredRecord
from store.decisions import Rename, called_now, time_of
from store.replay_jobs import JobOrder
from store.replay_rows import LetterName, Order


def _encodable(text: str) -> str:
    # An argument of bytes that are no text: it cannot be written down, and no event has it.
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError(f"{text.encode('utf-8', 'backslashreplace').decode()} is no text: it is not UTF-8")
    return text


Word = Annotated[str, AfterValidator(_encodable)]
"""What an event may have."""


class Filters(BaseModel):
    """What is asked of an event; nothing is asked where nothing stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Of dead letters.
    reasons: tuple[Word, ...] = ()
    # May hold `*`.
    types: tuple[Word, ...] = ()
    sources: tuple[Word, ...] = ()
    keys: tuple[Word, ...] = ()
    ids: tuple[Word, ...] = ()
    # When the letter's event died, or the event of a topic was received: from the first, before the second.
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def match(self, record: StoredRecord, at: datetime | None) -> bool:
        """Whether an event is meant, whatever its letter says.

        Args:
            record: the event.
            at: the time that counts; None if it is not known.
        """
        heading = Heading.of(record)
        kind, source, identity, key = (
            _text(each) for each in (heading.event_type, heading.source_name, heading.event_id, record.key)
        )
        return (
            (not self.types or any(fnmatchcase(kind, each) for each in self.types))
            and _among(source, self.sources)
            and _among(key, self.keys)
            and _among(identity, self.ids)
            and (self.since is None or (at is not None and at >= self.since))
            and (self.until is None or (at is not None and at < self.until))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FromDead:
    """Picks dead letters of an entry."""

    job: JobOrder
    filters: Filters
    # The names that entries had before.
    renames: Collection[Rename] = ()

    def __call__(self, record: StoredRecord) -> Order | None:
        """What to ask for; None if the letter is not meant, or none of hookline's."""
        opened = dead.opened(record)
        if opened is None or called_now(opened.name.handler, opened.name.failed_at, self.renames) != self.job.handler:
            return None
        reason = _text(dict(opened.death).get("x-dlq-reason"))
        if not _among(reason, self.filters.reasons):
            return None
        if not self.filters.match(opened.record, time_of(opened.name.failed_at)):
            return None
        order = opened.order(redo_effects=self.job.redo_effects)
        letter = replace(order.letter, handler=self.job.handler)
        return replace(order, letter=letter, identity=Heading.of(opened.record).identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class FromTopics:
    """Picks events that an entry was given before."""

    job: JobOrder
    filters: Filters
    # What its handler is given.
    wanted: Wanted
    # When the replay was asked for: another one may mean the same events.
    asked_at: datetime

    def __call__(self, record: StoredRecord) -> Order | None:
        """What to ask for; None if the event is not meant."""
        heading = Heading.of(record)
        received = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        if not self.wanted(heading) or not self.filters.match(record, received):
            return None
        name = LetterName(
            handler=self.job.handler,
            at=record.at,
            offset=record.offset,
            source=_text(heading.source_name),
            event_id=_text(heading.event_id),
            failed_at=rfc3339(self.asked_at),
        )
        return Order(
            letter=name,
            record=record,
            death=(),
            log=self.job.log,
            redo_effects=self.job.redo_effects,
            identity=heading.identity,
        )


def _among(text: str, those: Collection[str]) -> bool:
    return not those or text in those


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")
