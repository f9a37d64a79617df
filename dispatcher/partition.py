"""A partition that this worker owns, under one epoch: how far it is, what it holds in memory, its timers."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from dispatcher.caution import Caution
from dispatcher.equipment import Limits
from dispatcher.timers import Gate, Timers
from dispatcher.tracker import Tracker
from dispatcher.work import Received
from schemas.record import TopicPartition
from store.owners import Epoch
from store.schedule import TimerRow


@dataclass(slots=True)
class Recent:
    """The ids settled last.

    A frozen broker may write a batch once more, after it was given up and written again: the copy is recognised here.
    """

    bound: int
    _ids: set[bytes] = field(default_factory=set)
    _order: deque[bytes] = field(default_factory=deque)

    def __contains__(self, identity: bytes) -> bool:
        return identity in self._ids

    def add(self, identity: bytes) -> None:
        """Take note of an id; the oldest one is forgotten."""
        if identity in self._ids or self.bound == 0:
            return
        if len(self._order) >= self.bound:
            self._ids.discard(self._order.popleft())
        self._ids.add(identity)
        self._order.append(identity)


@dataclass(slots=True, eq=False)
class Partition:
    """One partition while it is ours."""

    at: TopicPartition
    epoch: Epoch
    tracker: Tracker
    recent: Recent
    # None: its last owner left in order.
    caution: Caution | None = None
    timers: Timers = field(default_factory=Timers)
    # Timers that are due, before and after the partition's end was asked for.
    ripe: list[TimerRow] = field(default_factory=list)
    gate: Gate = field(default_factory=Gate)
    # What was read and is not settled, in order of offsets.
    unsettled: dict[int, Received] = field(default_factory=dict)
    unsettled_bytes: int = 0
    # The replays that lanes hold, by their ids.
    replaying: set[int] = field(default_factory=set)
    # The tasks of attempts under way.
    running: set[asyncio.Task[Any]] = field(default_factory=set)
    # It is being given back: no new attempt begins.
    closing: bool = False
    # It is not ours any more: nothing that comes of its attempts counts.
    lost: bool = False
    # `tracker.changes` as of the last commit.
    stored_changes: int = 0

    def has_room(self, limits: Limits) -> bool:
        """Whether more of it may be read."""
        return (
            not self.closing
            and not self.lost
            and len(self.unsettled) < limits.records
            and self.unsettled_bytes < limits.bytes
            and self.tracker.span < limits.span
        )

    def hold(self, work: Received) -> None:
        """Take note of a record that a lane holds from now on."""
        self.unsettled[work.offset] = work
        self.unsettled_bytes += work.size

    def settle(self, work: Received) -> None:
        """A record's work is done: it is not handled again."""
        del self.unsettled[work.offset]
        self.unsettled_bytes -= work.size
        self.tracker.done(work.offset)
        self.recent.add(work.heading.identity)

    @property
    def oldest(self) -> int | None:
        """When the oldest unsettled record was received, in milliseconds since the epoch."""
        first = next(iter(self.unsettled.values()), None)
        return None if first is None else first.record.timestamp
