"""Dead letters as the log holds them, made readable."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from eventlog.log import EventLog
from schemas.record import StoredRecord, TopicPartition


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter."""

    record: StoredRecord

    def text(self, header: str) -> str:
        """A header as text; empty when it is missing."""
        return (self.record.header(header) or b"").decode("utf-8", "replace")

    @property
    def id(self) -> str:
        """The event's id."""
        return self.text("ce_id")

    @property
    def handler(self) -> str:
        """The entry that could not handle it."""
        return self.text("x-dlq-handler")

    @property
    def reason(self) -> str:
        """Why: rejected, exhausted, undecodable, oversize or uncertain."""
        return self.text("x-dlq-reason")

    @property
    def failed_at(self) -> datetime | None:
        """When it was given up."""
        try:
            return datetime.fromisoformat(self.text("x-dlq-failed-at"))
        except ValueError:
            return None

    def row(self) -> dict[str, object]:
        """What a listing shows."""
        return {
            "failed_at": self.text("x-dlq-failed-at"),
            "handler": self.handler,
            "reason": self.reason,
            "type": self.text("ce_type"),
            "id": self.id,
            "key": self.text("ce_subject"),
            "error": self.text("__dlq.errors.message"),
            "attempts": self.text("x-dlq-attempts"),
            "partition": self.record.partition,
            "offset": self.record.offset,
        }


async def letters(log: EventLog, topic: str) -> AsyncIterator[Letter]:
    """The dead letters of a topic, from the first to today's last; partitions one after another.

    Raises:
        EventLogError: the log does not answer.
    """
    counts = await log.partitions([topic])
    partitions = [TopicPartition(topic, number) for number in range(counts.get(topic, 0))]
    if not partitions:
        return
    start = await log.offsets(partitions, "earliest")
    async for record in log.read(start, follow=False):
        yield Letter(record)
