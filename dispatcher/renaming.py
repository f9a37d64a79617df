"""Giving an entry another name: its rows, its positions, its marks. May be broken off anywhere and called again.

First the rows, of them first the marks: a worker of the new name that comes too early finds that it has begun and has
no position, and stops. Then the positions, and last the old group is forgotten, so that it holds nothing back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dispatcher.alone import ALONE, alone, partitions_of, readable
from dispatcher.errors import ChangeRefused
from eventlog.log import Commit, EventLog
from schemas.record import TopicPartition
from schemas.topics import Topics
from store.store import Store

Positions = Mapping[TopicPartition, Commit | None]


@dataclass(frozen=True, slots=True)
class Renamed:
    """What was moved."""

    rows: int
    # Partitions whose position was.
    positions: int


async def rename(
    log: EventLog, store: Store, topics: Topics, *, old: str, new: str, now: datetime, within: float = ALONE
) -> Renamed:
    """Make an entry's past another's, which has none.

    Args:
        log: the event log.
        store: the store.
        topics: how topics and groups are called.
        old: the entry as it was called.
        new: as it is called from now on.
        now: the time.
        within: how long to wait until both groups are ours alone, in seconds.

    Raises:
        ChangeRefused: there is nothing of the old name, or the new one has a past of its own.
        GroupInUse: somebody works for one of them.
        EventLogError: the log failed; call again.
        StoreError: the store failed; call again.
    """
    partitions = await partitions_of(log, readable(topics))
    ours, theirs = f"{topics.prefix}{old}", f"{topics.prefix}{new}"
    async with (
        alone(log, ours, partitions, within=within),
        alone(log, theirs, partitions, within=within) as held,
    ):
        before, after = await log.group_positions(ours, partitions), await log.group_positions(theirs, partitions)
        await _check(store, before, after, old=old, new=new)
        rows = await store.entry_rows.rename(old, new, now)
        moved = {at: commit for at, commit in before.items() if commit is not None}
        if moved:
            await held.commit(moved)
    await log.forget(ours)
    return Renamed(rows, len(moved))


async def _check(store: Store, before: Positions, after: Positions, *, old: str, new: str) -> None:
    rows = store.entry_rows
    if not any(before.values()) and not await rows.is_known(old):
        raise ChangeRefused(f"nothing is known of {old}: neither a position nor a row. Was it renamed already?")
    own = any(commit is not None and commit != before[at] for at, commit in after.items())
    began = await rows.began(old)
    if began and (own or await rows.began(new)):
        raise ChangeRefused(
            f"{new} has a past of its own: it has run. `hookline handlers forget {new}` drops that, then call this "
            "again; or give the entry another name"
        )
    if own:
        raise ChangeRefused(
            f"{new} goes on from where {old} was, or has run by itself, and {old} has only positions left: if it was "
            f"renamed before, `hookline handlers forget {old}` drops them"
        )
