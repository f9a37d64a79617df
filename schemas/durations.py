"""Durations as people write them in a configuration: `500ms`, `20s`, `10m`, `6h`, `7d`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# Nine digits: 999,999,999 days are the longest timedelta.
_DURATION = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s|m|h|d)\s*")


def duration(value: str | timedelta) -> timedelta:
    """Read a duration.

    Raises:
        ValueError: the text is not a number with one of the units ms, s, m, h, d.
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(str(value))
    if match is None:
        raise ValueError(f"not a duration: {value!r}. Write a number and a unit: 500ms, 20s, 10m, 6h or 7d")
    number, unit = match.groups()
    return timedelta(seconds=float(number) * _UNITS[unit])


def spoken(value: timedelta) -> str:
    """A duration as it is read: in seconds."""
    return f"{value.total_seconds():g}s"


def in_words(value: timedelta) -> str:
    """A duration for people, in the largest unit that it is a whole number of: `90 s`, `5 min`, `7 days`."""
    for unit, name in ((timedelta(days=1), "day"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min")):
        if value and not value % unit:
            count = value // unit
            return f"{count:,} {name}{'s' if name == 'day' and count != 1 else ''}"
    return f"{value.total_seconds():,g} s"


Duration = Annotated[timedelta, BeforeValidator(duration)]
"""A field of a settings model that reads `"10m"`."""


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be longer than 0s")
    return value


PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
"""The same, of a duration that must not be nothing."""
