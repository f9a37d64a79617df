"""Where a value stands in a delivery, as a short text: a small part of JSON path. Pure, and total on any JSON.

data.user.id            names, from the event
items[0]  items[-1]     a place in a list
contacts[wa_id=from]    the first of a list whose `wa_id` is what the event has at `from`
"odd name".x            a name with other characters
$.id                    from the whole body            ^.value.id   from what surrounds the event
header:X-Event          a header of the request        query:page   a parameter of its URL
{data.a}:{data.b}       a text made of several; missing when one of them is
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from pydantic import JsonValue

from receiver.delivery import Headers
from schemas.lenient import as_text
from schemas.signatures import query_value

MAX_LENGTH = 500
_NAME = r"[A-Za-z0-9_@-]+"
_STEP = re.compile(
    rf"""(?P<dot>\.)?(?:(?P<name>{_NAME})|"(?P<quoted>[^"]+)")"""
    rf"""|\[(?:(?P<index>-?\d{{1,4}})|(?P<key>{_NAME})=(?P<like>[^\[\]=]+))?\]"""
)
_HEAD = re.compile(r"[$^](?=[.\[]|$)")
_REQUEST = re.compile(r"(?P<where>header|query):(?P<name>[^\s:{}]+)")
_BRACES = re.compile(r"\{([^{}]+)\}")


class Each(Enum):
    """The step into every item of a list, `[]`."""

    EACH = "[]"


EACH: Final = Each.EACH


class BadPath(ValueError):
    """A text is no path; it says why."""


@dataclass(frozen=True, slots=True)
class Where:
    """The step to the first object of a list whose `key` has the value at another path."""

    key: str
    like: "Finder"


Step = str | int | Literal[Each.EACH] | Where


class Tables:
    """The objects of lists, by the text at a key of theirs; of several the first. For one delivery only."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        # A list is known by its address: the body it stands in outlives the tables.
        self._made: dict[tuple[int, str], dict[str, JsonValue]] = {}

    def find(self, values: Sequence[JsonValue], key: str, wanted: str) -> JsonValue:
        """The first object that has this text, or number, at the key."""
        table = self._made.get((id(values), key))
        if table is None:
            table = self._made[id(values), key] = {}
            for one in values:
                if isinstance(one, dict) and (text := as_text(one.get(key))) is not None:
                    table.setdefault(text, one)
        return table.get(wanted)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a path may look at."""

    # The event: the body, or what was split off it.
    event: JsonValue
    # What the event was split off last; the body, where it was not.
    around: JsonValue
    body: JsonValue
    headers: Headers
    query: str
    # One for all events of a delivery: a list that each of them looks something up in is gone through once.
    tables: Tables = field(default_factory=Tables)


Finder = Callable[[Scope], JsonValue]
TextFinder = Callable[[Scope], str | None]


def finder(text: str) -> Finder:
    """What finds the value at a path; the value is None where there is none.

    Raises:
        BadPath: the text is none.
    """
    if len(text) > MAX_LENGTH:
        raise BadPath(f"a path has at most {MAX_LENGTH} characters")
    if request := _REQUEST.fullmatch(text):
        return _of_request(request["where"], request["name"])
    head, steps = text[:1] if _HEAD.match(text) else "", steps_of(text)
    if EACH in steps:
        raise BadPath(f"{text!r}: [] means every item, so it stands in read.events and read.parts only; write [0]")
    match head:
        case "$":
            return lambda scope: _found(scope.body, steps, scope)
        case "^":
            return lambda scope: _found(scope.around, steps, scope)
        case _:
            return lambda scope: _found(scope.event, steps, scope)


def text_finder(text: str) -> TextFinder:
    """What finds a text: at a path, or made of several paths in braces. Numbers are texts, other values none.

    Raises:
        BadPath: the text is no path.
    """
    if "{" not in text and "}" not in text:
        find = finder(text)
        return lambda scope: as_text(find(scope))
    pieces = _BRACES.split(text)
    if any(mark in literal for literal in pieces[::2] for mark in "{}"):
        raise BadPath(f"{text!r}: every {{ needs a }}, with a path between them")
    inner = [text_finder(path) for path in pieces[1::2]]

    def made(scope: Scope) -> str | None:
        found = [find(scope) for find in inner]
        if any(one is None for one in found):
            return None
        filled: list[str] = [*pieces]
        filled[1::2] = [one or "" for one in found]
        return "".join(filled)

    return made


def first_of(texts: Sequence[str]) -> TextFinder:
    """What finds the first text that is there.

    Raises:
        BadPath: one of them is no path.
    """
    finders = [text_finder(text) for text in texts]
    if len(finders) == 1:
        return finders[0]
    return lambda scope: next((found for find in finders if (found := find(scope)) is not None), None)


def steps_of(text: str) -> tuple[Step, ...]:
    """The steps of a path into JSON, without its `$` or `^`.

    Raises:
        BadPath: it is none.
    """
    position = 1 if _HEAD.match(text) else 0
    first = position == 0
    steps: list[Step] = []
    while position < len(text):
        match = _STEP.match(text, position)
        named = match is not None and (match["name"] or match["quoted"])
        if match is None or (named and bool(match["dot"]) is first):
            raise BadPath(f"{text!r} is no path: it goes wrong at {text[position : position + 20]!r}")
        steps.append(_step(match))
        position, first = match.end(), False
    if not text:
        raise BadPath("a path is empty")
    return tuple(steps)


def own_names(text: str) -> Iterator[tuple[str, ...]]:
    """The names that lead from the event to a value, for every path of a text that has nothing but names."""
    for path in _BRACES.findall(text) or [text]:
        if _REQUEST.fullmatch(path) or _HEAD.match(path):
            continue
        steps = steps_of(path)
        names = tuple(step for step in steps if isinstance(step, str))
        if len(names) == len(steps):
            yield names


def _step(match: re.Match[str]) -> Step:
    if match["index"] is not None:
        return int(match["index"])
    if match["key"] is not None:
        return Where(match["key"], finder(match["like"]))
    return match["name"] or match["quoted"] or EACH


def _of_request(where: str, name: str) -> Finder:
    if where == "query":
        return lambda scope: query_value(scope.query, name)
    low = name.lower().encode()

    def header(scope: Scope) -> JsonValue:
        value = scope.headers.get(low)
        return None if value is None else value.decode("utf-8", "replace")

    return header


def _found(value: JsonValue, steps: Sequence[Step], scope: Scope) -> JsonValue:
    for step in steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        elif not isinstance(value, list):
            return None
        elif isinstance(step, int):
            value = value[step] if -len(value) <= step < len(value) else None
        elif isinstance(step, Where):
            value = _where(value, step, scope)
    return value


def _where(values: Sequence[JsonValue], step: Where, scope: Scope) -> JsonValue:
    wanted = as_text(step.like(scope))
    return None if wanted is None else scope.tables.find(values, step.key, wanted)
