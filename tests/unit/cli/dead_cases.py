"""Dead letters and what was decided on them, for the tests of both."""

from datetime import UTC, datetime
from typing import Any

from cli.dead_letters import Case, Letter
from schemas.record import StoredRecord, TopicPartition
from store.replay_rows import Mark, State

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORIGIN = TopicPartition("hookline.conversations", 3)


def letter(
    event_id: str = "e1",
    *,
    handler: str = "h",
    offset: int = 0,
    partition: int = 1,
    source: str = "support",
    failed_at: str = "2026-11-21T12:00:00Z",
    origin: int = 41,
    log: str = "here",
    more: tuple[tuple[str, bytes], ...] = (),
) -> Letter:
    """A dead letter as it is read from the log."""
    texts = {
        "ce_id": event_id,
        "ce_source": f"/sources/{source}",
        "__dlq.errors.topic": ORIGIN.topic,
        "__dlq.errors.partition": str(ORIGIN.partition),
        "__dlq.errors.offset": str(origin),
        "x-dlq-log": log,
        "x-dlq-handler": handler,
        "x-dlq-failed-at": failed_at,
    }
    return Letter(
        StoredRecord(
            topic="hookline.dead",
            partition=partition,
            offset=offset,
            key=b"c1",
            value=b"{}",
            headers=(*more, *((name, text.encode()) for name, text in texts.items() if text)),
            timestamp=0,
        ),
        home="here",
    )


def mark(of: Letter, state: State, **changes: Any) -> Mark:
    """What somebody decided on a letter."""
    open_ = state in ("waiting", "running")
    values = {"reason": None, "detail": None, "ended_at": None if open_ else NOW}
    return Mark(id=1, letter=of.name, state=state, origin=ORIGIN, asked_at=NOW, **{**values, **changes})


def case(of: Letter, state: State | None = None) -> Case:
    """A letter and its state; open without one."""
    return Case(of, None if state is None else mark(of, state))
