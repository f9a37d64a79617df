"""What entries have not settled in an embedded log that is to be left."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cli.lags import behind, lags
from dispatcher.alone import partitions_of
from dispatcher.settings import Entry
from dispatcher.worker import topics_of
from eventlog.log import EventLog
from eventlog.sqlite import SqliteEventLog
from schemas.record import TopicPartition
from schemas.topics import Topics


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What an embedded log holds that was not handled."""

    # Entry → events, for the entries that have some.
    events: Mapping[str, int]
    # Entries that read them before, and do not run: those that have some may be called so now.
    former: tuple[str, ...] = ()


async def unsettled(log: EventLog, topics: Topics, entries: Iterable[Entry]) -> Unsettled:
    """What some entries have not settled.

    An entry that never ran there counts only where none of them did, and then for what nobody settled: it may have had
    another name, and one that is added later does not look back.

    Raises:
        EventLogError: the log does not answer.
    """
    listed = list(entries)
    found, former = await lags(log, topics, listed), frozenset[str]()
    if all(lag is None for lag in found.values()):
        former = await _groups(log, topics)
        found = {entry.name: await _unbegun(log, topics, entry, former) for entry in listed}
    names = sorted(group.removeprefix(topics.prefix) for group in former)
    return Unsettled({name: lag for name, lag in found.items() if lag}, tuple(names))


async def _groups(log: EventLog, topics: Topics) -> frozenset[str]:
    """The groups of ours that have positions in an embedded log."""
    found = await log.groups() if isinstance(log, SqliteEventLog) else ()
    return frozenset(group for group in found if group.startswith(topics.prefix))


async def _unbegun(log: EventLog, topics: Topics, entry: Entry, others: frozenset[str]) -> int:
    """How many events an entry that never ran would be given if it began now, of those that no other group settled.

    Where there are other groups, what none of them read is not looked back at.
    """
    if entry.start == "now":
        return 0
    partitions = await partitions_of(log, topics_of(entry, topics))
    begin, end = await log.offsets(partitions, entry.start), await log.offsets(partitions, "end")
    whole = {at: end[at] - begin[at] for at in partitions}
    left: dict[TopicPartition, int] = {}
    for group in others:
        for at, commit in (await log.group_positions(group, partitions)).items():
            if commit is not None:
                left[at] = min(left.get(at, whole[at]), behind(commit, end[at]))
    return sum((left if others else whole).values())
