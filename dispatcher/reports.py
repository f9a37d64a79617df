"""Tells what became of attempts: log lines, metrics, observers, and what a dead letter says of its death."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from dispatcher.dead import Death
from dispatcher.equipment import Equipment
from dispatcher.metrics import EntryMetrics
from dispatcher.observers import AttemptEnded
from dispatcher.outcome import Dead, Done, Outcome, Retry
from dispatcher.settings import Entry
from dispatcher.work import Work, names_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reports:
    """Of one entry."""

    entry: Entry
    equipment: Equipment
    metrics: EntryMetrics

    def ended(self, work: Work, outcome: Outcome, took: timedelta, error: BaseException | None) -> None:
        """An attempt ended."""
        if isinstance(outcome, Done) and not self.equipment.observers:
            return
        names = names_of(work)
        ended = AttemptEnded(
            entry=self.entry.name,
            event_id=names.event_id,
            event_type=names.event_type,
            source=names.source,
            key=names.key,
            at=work.partition.at,
            offset=work.offset,
            attempt=work.tries.made,
            outcome=outcome,
            took=took,
            error=error,
        )
        if isinstance(outcome, Retry):
            log.warning("attempt.failed", **_fields(ended), cause=outcome.detail, next=ended.next)
        self.equipment.tell(ended)

    def buried(self, work: Work, outcome: Dead) -> None:
        """Its dead letter is kept."""
        self.metrics.dead(outcome.reason).inc()
        names, at = names_of(work), work.partition.at
        log.error(
            "event.dead",
            handler=self.entry.name,
            event_id=names.event_id,
            event_type=names.event_type,
            source=names.source,
            topic=at.topic,
            partition=at.partition,
            offset=work.offset,
            attempts=work.tries.made,
            reason=outcome.reason,
            cause=outcome.detail,
        )


def death_of(work: Work, outcome: Dead, error: BaseException | None, *, entry: Entry, equipment: Equipment) -> Death:
    """What its dead letter is to say."""
    now = equipment.clock.now()
    return Death(
        outcome=outcome,
        entry=entry.name,
        group=equipment.group(entry.name),
        error=error,
        attempts=work.tries.made,
        first_failed_at=work.tries.first_failed_at or now,
        failed_at=now,
        version=equipment.version,
    )


def _fields(ended: AttemptEnded) -> dict[str, object]:
    return {
        "handler": ended.entry,
        "event_id": ended.event_id,
        "event_type": ended.event_type,
        "source": ended.source,
        "topic": ended.at.topic,
        "partition": ended.at.partition,
        "offset": ended.offset,
        "attempt": ended.attempt,
        "took": round(ended.took.total_seconds(), 4),
    }
