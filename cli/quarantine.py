"""Deliveries of the quarantine taken through intake again: what became of each.

One after another, in the order in which they came: a run that is broken off repeats one at most, under the same ids.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from cli.event_rows import holding, rfc3339
from cli.output import printable
from cli.overtaken import read_on
from dispatcher.alone import partitions_of
from eventlog.errors import RecordRefused
from eventlog.log import EventLog
from receiver import problems
from receiver.intake import Accepted, Handshaken, Outcome, Refusal
from receiver.polling.publishing import Publisher
from receiver.quarantine import Quarantined, opened
from receiver.server import utc_now
from receiver.sources.platform import Unreadable
from receiver.sources.source import Source
from schemas.record import StoredRecord
from schemas.topics import Topics
from store.quarantine import QuarantineName
from store.store import Store

Became: TypeAlias = Literal["published", "known", "nothing", "invalid"]
"""What became of a delivery.

Events of it were published (published); all of them were before (known); it tells none (nothing); it cannot be read as
its source is configured now, and stays (invalid).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which deliveries are meant."""

    id: str | None = None
    source: str | None = None
    since: datetime | None = None

    def __call__(self, delivery: Quarantined) -> bool:
        """Whether one is."""
        return (
            self.id in (None, delivery.id)
            and self.source in (None, delivery.source)
            and (self.since is None or delivery.received_at >= self.since)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one delivery."""

    name: QuarantineName
    delivery: Quarantined
    became: Became
    # The ids of its events that were not there before, and how many were.
    published: tuple[str, ...] = ()
    known: int = 0
    # Why it is invalid; nothing of what it says.
    why: str = ""

    def row(self) -> dict[str, Any]:
        """What a program is told."""
        return {
            "id": self.delivery.id,
            "source": self.delivery.source,
            "received_at": rfc3339(self.delivery.received_at),
            "partition": self.name.at.partition,
            "offset": self.name.offset,
            "state": self.became,
            "published": list(self.published),
            "known": self.known,
            "why": self.why,
        }

    def sentence(self, *, dry_run: bool) -> str:
        """What a person is told, safe to print."""
        known = f", {self.known} were before" if self.known else ""
        what = {
            "published": f"{'would publish' if dry_run else 'published'} {counted(len(self.published))}{known}",
            "known": "already published",
            "nothing": "tells no event",
            "invalid": f"still invalid: {self.why}",
        }[self.became]
        one = self.delivery
        return f"{printable(one.id)}  {printable(one.source)}  {rfc3339(one.received_at)}  {printable(what)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where deliveries of the quarantine are decided on anew."""

    log: EventLog
    store: Store
    publisher: Publisher
    sources: Mapping[str, Source]
    topics: Topics
    dry_run: bool = False
    # The events that a dry run would have published by now: a later copy of them is one.
    promised: set[tuple[str, str]] = field(default_factory=set)

    async def run(self, chosen: Chosen, stopping: asyncio.Event) -> AsyncGenerator[Told]:
        """Decide on those that are chosen and were not dealt with, and yield what became of each.

        One that is asked for by its id is told of, although it was dealt with.

        Args:
            chosen: which.
            stopping: ends it before the next one.

        Raises:
            EventLogError, TimeoutError: the log does not answer.
            StoreError: the store, or that of accepted ids.
        """
        identity = await self.log.identity()
        async for record in in_order(self.log, self.topics.name("quarantine"), chosen):
            delivery = opened(record)
            if stopping.is_set():
                return
            if delivery is None or not chosen(delivery):
                continue
            name = _named(record, delivery, identity)
            if await self.store.quarantine.done([name]):
                if chosen.id is not None:
                    yield Told(name=name, delivery=delivery, became="known")
                continue
            told = await self._decide(name, delivery)
            if told.became != "invalid" and not self.dry_run:
                await self.store.quarantine.note(name, events=len(told.published), now=utc_now())
            yield told

    async def _decide(self, name: QuarantineName, delivery: Quarantined) -> Told:
        source = self.sources.get(delivery.source)
        if source is None:
            why = f"there is no source {delivery.source} any more"
            return Told(name=name, delivery=delivery, became="invalid", why=why)
        outcome = delivery.again(source, self.topics)
        if isinstance(outcome, Handshaken):
            return Told(name=name, delivery=delivery, became="nothing")
        if isinstance(outcome, Refusal | Unreadable):
            return Told(name=name, delivery=delivery, became="invalid", why=problem(outcome))
        try:
            return await self._publish(name, delivery, source, outcome)
        except RecordRefused as error:
            return Told(name=name, delivery=delivery, became="invalid", why=str(error))

    async def _publish(self, name: QuarantineName, delivery: Quarantined, source: Source, accepted: Accepted) -> Told:
        new = dict.fromkeys(one.id for one in await self.publisher.fresh(source, [accepted]))
        fresh = tuple(one for one in new if (source.name, one) not in self.promised)
        if self.dry_run:
            self.promised.update((source.name, one) for one in fresh)
        elif fresh:
            await self.publisher.publish(source, [accepted])
        became: Became = "published" if fresh else "known" if accepted.ids else "nothing"
        known = len(set(accepted.ids) - set(fresh))
        return Told(name=name, delivery=delivery, became=became, published=fresh, known=known)


def counted(events: int) -> str:
    """A number of events, in words."""
    return "1 event" if events == 1 else f"{events:,} events"


def problem(outcome: Outcome | Unreadable) -> str:
    """Why a delivery cannot be read, as its sender would be told."""
    if isinstance(outcome, Refusal):
        return outcome.problem.title
    if not isinstance(outcome, Unreadable):
        return ""
    kind = problems.NOT_JSON if outcome.kind == "not-json" else problems.NOT_FITTING
    return f"{kind.title}: {', '.join(outcome.fields)}" if outcome.fields else kind.title


async def in_order(log: EventLog, topic: str, chosen: Chosen) -> AsyncIterator[StoredRecord]:
    """The records of the quarantine that may be chosen, all partitions together, in the order in which they came.

    Raises:
        EventLogError: the log does not answer.
    """
    partitions = holding(
        await partitions_of(log, [topic]), None if chosen.id is None else chosen.id.encode("utf-8", "replace")
    )
    start = await log.offsets(partitions, chosen.since or "earliest")
    streams = [read_on(log, {at: offset}) for at, offset in start.items()]
    # Of each partition one record is held: bodies may be large.
    heads = {place: record for place, one in enumerate(streams) if (record := await anext(one, None)) is not None}
    while heads:
        place = min(heads, key=lambda each: heads[each].timestamp)
        yield heads.pop(place)
        if (record := await anext(streams[place], None)) is not None:
            heads[place] = record


def _named(record: StoredRecord, delivery: Quarantined, identity: str) -> QuarantineName:
    return QuarantineName(
        log=identity, at=record.at, offset=record.offset, name=delivery.id, timestamp=record.timestamp
    )
