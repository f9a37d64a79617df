"""Whether what a member committed is still there: Kafka forgets it with a deleted topic or group, and says nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from eventlog.errors import EventLogError, PositionLost
from eventlog.log import Commit
from schemas.record import TopicPartition

Asked = Mapping[TopicPartition, Commit | None]

EVERY: Final = 5.0
"""Seconds between two questions."""


class Kept:
    """The positions of one member.

    Args:
        group: whose.
        ask: for committed positions.
        now: seconds of a clock.
    """

    def __init__(
        self, group: str, ask: Callable[[Collection[TopicPartition]], Awaitable[Asked]], now: Callable[[], float]
    ) -> None:
        self._group = group
        self._ask = ask
        self._now = now
        # Those that are known to have been there.
        self._seen: set[TopicPartition] = set()
        self._asked_at = now()
        self._asking: asyncio.Task[Asked] | None = None

    def saw(self, partitions: Collection[TopicPartition]) -> None:
        """Take note of partitions with a position."""
        self._seen.update(partitions)

    def check(self, owned: frozenset[TopicPartition]) -> None:
        """Ask in the background, now and then; what was found is raised by a later call.

        Args:
            owned: the partitions that are ours now.

        Raises:
            PositionLost: a position that was there is not there any more.
        """
        if self._asking is None and self._seen and self._now() - self._asked_at >= EVERY:
            self._asking = asyncio.create_task(self._answer(frozenset(self._seen)), name="kafka-kept")
        elif self._asking is not None and self._asking.done():
            answer, self._asking, self._asked_at = self._asking, None, self._now()
            for at in sorted(at for at, commit in answer.result().items() if commit is None and at in self._seen):
                why = f"the position of group {self._group} is gone: its topic was deleted, or the group was"
                raise PositionLost(why, at=at, wanted=None, earliest=0)
            # Asked once more after they were taken away: a partition goes so to another member, or with its topic.
            self._seen &= owned

    async def end(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _answer(self, partitions: Collection[TopicPartition]) -> Asked:
        try:
            return await self._ask(partitions)
        except EventLogError:
            # Whoever reads meets the same error, and tells it.
            return {}
