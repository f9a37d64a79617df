"""Numbers that no reader could be given as they came: beyond a double (RFC 8259, section 6), or of thousands of digits.

The parser turns the first into infinity, which JSON cannot say, and refuses the second. Neither may be altered in
silence, so a delivery with one is told where it stands. Pure.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Final

# Python, and with it every reader of ours, makes no number of more digits.
MAX_DIGITS = 4_300
# A number is within 1e308 with an exponent of two digits behind at most 200 digits. Patterns that begin with one letter
# are searched for ten times as fast as one that begins with either.
_EXPONENTS = (re.compile(rb"e(?<=\de)\+?\d{3}"), re.compile(rb"E(?<=\dE)\+?\d{3}"))
_RUN, _PART = 100, re.compile(rb"\d\d")
_UNHOLDABLE: Final = object()


def unholdable(body: bytes) -> tuple[str, ...]:
    """Where such numbers stand in a body, dotted; nothing for a body without any, or that is no JSON."""
    if not _suspicious(body):
        return ()
    try:
        found = json.loads(body, parse_int=_whole, parse_float=_broken)
    except (ValueError, RecursionError):
        return ()
    return tuple(_places(found, ()))


def _suspicious(body: bytes) -> bool:
    """Whether a number of the body may be one; costs next to nothing."""
    # Of 200 digits in a row, two stand side by side among every hundredth byte.
    return any(one.search(body) for one in _EXPONENTS) or _PART.search(body[::_RUN]) is not None


def _whole(digits: str) -> object:
    return _UNHOLDABLE if len(digits) > MAX_DIGITS else None


def _broken(number: str) -> object:
    return _UNHOLDABLE if math.isinf(float(number)) else None


def _places(value: object, path: tuple[str, ...]) -> Iterator[str]:
    # As deep as the parser went, which has a limit of its own.
    if value is _UNHOLDABLE:
        yield ".".join(path) or "$"
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        if one is not None:
            yield from _places(one, (*path, str(name)))
