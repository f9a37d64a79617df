"""Looks for one event, and for what became of it: in topics, the entries' positions, dead letters, and the store."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cli.addresses import alive
from cli.backwards import newest, span
from cli.base import Installation
from cli.dead_letters import Case, Letter, cases
from cli.entry_reports import Report, ask
from cli.errors import CommandFailed, Misconfigured
from cli.event_fates import Fate, Seen, fate
from cli.event_rows import holding, source_of, text
from cli.output import printable
from cli.overtaken import read_on
from cli.picked import Picked
from cli.plugins import loaded
from cli.suspects import crashed_with, crashes_of
from cli.wiring import opened_store, store_errors_explained
from dispatcher.alone import partitions_of, readable
from dispatcher.reader import Wanted
from dispatcher.work import Heading
from eventlog.log import EventLog
from receiver.quarantine import Quarantined, opened
from schemas.record import StoredRecord
from store.decisions import Rename
from store.stops import Stop
from store.traces import EffectTrace, ParkedTrace, Trace

# Copies of one event that are told: more is nobody's accident.
_COPIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the store says."""

    # None: it does not answer.
    trace: Trace | None
    stops: Mapping[str, Stop]
    # What the workers that run here say of their entries.
    reports: Mapping[str, Report] = field(default_factory=dict)
    # The names that entries had: letters of that time keep them.
    renames: Sequence[Rename] = ()
    # Entry → what was under way at crashes and has not ended since → at how many.
    noted: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    # Why it does not.
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that is known of an event."""

    # Its first record, without the value; and the copies of it.
    record: StoredRecord
    copies: Sequence[StoredRecord]
    fates: Sequence[Fate]
    kept: Kept
    # Entries that cannot be loaded: whether they are given it is not known.
    broken: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Where an id is met that no event of the topics has."""

    quarantined: Sequence[Quarantined]
    letters: Sequence[Letter]
    kept: Kept
    # The identity of the event log.
    log: str


async def find(here: Installation, log: EventLog, event_id: str, picked: Picked) -> list[StoredRecord]:
    """The records of an event, the first one first, without their values; none if there is none.

    Args:
        here: whose.
        log: where.
        event_id: its id, as a listing shows it too, or the platform's id of its delivery.
        picked: what else is known of it.

    Raises:
        CommandFailed: there are no topics.
        Misconfigured: several events are meant.
        EventLogError: the log does not answer.
    """
    partitions = await partitions_of(log, readable(here.settings.topics.topics()))
    if not partitions:
        raise CommandFailed("there are no topics yet: create them with `hookline topics apply`")
    part = await span(log, holding(partitions, picked.key_bytes))
    meant = await newest(log, part, lambda one: _is_called(one, event_id) and picked(one), _COPIES, enough=1)
    named = [one for one in meant if event_id in _names(one)] or meant
    events = sorted({(source_of(one), text(one, "ce_id")) for one in named})
    if len(events) > 1:
        several = " and ".join(f"{printable(name)} of {printable(source)}" for source, name in events)
        raise Misconfigured(f"{printable(event_id)} stands for several events: {several}. Name one, with its --source")
    return named


async def story(here: Installation, log: EventLog, copies: Sequence[StoredRecord]) -> Story:
    """What became of an event.

    Raises:
        EventLogError: the log does not answer.
    """
    record = copies[0]
    event_id, source = text(record, "ce_id"), source_of(record)
    kept = await _kept(here, event_id, await log.identity())
    found = cases(
        await _letters(here, log, event_id, kept.renames, record), [] if kept.trace is None else kept.trace.marks
    )
    buried: dict[str, list[Case]] = {}
    for case in found:
        if case.letter.name.source == source:
            buried.setdefault(case.letter.handler, []).append(case)
    plan = loaded(here).plan
    given = [entry.name for entry in plan.entries if Wanted.of(entry)(Heading.of(record))]
    others = {*_met(kept.trace, source), *buried}.difference(given)
    seen = [await _seen(here, log, name, copies, buried.get(name, ()), kept) for name in (*given, *sorted(others))]
    broken = sorted({problem.entry for problem in plan.problems})
    return Story(record=record, copies=copies, fates=[fate(one) for one in seen], kept=kept, broken=broken)


async def elsewhere(here: Installation, log: EventLog, event_id: str) -> Elsewhere:
    """Where else an id is met: in the quarantine, among the dead letters, in the store.

    Raises:
        EventLogError: the log does not answer.
    """
    topics = here.settings.topics.topics()
    partitions = await partitions_of(log, [topics.name("quarantine")])
    part = await span(log, holding(partitions, event_id.encode("utf-8", "replace")))
    quarantined = [
        delivery
        async for record in read_on(log, part.first, until=part.end)
        if (delivery := opened(record)) is not None and delivery.id == event_id
    ]
    identity = await log.identity()
    kept = await _kept(here, event_id, identity)
    letters = await _letters(here, log, event_id, kept.renames)
    return Elsewhere(quarantined=quarantined, letters=letters, kept=kept, log=identity)


def _is_called(record: StoredRecord, event_id: str) -> bool:
    # All of a log may be asked.
    given = dict(record.headers)
    return any(event_id in _readings(given[name]) for name in ("ce_id", "ce_deliveryid") if name in given)


def _names(record: StoredRecord) -> set[str]:
    return _readings(record.header("ce_id") or b"")


def _readings(raw: bytes) -> set[str]:
    """A header as it is, and as a listing shows it."""
    name = raw.decode("utf-8", "replace")
    return {name, printable(name)}


async def _kept(here: Installation, event_id: str, log: str) -> Kept:
    reports = await asyncio.to_thread(ask, alive(here.data))
    try:
        async with opened_store(here) as store:
            with store_errors_explained():
                trace, stops = await store.traces.of(event_id), await store.stops.all()
                renames, noted = await store.entry_rows.renames(), await store.suspects.all(log)
                return Kept(trace=trace, stops=stops, reports=reports, renames=renames, noted=noted)
    except CommandFailed as error:
        return Kept(trace=None, stops={}, reports=reports, trouble=str(error))


async def _letters(
    here: Installation, log: EventLog, event_id: str, renames: Sequence[Rename], record: StoredRecord | None = None
) -> list[Letter]:
    """The dead letters of an id. Where the event is known they are of its key, and not older than it is."""
    partitions = await partitions_of(log, [here.settings.topics.topics().name("dead")])
    partitions = holding(partitions, None if record is None else record.key)
    # A letter has the time of its event.
    since = None if record is None else datetime.fromtimestamp(record.timestamp / 1000, UTC)
    part = await span(log, partitions, since)
    home = await log.identity()
    letters = (Letter(one, renames, home) async for one in read_on(log, part.first, until=part.end))
    return [letter async for letter in letters if event_id in {letter.id, printable(letter.id)}]


def _met(trace: Trace | None, source: str) -> set[str]:
    """The entries that the store has the event of."""
    if trace is None:
        return set()
    rows: tuple[ParkedTrace | EffectTrace, ...] = (*trace.parked, *trace.effects)
    return {one.handler for one in rows if one.source == source} | {
        mark.letter.handler for mark in trace.marks if mark.letter.source == source
    }


async def _seen(
    here: Installation, log: EventLog, entry: str, copies: Sequence[StoredRecord], letters: Sequence[Case], kept: Kept
) -> Seen:
    group = f"{here.settings.topics.topics().prefix}{entry}"
    positions = await log.group_positions(group, {copy.at for copy in copies})
    trace, source, report = kept.trace, source_of(copies[0]), kept.reports.get(entry, Report())
    decided = () if trace is None else trace.marks
    marks = [one for one in decided if (one.letter.handler, one.letter.source) == (entry, source)]
    crashes, suspects = crashes_of(copies, marks, crashed_with(kept.noted.get(entry, {}), report))
    return Seen(
        entry=entry,
        event_id=text(copies[0], "ce_id"),
        places=[(positions[copy.at], copy.offset) for copy in copies],
        parked=None if trace is None else [one for one in trace.parked if (one.handler, one.source) == (entry, source)],
        cases=letters,
        marks=marks,
        stop=kept.stops.get(entry),
        report=report,
        crashes=crashes,
        suspects=suspects,
    )
