"""One small delivery for each of a preset's events, `receiver/presets/NAME.json`: what `hookline send` posts.

They are written from the senders' pages, as the presets are. Words in braces stand for what is new each time. Pure.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pydantic import JsonValue

from receiver.recipes import presets
from schemas.envelope import rfc3339
from schemas.examples import Example, NoExample

_BRACES = re.compile(r"\{([^{}]+)\}")
_HEADER = "header:"


def sample(preset: str, name: str, *, now: datetime, unique: str) -> Example:
    """A delivery of an event.

    Args:
        preset: whose.
        name: the sender's own name of the event.
        now: the time of the fact.
        unique: hexadecimal digits; goes into its ids.

    Raises:
        NoExample: there is none of that name.
    """
    told = presets.samples(preset)
    if name not in told:
        which = f"hookline has no example of {preset}'s {name}" if name else f"say what {preset} is to send"
        raise NoExample(f"{which}; there {'is' if len(told) == 1 else 'are'} {', '.join(sorted(told))}")
    seconds, number = int(now.timestamp()), int(unique, 16) % 10**9
    words: dict[str, str | int] = {
        "unique": unique,
        "number": number,
        "number:text": str(number),
        "time": rfc3339(now),
        "seconds": seconds,
        "seconds:text": str(seconds),
        "milliseconds": seconds * 1000,
        "milliseconds:text": str(seconds * 1000),
    }
    one = told[name]
    headers = {header.lower(): str(_filled(value, words)) for header, value in one.get("headers", {}).items()}
    delivery = f"msg_{unique}"
    if "form" in one:
        return Example({}, delivery, headers=headers, form=urlencode(_filled(one["form"], words)))
    return Example(_filled(one["body"], words), delivery, headers=headers)


def naming_headers(paths: tuple[str, ...], name: str) -> dict[str, str]:
    """The headers by which a sender names an event, where it does that by headers.

    Args:
        paths: `read.name` of its recipe; of `{header:x-event}.{action}` the name `issues.opened` tells x-event.
        name: the event's.
    """
    for path in paths:
        template = path if _BRACES.search(path) else f"{{{path}}}"
        named = _BRACES.findall(template)
        if not any(one.startswith(_HEADER) for one in named):
            continue
        parts = (re.escape(literal) for literal in _BRACES.split(template)[::2])
        if found := re.fullmatch("(.+?)".join(parts), name):
            told = zip(named, found.groups(), strict=True)
            return {one.removeprefix(_HEADER).lower(): word for one, word in told if one.startswith(_HEADER)}
    return {}


def _filled(value: JsonValue, words: Mapping[str, str | int]) -> Any:
    """The same with what stands for its words; a text that is one word only may become a number."""
    match value:
        case dict():
            return {name: _filled(one, words) for name, one in value.items()}
        case list():
            return [_filled(one, words) for one in value]
        case str():
            whole = _BRACES.fullmatch(value)
            if whole and whole[1] in words:
                return words[whole[1]]
            return _BRACES.sub(lambda found: str(words.get(found[1], found[0])), value)
        case _:
            return value
