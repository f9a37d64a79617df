"""Fields as platforms write them: ids as text or number, times in several forms. Pure."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# From here on an epoch is in milliseconds: in seconds it would be the year 5138.
_MILLISECONDS = 100_000_000_000


class Document(BaseModel):
    """A part of an answer: fields we do not know are ignored, nothing of the content is shown in an error."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def as_id(value: object) -> object:
    """Turn a numeric id into text; anything else is left for the model to judge."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def as_text(value: object) -> str | None:
    """Return text, or a number as text; None for anything else and for empty text."""
    return value or None if isinstance(value, str) else str(value) if type(value) is int else None


def as_time(value: object) -> object:
    """Read a time as aware UTC: ISO 8601 (no zone means UTC), or an epoch in seconds or milliseconds.

    Raises:
        ValueError: it is none of these, or outside the calendar.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        number = _number(value)
        if number is not None:
            return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
        at = datetime.fromisoformat(str(value).strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("not a time") from None


def _number(value: str | float) -> float | None:
    """Return an epoch, also one written as text; eight digits are a date (`20240115`)."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) != len("20240115") else None


Id = Annotated[str, BeforeValidator(as_id), Field(min_length=1)]
"""An id, kept as text."""

Text = Annotated[str | None, BeforeValidator(as_text)]
"""Text or an id that may be missing; of any other type it counts as missing."""

When = Annotated[datetime, BeforeValidator(as_time)]
"""A time, kept as aware UTC."""
