"""What happens, told to plain callables: `hookline dev` prints a line for each, tests look at them.

An observer must not raise and must not wait; it is called between two steps of the worker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from dispatcher.outcome import Dead, Done, Outcome, Retry
from schemas.record import TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptBegan:
    """A handler is called."""

    entry: str
    event_id: str
    source: str
    # When hookline received the event, as of `AttemptEnded`.
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """A handler returned or failed."""

    entry: str
    event_id: str
    event_type: str
    source: str
    key: str
    at: TopicPartition
    # The place of the event; for a timer, of the newest record read before it.
    offset: int
    # The event log of that place, where it is not the one that is read.
    other_log: str = ""
    # When hookline received the event, if the attempt is for its arrival: not of timers and replays, which are due now.
    received_at: datetime | None = None
    # From 1.
    attempt: int
    outcome: Outcome
    took: timedelta
    # What the handler raised, with its traceback; its text may hold a payload.
    error: BaseException | None = None
    # What happens next, where the outcome alone does not say it.
    following: str = ""

    @property
    def next(self) -> str:
        """What happens next, in a few words for people."""
        return self.following or next_of(self.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerStarted:
    """An entry reads its topics."""

    entry: str
    group: str
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerStopped:
    """An entry does not run any more, or could not start; `reason` says why and what to do."""

    entry: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerChanged:
    """A timer was set (`due` says for when) or cancelled."""

    entry: str
    name: str
    source: str
    key: str
    due: datetime | None


Happening: TypeAlias = AttemptBegan | AttemptEnded | HandlerStarted | HandlerStopped | TimerChanged
Observer: TypeAlias = Callable[[Happening], None]


def next_of(outcome: Outcome) -> str:
    """What happens after an attempt, in a few words for people."""
    match outcome:
        case Done():
            return "done"
        case Retry(after=after):
            return f"retry in {span(after)}"
        case Dead(reason=reason):
            return f"dead letter ({reason})"


def span(after: timedelta) -> str:
    """How long something takes, for people."""
    seconds = after.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:  # noqa: PLR2004 - two minutes are still told in seconds
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
