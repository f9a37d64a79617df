"""Setting an entry's positions back, so that it is given events again, or forward, so that it is not given some.

Timers and effects stay: an event that is given again moves no timer that a later one wrote, and repeats no effect of
`once` that has happened.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dispatcher import metadata
from dispatcher.alone import ALONE, alone
from dispatcher.errors import ChangeRefused
from dispatcher.tracker import Finished, Progress
from eventlog.log import Commit, EventLog
from schemas.record import TopicPartition

Target = Literal["earliest", "end"] | datetime | Mapping[TopicPartition, int]
"""Where to: the first record there is, the last, the first at or after a time, or an offset of each partition named."""


@dataclass(frozen=True, slots=True)
class Move:
    """One partition's position."""

    at: TopicPartition
    # The offset it was at; None where the log forgot it.
    before: int | None
    # Where it is to be, and what is settled ahead of that.
    after: Progress
    # Records between the two that were settled and are given again, or were not and never will be; at most, for there
    # may be others than the entry's.
    repeats: int
    skips: int


async def plan(
    log: EventLog,
    group: str,
    partitions: Collection[TopicPartition],
    target: Target,
    *,
    begun: Collection[TopicPartition] = (),
) -> list[Move]:
    """What setting the positions would do. Changes nothing.

    Args:
        log: the event log.
        group: of the entry.
        partitions: all that the entry may read.
        target: where to.
        begun: where the entry began, as the store knows: a position that is missing there, the log forgot.

    Raises:
        ChangeRefused: the entry has no position, or a target is not in the log.
        LogUnavailable: the log is away.
    """
    positions = await log.group_positions(group, partitions)
    known = {at: commit for at, commit in positions.items() if commit is not None or at in begun}
    if not known:
        raise ChangeRefused(f"the group {group} has no position: its entry never ran here, and begins at its `start`")
    to = await _offsets(log, known, target)
    moves = [_move(at, known[at], offset) for at, offset in sorted(to.items())]
    return [move for move in moves if move.before != move.after.watermark]


async def carry_out(
    log: EventLog,
    group: str,
    partitions: Collection[TopicPartition],
    moves: Collection[Move],
    *,
    store: str,
    within: float = ALONE,
) -> None:
    """Set the positions as planned.

    Args:
        log: the event log.
        group: of the entry.
        partitions: all that the entry reads.
        moves: what `plan` gave.
        store: the store's id.
        within: how long to wait until the group is ours alone, in seconds.

    Raises:
        GroupInUse: somebody works for it.
        ChangeRefused: it has worked meanwhile; plan anew.
        EventLogError: the log failed.
    """
    async with alone(log, group, partitions, within=within) as held:
        positions = await log.group_positions(group, [move.at for move in moves])
        now = {at: None if commit is None else commit.offset for at, commit in positions.items()}
        if any(now[move.at] != move.before for move in moves):
            raise ChangeRefused(f"the group {group} went on since it was looked at: call this again")
        await held.commit({move.at: Commit(move.after.watermark, metadata.encode(move.after, store)) for move in moves})


async def _offsets(
    log: EventLog, known: Mapping[TopicPartition, Commit | None], target: Target
) -> Mapping[TopicPartition, int]:
    if not isinstance(target, Mapping):
        return await log.offsets(known.keys(), target)
    first, end = await log.offsets(known.keys(), "earliest"), await log.offsets(known.keys(), "end")
    for at, offset in target.items():
        if at not in known:
            raise ChangeRefused(f"the entry has no position in {at.topic}/{at.partition}")
        if not first[at] <= offset <= end[at]:
            raise ChangeRefused(f"{at.topic}/{at.partition} has no offset {offset}: it has {first[at]} to {end[at]}")
    return target


def _move(at: TopicPartition, commit: Commit | None, offset: int) -> Move:
    if commit is None:
        # What it had settled of the records that are there now, nobody knows.
        return Move(at, None, Progress(offset, Finished(offset)), repeats=0, skips=0)
    known = metadata.decode(commit.metadata, commit.offset)
    settled = Finished(commit.offset) if known is None else known.finished
    if offset < commit.offset:
        repeats = settled.high - offset - len(settled.unfinished)
        return Move(at, commit.offset, Progress(offset, Finished(offset)), repeats=repeats, skips=0)
    left = tuple(each for each in settled.unfinished if each >= offset)
    skips = len(settled.unfinished) - len(left) + max(0, offset - settled.high)
    after = Progress(offset, Finished(max(offset, settled.high), left))
    return Move(at, commit.offset, after, repeats=0, skips=skips)
