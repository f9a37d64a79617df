"""What a replay would do: counted by reading what it would read; nothing is written."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from dispatcher import replay_cursor
from dispatcher.dead_limit import LEAST
from dispatcher.replay_reading import Pick, page
from dispatcher.work import Heading
from eventlog.log import EventLog
from schemas.durations import in_words
from schemas.envelope import rfc3339
from store.decisions import Decisions, time_of
from store.replay_jobs import JobOrder
from store.replay_rows import Order
from store.store import Store

# Ids that are told.
_SAMPLE = 5
# More events than these are not begun by mistake.
_HANDFUL = 10
# Letters that are looked up at once.
_PAGE = 500


@dataclass(slots=True)
class Plan:
    """What was counted so far."""

    spacing: timedelta | None
    # Whether effects are forgotten first, also those of which nobody knows.
    redo_effects: bool = False
    # Event type and reason → events.
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    # Events that are meant and are dealt with, or under way.
    skipped: int = 0
    first: datetime | None = None
    last: datetime | None = None
    sample: list[str] = field(default_factory=list)
    _seen: set[bytes] = field(default_factory=set)

    @property
    def events(self) -> int:
        """How many would be replayed."""
        return self.counts.total()

    @property
    def lasts(self) -> timedelta | None:
        """How long that takes at least, with a rate."""
        return None if self.spacing is None else self.spacing * self.events

    @property
    def warning(self) -> str:
        """What it would do that nobody wants; empty: nothing that a letter tells of."""
        uncertain = sum(count for (_, reason), count in self.counts.items() if reason == "uncertain")
        if self.redo_effects or not uncertain:
            return ""
        return (
            f"{uncertain:,} of them died as uncertain: each dies again at once unless its effect of `once` has a probe "
            f"by now, and {LEAST} such deaths can stop the handler. Give the effect a probe first, or say "
            "--redo-effects, which runs effects anew, also those that happened"
        )

    def question(self, handler: str) -> str:
        """What to ask before it is begun; empty: it is a small matter."""
        if self.first is None or self.last is None or (self.events <= _HANDFUL and not self.redo_effects):
            return ""
        given = f"{self.events:,} event{'s' * (self.events != 1)}, from {_short(self.first)} to {_short(self.last)}"
        anew = ", and run effects of `once` anew, also those that happened" if self.redo_effects else ""
        return f"Give {handler} again {given}{anew}?"

    def add(self, orders: Collection[Order], decided: Decisions) -> None:
        """Count some more."""
        for order in orders:
            event = order.letter.event if order.letter.event_id else order.letter.slot
            if event in self._seen or not decided.allow(order.letter):
                self.skipped += 1
                continue
            self._seen.add(event)
            self._count(order)

    def _count(self, order: Order) -> None:
        kind = Heading.of(order.record).event_type.decode("utf-8", "replace")
        reason = dict(order.death).get("x-dlq-reason", b"").decode("utf-8", "replace")
        self.counts[kind, reason] += 1
        received = datetime.fromtimestamp(order.record.timestamp / 1000, UTC)
        at = (time_of(order.letter.failed_at) if order.death else None) or received
        self.first = min(self.first or at, at)
        self.last = max(self.last or at, at)
        if len(self.sample) < _SAMPLE:
            self.sample.append(order.letter.event_id or f"{order.letter.at.partition}@{order.letter.offset}")

    def row(self) -> dict[str, Any]:
        """For programs."""
        return {
            "events": self.events,
            "skipped": self.skipped,
            "counts": [
                {"type": kind, "reason": reason or None, "events": count}
                for (kind, reason), count in self.counts.most_common()
            ],
            "first": None if self.first is None else rfc3339(self.first),
            "last": None if self.last is None else rfc3339(self.last),
            "sample": self.sample,
            "seconds": None if self.lasts is None else self.lasts.total_seconds(),
            "warning": self.warning or None,
        }

    def lines(self) -> list[str]:
        """For people."""
        told = [f"{self.events:,} events would be replayed"]
        if self.skipped:
            told[0] += f"; {self.skipped:,} more are dealt with already, or under way"
        for (kind, reason), count in self.counts.most_common():
            told.append(f"  {count:>9,}  {kind}" + (f"  {reason}" if reason else ""))
        if self.first is not None and self.last is not None:
            told.append(f"from {_short(self.first)} to {_short(self.last)}, such as {', '.join(self.sample)}")
        if self.lasts is not None and self.events:
            whole = timedelta(seconds=max(1, round(self.lasts.total_seconds())))
            told.append(f"at this rate it takes at least {in_words(whole)}")
        if self.warning:
            told.append(self.warning)
        return told


async def planned(log: EventLog, store: Store, order: JobOrder, picked: Pick) -> Plan:
    """Read all that a replay would read.

    Raises:
        EventLogError: the log failed.
        StoreError: the store failed.
    """
    plan, cursor = Plan(order.spacing, order.redo_effects), replay_cursor.decode(order.cursor)
    while replay_cursor.left(cursor):
        found = await page(log, cursor, picked, steps=_PAGE)
        orders = [step.order for step in found.steps]
        plan.add(orders, await store.replay_jobs.decided(orders))
        cursor = found.after
    return plan


def _short(at: datetime) -> str:
    return rfc3339(at.replace(microsecond=0))
