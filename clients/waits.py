"""How long a platform asks us to wait, read from its headers. Pure: nothing a header holds raises.

`Retry-After`: RFC 9110 10.2.3, seconds or an HTTP date. `X-RateLimit-Limit`, `-Remaining`, `-Reset` (Unix seconds):
https://docs.mygptassistants.com/api/overview/
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0
"""No header is read as more than a day, in seconds; what is waited at most is the limiter's (`limits.longest_wait`)."""

_SECONDS = re.compile(r"([0-9]+)(?:\.[0-9]*)?")
_WHOLE = re.compile(r"[0-9]{1,15}")
_INSTANT = re.compile(r"([0-9]{1,15})(?:\.[0-9]{0,9})?")
# From here on a Unix time is in milliseconds.
_MILLISECONDS = 100_000_000_000


@dataclass(frozen=True, slots=True)
class Quota:
    """What an answer said about the limit it was counted under."""

    # Calls left until the reset.
    remaining: int
    # Seconds until the reset.
    reset_in: float


def http_date(value: str | None) -> datetime | None:
    """Read an HTTP date in any of its three forms; None for anything else."""
    if value is None:
        return None
    try:
        at = parsedate_to_datetime(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read `Retry-After` as seconds from `now`, between 0 and `LONGEST`; None if it is missing or makes no sense."""
    if value is None:
        return None
    text = value.strip()
    if match := _SECONDS.fullmatch(text):
        # int of a number with thousands of digits is refused by the interpreter: longer than ten is a day anyway
        whole = match[1].lstrip("0") or "0"
        return LONGEST if len(whole) > len("86400") else min(float(text), LONGEST)
    at = http_date(text)
    return None if at is None else _within((at - now).total_seconds())


def reset_in(value: str | None, now: datetime) -> float | None:
    """Read `X-RateLimit-Reset` as seconds from `now`, between 0 and `LONGEST`; None if it makes no sense."""
    if value is None or not _INSTANT.fullmatch(text := value.strip()):
        return None
    at = float(text)
    seconds = at / 1000 if at >= _MILLISECONDS else at
    return _within(seconds - now.timestamp())


def asked_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds a refusal asks us to wait: `Retry-After`, else `X-RateLimit-Reset`. Keys are lower-case.

    Measured against the platform's own `Date`, so that a wrong clock on our side does not matter.
    """
    then = http_date(headers.get("date")) or now
    asked = retry_after(headers.get("retry-after"), then)
    return asked if asked is not None else reset_in(headers.get("x-ratelimit-reset"), then)


def quota(headers: Mapping[str, str], now: datetime) -> Quota | None:
    """Read the `X-RateLimit-*` headers of any answer; None unless both counts are there. Keys are lower-case."""
    remaining = headers.get("x-ratelimit-remaining", "").strip()
    seconds = reset_in(headers.get("x-ratelimit-reset"), http_date(headers.get("date")) or now)
    if seconds is None or not _WHOLE.fullmatch(remaining):
        return None
    return Quota(int(remaining), seconds)


def _within(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST)
