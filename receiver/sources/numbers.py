"""Numbers that no reader could be given as they came: beyond a double (RFC 8259, section 6), or of thousands of digits.

The parser turns the first into infinity, which JSON cannot say, and refuses the second. Neither may be altered in
silence, so a delivery with one is told where it stands. Pure.
"""

import json
import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

# Python, and with it every reader of ours, makes no number of more digits.
MAX_DIGITS = 4_300
# A sender that gets everything wrong need not be told more, nor whole names of its own invention.
MAX_PLACES = 20
MAX_PLACE = 100
# A number is within 1e308 with an exponent of two digits behind at most 200 digits. Patterns that begin with one letter
# are searched for ten times as fast as one that begins with either.
_EXPONENTS = (re.compile(rb"e(?<=\de)\+?\d{3}"), re.compile(rb"E(?<=\dE)\+?\d{3}"))
_RUN, _PART = 100, re.compile(rb"\d\d")
_UNHOLDABLE: Final = object()


def unholdable(body: bytes) -> tuple[str, ...]:
    """Where such numbers stand in a body, dotted: the first of them, and of each place the beginning.

    Returns:
        Nothing for a body without any, or that is no JSON.
    """
    if not _suspicious(body):
        return ()
    try:
        found = json.loads(body, parse_int=_whole, parse_float=_broken)
    except (ValueError, RecursionError):
        return ()
    return tuple(islice(_places(found), MAX_PLACES))


def _suspicious(body: bytes) -> bool:
    """Whether a number of the body may be one; costs next to nothing."""
    # Of 200 digits in a row, two stand side by side among every hundredth byte.
    return any(one.search(body) for one in _EXPONENTS) or _PART.search(body[::_RUN]) is not None


def _whole(digits: str) -> object:
    return _UNHOLDABLE if len(digits) > MAX_DIGITS else None


def _broken(number: str) -> object:
    return _UNHOLDABLE if math.isinf(float(number)) else None


def _places(whole: object) -> Iterator[str]:
    # A stack of our own: a parser in C goes deeper than a function of Python may.
    ways = [("", _inner(whole))] if whole is not _UNHOLDABLE else []
    if not ways:
        yield "$"
    while ways:
        path, inner = ways[-1]
        name, value = next(inner, (None, None))
        if name is None:
            ways.pop()
        elif value is _UNHOLDABLE:
            yield _below(path, name)
        elif isinstance(value, dict | list):
            ways.append((_below(path, name), _inner(value)))


def _inner(value: object) -> Iterator[tuple[object, object]]:
    return iter(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())


def _below(path: str, name: object) -> str:
    # Cut as it is made: a long name stands above as many numbers as its sender likes.
    step = str(name)[:MAX_PLACE]
    return f"{path}.{step}"[:MAX_PLACE] if path else step
