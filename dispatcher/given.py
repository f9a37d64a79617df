"""What a plugin gives to its context, checked at the call: what is kept then can be carried out later.

An error here is the author's to see, in the attempt. The same one while a settlement is carried out would stop the
entry, and every restart would meet it again.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json

from dispatcher.errors import ContextMisused
from schemas.contacts import Identity
from schemas.durations import LONGEST, duration, in_words
from schemas.events import Data

MAX_NAME = 1_000
"""Characters of a name: it stands in rows, errors and headers of dead letters."""

_NO_JSON = "that JSON does not hold: NaN, an infinite number, broken text, an object of Python, or what goes too deep"


def text(call: str, given: object, *, most: int | None = None) -> str:
    """A text, as a plain `str` of nobody's class.

    Args:
        call: what was called, for the author: `ctx.schedule(name=...)`.
        given: what it was given.
        most: so many characters at the most.

    Raises:
        ContextMisused: it is none, or longer.
    """
    if not isinstance(given, str):
        raise ContextMisused(f"{call} takes a text, and was given {_kind(given)}: make a str of it")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ContextMisused(f"{call} was given broken text, half of a surrogate pair: UTF-8 cannot hold it") from None
    if most is not None and len(given) > most:
        raise ContextMisused(f"{call} takes at most {most:,} characters: give a digest of what is longer")
    return str.__str__(given)


def maybe_text(call: str, given: object) -> str | None:
    """The same, or None."""
    return None if given is None else text(call, given)


def name(call: str, given: object) -> str:
    """The name of a timer, an effect or a cap."""
    return text(f"{call}(name=...)", given, most=MAX_NAME)


def contact_id(call: str, given: object) -> str:
    """An id of a contact of ours, or one that nobody has."""
    found = text(call, given)
    if "\0" in found:
        raise ContextMisused(f"{call} was given a NUL character: take the id of a Contact")
    return found


def identity(call: str, given: object) -> Identity:
    """Who somebody is to a source."""
    if not isinstance(given, Identity):
        raise ContextMisused(f"{call} takes an Identity, and was given {_kind(given)}")
    for part in (given.source, given.platform, given.id):
        text(call, part)
    return given


def moment(call: str, given: object) -> datetime:
    """A time, as a plain one in UTC.

    Raises:
        ContextMisused: it is none, or has no zone.
    """
    if not isinstance(given, datetime):
        raise ContextMisused(f"{call} takes a datetime, and was given {_kind(given)}")
    if given.utcoffset() is None:
        raise ContextMisused(
            f"{call} was given a time without a zone, which is no moment: give event.time or ctx.now, or "
            "read the time with its zone, as datetime.now(UTC) does"
        )
    try:
        utc = given.astimezone(UTC)
    except OverflowError:
        raise ContextMisused(f"{call} was given a time that leads out of the calendar") from None
    return datetime.combine(utc.date(), utc.time(), UTC)


def span(call: str, given: str | timedelta) -> timedelta:
    """A duration."""
    try:
        return duration(given)
    except ValueError:
        longest = in_words(LONGEST)
        # What was given may be a visitor's words.
        raise ContextMisused(f"{call}: write a number and a unit, 20s, 10m or 7d, of at most {longest}") from None


def whole(call: str, given: object) -> int:
    """A whole number."""
    if not isinstance(given, int):
        raise ContextMisused(f"{call} takes a whole number, and was given {_kind(given)}")
    return given


def yes_or_no(call: str, given: object) -> bool:
    """True or False, and nothing that only counts as one of them: the text "false" counts as true."""
    if not isinstance(given, bool):
        raise ContextMisused(f"{call} takes True or False, and was given {_kind(given)}")
    return given


def values(call: str, given: object) -> dict[str, Any]:
    """Names and values, read back from their JSON: later changes of what was given are not seen.

    Raises:
        ContextMisused: JSON does not hold them.
    """
    if not isinstance(given, Mapping):
        raise ContextMisused(f"{call} takes a mapping of names to values, and was given {_kind(given)}")
    try:
        found: dict[str, Any] = from_json(json.dumps(dict(given), allow_nan=False), allow_inf_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ContextMisused(f"{call} holds something {_NO_JSON}") from None
    return found


def written(data: Data, model: type[Data]) -> bytes:
    """The data of an event as its record holds it, which whoever reads it understands.

    Args:
        data: what is told.
        model: what it is read as.

    Raises:
        ContextMisused: nobody could read it.
    """
    try:
        value = data.model_dump_json(exclude_none=True, warnings="error").encode()
        # where JSON has no number, pydantic would write null
        from_json(to_json(data.model_dump(warnings="none"), inf_nan_mode="constants"), allow_inf_nan=False)
        model.model_validate_json(value)
    except (TypeError, ValueError, RecursionError):
        told = f"{type(data).__name__} holds something {_NO_JSON}; or that its model does not"
        raise ContextMisused(told) from None
    return value


def _kind(given: object) -> str:
    return "None" if given is None else f"a value of type {type(given).__name__}"
