"""Tells what became of attempts: log lines, metrics, observers, and what a dead letter says of its death."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from dispatcher.dead import Death
from dispatcher.equipment import Equipment
from dispatcher.metrics import EntryMetrics
from dispatcher.observers import AttemptBegan, AttemptEnded
from dispatcher.outcome import Dead, Done, Outcome, Retry
from dispatcher.settings import Entry
from dispatcher.work import Failed, Place, Received, Work, names_of, place_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reports:
    """Of one entry."""

    entry: Entry
    equipment: Equipment
    metrics: EntryMetrics

    def began(self, work: Work) -> None:
        """An attempt begins."""
        if not self.equipment.observers:
            return
        names = names_of(work)
        began = AttemptBegan(
            entry=self.entry.name, event_id=names.event_id, source=names.source, received_at=_received_at(work)
        )
        self.equipment.tell(began)

    def failed(self, work: Work, failed: Failed | None, following: str = "") -> None:
        """An attempt failed, if any was made, and this is what happens next; empty: as its outcome says."""
        if failed is not None:
            self.ended(work, failed.outcome, failed.took, failed.error, following)

    def ended(
        self, work: Work, outcome: Outcome, took: timedelta, error: BaseException | None, following: str = ""
    ) -> None:
        """An attempt ended."""
        if isinstance(outcome, Done):
            self._told_of_effects(work)
        if isinstance(outcome, Done) and not self.equipment.observers:
            return
        names, place = names_of(work), place_of(work)
        ended = AttemptEnded(
            entry=self.entry.name,
            event_id=names.event_id,
            event_type=names.event_type,
            source=names.source,
            key=names.key,
            at=place.at,
            offset=place.offset,
            other_log=_other_log(place, work),
            received_at=_received_at(work),
            attempt=work.tries.made,
            outcome=outcome,
            took=took,
            error=error,
            following=following,
        )
        if isinstance(outcome, Retry):
            log.warning("attempt.failed", **_fields(ended), cause=outcome.detail, next=ended.next)
        self.equipment.tell(ended)

    def _told_of_effects(self, work: Work) -> None:
        """The handler is done with the event, and caught what `once` raised: nobody else will ask what happened."""
        for effect in sorted(work.tries.begun_effects - work.tries.known_effects.keys()):
            names = names_of(work)
            log.warning(
                "effect.uncertain",
                handler=self.entry.name,
                event_id=names.event_id,
                source=names.source,
                effect=effect,
                attempt=work.tries.made,
            )

    def buried(self, work: Work, outcome: Dead) -> None:
        """Its dead letter is kept."""
        self.metrics.dead(outcome.reason).inc()
        names, place = names_of(work), place_of(work)
        log.error(
            "event.dead",
            handler=self.entry.name,
            event_id=names.event_id,
            event_type=names.event_type,
            source=names.source,
            topic=place.at.topic,
            partition=place.at.partition,
            offset=place.offset,
            **_in_log(_other_log(place, work)),
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


def _received_at(work: Work) -> datetime | None:
    return datetime.fromtimestamp(work.record.timestamp / 1000, UTC) if isinstance(work, Received) else None


def _other_log(place: Place, work: Work) -> str:
    return "" if place.log == work.partition.epoch.log else place.log


def _in_log(other_log: str) -> dict[str, str]:
    """The field that a place in another event log has beside those of every place."""
    return {"log": other_log} if other_log else {}


def _fields(ended: AttemptEnded) -> dict[str, object]:
    return {
        "handler": ended.entry,
        "event_id": ended.event_id,
        "event_type": ended.event_type,
        "source": ended.source,
        "topic": ended.at.topic,
        "partition": ended.at.partition,
        "offset": ended.offset,
        **_in_log(ended.other_log),
        "attempt": ended.attempt,
        "took": round(ended.took.total_seconds(), 4),
    }
