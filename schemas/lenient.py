"""Fields as platforms write them: ids as text or number, times in several forms.

Half of what platforms send and answer is undocumented, so a model takes what can be understood without guessing a
meaning. Pure.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

# From here on an epoch is in milliseconds: in seconds it would be the year 5138.
MILLISECONDS = 100_000_000_000

# An id becomes a Kafka key and a header: a platform's are a few dozen characters long.
MAX_ID = 256

# A longer number is no id and no text: Python refuses to write one of more than 4,300 digits.
_MAX_BITS = 4_096


class Payload(BaseModel):
    """A part of what a platform sends: unknown fields are kept as extra, nothing of the content is shown in errors."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True, defer_build=True)


def as_id(value: object) -> object:
    """A number as text; anything else is left for the model to judge."""
    return as_text(value) if type(value) is int else value


def as_text(value: object) -> str | None:
    """Text, or a number as text; None for anything else, for empty text and for a number of thousands of digits."""
    if isinstance(value, str):
        return value or None
    return str(value) if type(value) is int and value.bit_length() <= _MAX_BITS else None


def as_short_text(value: object) -> str | None:
    """As `as_text`, and None for text too long to be an id."""
    text = as_text(value)
    return text if text is None or len(text) <= MAX_ID else None


def as_time(value: object) -> object:
    """A time as aware UTC: ISO 8601 (no zone means UTC), or an epoch in seconds or milliseconds.

    Raises:
        ValueError: it is none of these, or outside the calendar.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        number = _epoch(value)
        if number is not None:
            return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS else number, UTC)
        # Ruby writes `2020-03-03 13:05:57 UTC`.
        at = datetime.fromisoformat(str(value).strip().removesuffix(" UTC"))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("not a time") from None


def _epoch(value: str | float) -> float | None:
    """An epoch, also one written as text; eight digits are a date (`20240115`)."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) != len("20240115") else None


Id = Annotated[str, BeforeValidator(as_id), StringConstraints(min_length=1, max_length=MAX_ID)]
"""An id, kept as text."""

OptionalId = Annotated[str | None, BeforeValidator(as_short_text), Field(default=None)]
"""An id that may be missing; anything that cannot be one counts as missing."""

Text = Annotated[str | None, BeforeValidator(as_text), Field(default=None)]
"""Text that may be missing; of any other type it counts as missing."""

When = Annotated[datetime, BeforeValidator(as_time)]
"""A time, kept as aware UTC."""
