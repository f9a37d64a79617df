"""Column types that mean the same on SQLite and PostgreSQL.

Times are whole microseconds since 1970 in UTC, in a 64-bit integer. SQLite has no type for times and would keep aware
ones as text without their zone; integers compare, sort and index alike on both databases, lose nothing of a Python
datetime, and cannot be read in another zone by accident.
"""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from schemas.record import Headers

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# What PostgreSQL's text cannot hold (NUL), what UTF-8 cannot (lone surrogates), and the escape character itself.
_ESCAPE = "\x1a"
_UNSAFE = re.compile("[\x00\x1a\ud800-\udfff]")
_ESCAPED = re.compile("\x1a([0-9a-f]{4})")

Serial = BigInteger().with_variant(Integer, "sqlite")
"""A number the database gives; SQLite does so only for a column of type INTEGER."""

Digest = LargeBinary()
"""A 16-byte hash that stands for texts too long to be indexed."""


def micros(at: datetime) -> int:
    """Microseconds since the epoch.

    Raises:
        ValueError: the time has no zone.
    """
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be kept: use an aware datetime in UTC")
    return (at - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The UTC time of a number of microseconds."""
    return _EPOCH + timedelta(microseconds=value)


class Instant(TypeDecorator[datetime]):
    """A point in time: an aware datetime in Python, microseconds since the epoch in the database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        """To the database."""
        del dialect
        return micros(value) if isinstance(value, datetime) else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database."""
        del dialect
        return None if value is None else moment(value)


class Foreign(TypeDecorator[str]):
    """Text a stranger wrote: any Python string comes back as it was, NUL and lone surrogates included.

    The mapping is one to one, so equality in the database is equality of the strings.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To the database."""
        del dialect
        return None if value is None else _UNSAFE.sub(lambda found: f"{_ESCAPE}{ord(found[0]):04x}", value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """From the database."""
        del dialect
        return None if value is None else _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)


class Packed(TypeDecorator[Headers]):
    """A record's headers as JSON, [name, base64] of each in order: names may repeat, values are bytes."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To the database."""
        del dialect
        if value is None:
            return None
        return json.dumps([[name, base64.b64encode(raw).decode()] for name, raw in value], separators=(",", ":"))

    def process_result_value(self, value: Any, dialect: Dialect) -> Headers | None:
        """From the database."""
        del dialect
        return None if value is None else tuple((name, base64.b64decode(raw)) for name, raw in json.loads(value))
