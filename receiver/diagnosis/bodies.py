"""A body as its sender may have signed it, before something on the way wrote it anew. Pure."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from pydantic_core import from_json, to_json

_BOM = b"\xef\xbb\xbf"
_COMPACT, _SPACED = (",", ":"), (", ", ": ")

_JSON: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("as compact JSON", lambda value: _dumped(value, _COMPACT)),
    ("as compact JSON with escapes for what is not ASCII", lambda value: _dumped(value, _COMPACT, escaped=True)),
    ("as JSON with a blank behind commas and colons", lambda value: _dumped(value, _SPACED)),
    ("as JSON with blanks, and escapes for what is not ASCII", lambda value: _dumped(value, _SPACED, escaped=True)),
    ("as compact JSON with sorted names", lambda value: _dumped(value, _COMPACT, ordered=True)),
    ("as JSON with blanks and sorted names", lambda value: _dumped(value, _SPACED, ordered=True)),
    # Much faster than the json of Python, which indents without its C part.
    ("as JSON on several lines, two blanks deep", lambda value: to_json(value, indent=2).decode()),
    ("as JSON on several lines, four blanks deep", lambda value: to_json(value, indent=4).decode()),
    ("as PHP writes JSON", lambda value: _dumped(value, _COMPACT, escaped=True).replace("/", "\\/")),
    ("as Go and Rails write JSON", lambda value: _without_markup(_dumped(value, _COMPACT))),
)


def variants(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Other bytes that say the same, each with the words for them; the body itself is not among them."""
    seen = {body}
    for words, other in (*_edges(body), *_charsets(body), *_forms(body), *_written(body)):
        if other not in seen:
            seen.add(other)
            yield words, other


def _edges(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "without the white space around it", body.strip()
    yield "with a line feed at its end", body + b"\n"
    yield "with CR and LF at its end", body + b"\r\n"
    yield "with line feeds in place of CR and LF", body.replace(b"\r\n", b"\n")
    yield "with CR and LF in place of line feeds", body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield "without the byte order mark", body.removeprefix(_BOM)
    yield "with a byte order mark", _BOM + body
    yield "as if it were empty", b""


def _charsets(body: bytes) -> Iterator[tuple[str, bytes]]:
    for words, read, write in (
        ("in UTF-8; it came in Latin-1", "latin-1", "utf-8"),
        ("in Latin-1; it came in UTF-8", "utf-8", "latin-1"),
        ("in UTF-8; it came in Windows-1252", "cp1252", "utf-8"),
        ("in UTF-16; it came in UTF-8", "utf-8", "utf-16-le"),
    ):
        try:
            yield words, body.decode(read).encode(write)
        except UnicodeError:
            continue


def _forms(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "with %20 in place of +", body.replace(b"+", b"%20")
    yield "with + in place of %20", body.replace(b"%20", b"+")


def _written(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The same JSON as other programs write it."""
    try:
        value = from_json(body.removeprefix(_BOM), allow_inf_nan=False)
        for words, write in _JSON:
            yield words, write(value).encode("utf-8")
    except (ValueError, RecursionError):
        # No JSON; or a number that no program writes, or half a character.
        return


def _dumped(value: Any, separators: tuple[str, str], *, escaped: bool = False, ordered: bool = False) -> str:
    return json.dumps(value, separators=separators, ensure_ascii=escaped, sort_keys=ordered)


def _without_markup(text: str) -> str:
    """What a browser might take for markup, escaped."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
