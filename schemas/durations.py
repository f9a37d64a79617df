"""Durations as people write them in a configuration: `500ms`, `20s`, `10m`, `6h`, `7d`."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

LONGEST: Final = timedelta(days=3_650)
"""No duration is longer: a time so far from now leads out of the calendar sooner or later."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# Nine digits: 999,999,999 days are the longest timedelta there can be.
_DURATION = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s|m|h|d)\s*")


def duration(value: str | timedelta) -> timedelta:
    """Read a duration.

    Raises:
        ValueError: the text is not a number with one of the units ms, s, m, h, d, or is more than ten years.
    """
    found = value if isinstance(value, timedelta) else _read(value)
    if abs(found) > LONGEST:
        raise ValueError(f"must be at most {in_words(LONGEST)}")
    return found


def _read(value: str) -> timedelta:
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


def _at_most(longest: timedelta) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if value <= timedelta():
            raise ValueError("must be longer than 0s")
        if value > longest:
            raise ValueError(f"must be at most {in_words(longest)}")
        return value

    return AfterValidator(check)


PositiveDuration = Annotated[Duration, _at_most(LONGEST)]
"""The same, of a duration that must not be nothing."""

Wait = Annotated[Duration, _at_most(timedelta(days=1))]
"""The same, of what somebody or something waits for: within a day a mistake is noticed."""

Window = Annotated[Duration, _at_most(timedelta(days=366))]
"""The same, of what is remembered for so long: it fills a disk."""
