"""Times as an operator writes them: how long ago, or a time with its zone. Pure."""

from contextlib import suppress
from datetime import UTC, datetime

from schemas.durations import duration

# Nothing was received before; to Kafka an earlier time would mean something else.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(text: str, now: datetime) -> datetime:
    """A time, in UTC.

    Args:
        text: `2h` for two hours ago, or `2026-11-21T10:00+01:00`.
        now: aware.

    Raises:
        ValueError: it is neither.
    """
    for read in (_ago, _at):
        with suppress(ValueError, OverflowError):
            return max(read(text, now), _EPOCH)
    raise ValueError(f"{text} is no time: write 2h for two hours ago, or a time with its zone: 2026-11-21T10:00+01:00")


def _ago(text: str, now: datetime) -> datetime:
    return (now - duration(text)).astimezone(UTC)


def _at(text: str, _now: datetime) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("it has no zone")
    return time.astimezone(UTC)
