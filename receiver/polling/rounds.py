"""What one round of polling is: a platform's way of finding what is new, and how it ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from receiver.intake import Outcome
from receiver.polling.publishing import Published
from receiver.sources.source import Source
from schemas.topics import Topics
from store.polls import Held, Polled, Polls


class Publishing(Protocol):
    """What a round needs of the log: everything given is durable when it returns."""

    async def publish(self, source: Source, outcomes: Sequence[Outcome]) -> Published:
        """Append what was not accepted before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round works with."""

    source: Source
    held: Held
    polls: Polls
    publisher: Publishing
    topics: Topics
    # The time of day, aware.
    clock: Callable[[], datetime]


class Asking(Protocol):
    """A platform's way: asks for what is new since the cursor, publishes it, and moves the cursor behind it."""

    async def __call__(self, work: Round, polled: Polled) -> Published:
        """Ask once.

        Raises:
            ClientError: the platform, or the way to it.
            StoreError: the store or the dedupe store; `PollNotHeld` if another process took over.
            EventLogError, TimeoutError: the log.
        """
