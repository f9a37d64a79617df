"""How far the entries are behind: what the log holds that they have not settled, what is parked, and their timers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cli.base import Installation
from cli.errors import CommandFailed
from cli.wiring import log_url, opened_log, opened_store, store_errors_explained, store_url
from dispatcher import metadata
from dispatcher.settings import Entry
from dispatcher.worker import topics_of
from eventlog.errors import EventLogError
from eventlog.log import Commit, EventLog
from eventlog.open import sqlite_path
from schemas.record import TopicPartition
from schemas.topics import Topics
from store.entry_rows import Unread
from store.errors import StoreError
from store.migrations import pending
from store.stops import Stop


@dataclass(frozen=True, slots=True)
class Standing:
    """How an entry stands."""

    # Events it has not settled; None: it never ran.
    lag: int | None
    # Timers that are set.
    waiting: int | None
    # Events that are parked.
    parked: int | None = 0
    # Why it is to stand still.
    stop: Stop | None = None
    # Partitions whose position the log forgot: it does not go on until somebody says where.
    forgotten: int = 0
    # What waits in topics that it does not read.
    unread: Unread | None = None
    # What was under way at crashes and has not ended since → at how many, the one that may come included.
    noted: Mapping[str, int] = field(default_factory=dict)
    # Whether the log and the store told; else only `stop` may be known.
    known: bool = True


def behind(commit: Commit, end: int) -> int:
    """How many records below an end a position leaves unsettled; what was settled ahead of it counts as settled."""
    known = metadata.decode(commit.metadata, commit.offset)
    ahead = 0 if known is None else known.finished.high - commit.offset - len(known.finished.unfinished)
    return max(end - commit.offset - ahead, 0)


async def lags(log: EventLog, topics: Topics, entries: Iterable[Entry]) -> Mapping[str, int | None]:
    """Entry → events it has not settled; None for one that never ran.

    Raises:
        EventLogError: the log does not answer.
    """
    found: dict[str, int | None] = {}
    for entry in entries:
        partitions = await _partitions(log, topics, entry)
        positions = await log.group_positions(f"{topics.prefix}{entry.name}", partitions)
        ends = await log.offsets(partitions, "end")
        began = {at: commit for at, commit in positions.items() if commit is not None}
        found[entry.name] = sum(behind(commit, ends[at]) for at, commit in began.items()) if began else None
    return found


async def _partitions(log: EventLog, topics: Topics, entry: Entry) -> list[TopicPartition]:
    counts = await log.partitions(topics_of(entry, topics))
    return [TopicPartition(name, number) for name, count in counts.items() for number in range(count)]


async def _unplaced(log: EventLog, topics: Topics, entry: Entry) -> frozenset[TopicPartition]:
    """The partitions in which an entry has no position."""
    partitions = await _partitions(log, topics, entry)
    positions = await log.group_positions(f"{topics.prefix}{entry.name}", partitions)
    return frozenset(at for at, commit in positions.items() if commit is None)


async def standings(here: Installation, entries: Iterable[Entry]) -> Mapping[str, Standing]:
    """Entry → how it stands; empty where nothing was ever written.

    Raises:
        CommandFailed: the log or the store does not answer.
    """
    if not log_url(here).startswith("kafka://") and not sqlite_path(log_url(here)).exists():
        return {}
    listed = list(entries)
    try:
        async with opened_log(here) as log:
            topics = here.settings.topics.topics()
            behind_ = await lags(log, topics, listed)
            unplaced = {entry.name: await _unplaced(log, topics, entry) for entry in listed}
            identity = await log.identity()
    except EventLogError as error:
        raise CommandFailed(f"the event log does not answer: {error}") from error
    async with opened_store(here) as store:
        with store_errors_explained():
            waiting, stops = await store.schedule.waiting(identity), await store.stops.all()
            parked, noted = await store.parked.counts(), await store.suspects.all(identity)
            unread = await store.entry_rows.unread({entry.name: topics_of(entry, topics) for entry in listed})
            forgotten = {
                name: len(those & await store.owners.started(name, identity)) if those else 0
                for name, those in unplaced.items()
            }
    return {
        name: Standing(
            behind_[name],
            waiting.get(name, 0),
            parked.get(name, 0),
            stops.get(name),
            forgotten[name],
            unread.get(name),
            noted.get(name, {}),
        )
        for name in forgotten
    }


async def unknown(here: Installation, entries: Iterable[Entry]) -> Mapping[str, Standing]:
    """Entry → what the store alone tells of it, if it does: the log, or the store itself, is away."""
    stops = await stops_of(here)
    return {entry.name: Standing(None, None, None, stop=stops.get(entry.name), known=False) for entry in entries}


async def stops_of(here: Installation) -> Mapping[str, Stop]:
    """The entries that stand still because somebody wants them to; none while the store is away, which others tell."""
    try:
        if await pending(store_url(here)):
            return {}
        async with opened_store(here) as store:
            return await store.stops.all()
    except (StoreError, CommandFailed):
        return {}


def forgotten_told(name: str, partitions: int) -> str:
    """What to do about an entry whose positions the log forgot."""
    return (
        f"{name}: the log forgot its position in {partitions} partitions: a topic or its group was deleted. It is not "
        f"given their events until you stop all its workers and say where it goes on: `hookline handlers rewind {name} "
        "--to earliest` (or end, or a time)"
    )
