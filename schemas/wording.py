"""What is wrong with a value, in plain words: pydantic's own are written for programmers, and may quote the value."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pydantic import ValidationError
from pydantic_core import ErrorDetails

Path = tuple[str, ...]

_TIME = 'write a time with its zone: "2026-03-01T00:00:00Z"'
_LIST = 'write a list: ["…", "…"]'
_SECTION = "write a section: keys with their values"
# What pydantic says of a key that is not there.
_ABSENT = frozenset({"missing", "missing_argument"})
# By pydantic's name of the fault, or its beginning: https://docs.pydantic.dev/latest/errors/validation_errors/
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "is missing",
        "extra_forbidden": "is no known key",
        "string_too_short": "must have at least {min_length} characters",
        "string_too_long": "must have at most {max_length} characters",
        "string_pattern_mismatch": "must have the form {pattern}",
        "string": "write text, in quotes",
        "path": "write a path, in quotes",
        "int": "write a whole number",
        "float": "write a number",
        "decimal": "write a number",
        "finite_number": "write a number",
        "bool": "write true or false",
        "timezone_aware": _TIME,
        "datetime": _TIME,
        "date": 'write a day: "2026-03-01"',
        "time_delta": 'write a number and a unit: "20s", "10m" or "6h"',
        "time": 'write a time of the day: "08:00"',
        "literal_error": "write {expected}",
        "enum": "write {expected}",
        "greater_than_equal": "must be at least {ge}",
        "greater_than": "must be more than {gt}",
        "less_than_equal": "must be at most {le}",
        "less_than": "must be less than {lt}",
        "multiple_of": "must be a multiple of {multiple_of}",
        "too_short": "needs at least {min_length}",
        "too_long": "takes at most {max_length}",
        "list": _LIST,
        "tuple": _LIST,
        "set": _LIST,
        "frozen_set": _LIST,
        "dict": _SECTION,
        "mapping": _SECTION,
        "model": _SECTION,
        "union_tag_not_found": "{discriminator} is missing",
        "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
        "value_error": "{error}",
        "assertion_error": "{error}",
        "none_required": "leave it out",
        "url": "write an address: https://host/path",
    }
)


def faults(error: ValidationError, raw: object) -> list[tuple[Path, str]]:
    """Everything that is wrong, each with the path of its key and what to write; faults of one key are told as one.

    Args:
        error: what pydantic raised.
        raw: what was validated; a path never leads further than it.
    """
    found: dict[Path, list[str]] = {}
    for detail in error.errors(include_url=False):
        words = found.setdefault(_path(detail["loc"], raw, absent=detail["type"] in _ABSENT), [])
        if (text := plain(detail)) not in words:
            words.append(text)
    return [(path, ", or ".join(words)) for path, words in found.items()]


def plain(detail: ErrorDetails) -> str:
    """One fault in plain words."""
    kind, known = detail["type"], detail.get("ctx", {})
    words = next((text for name, text in _WORDS.items() if kind == name or kind.startswith(f"{name}_")), None)
    if words is None:
        # A rare type of a plugin's own model, or its author's own words.
        return detail["msg"].replace("Input should be ", "must be ")
    return words.format_map(known)


def _path(loc: Sequence[int | str], raw: object, *, absent: bool) -> Path:
    """The key that is meant: pydantic also names the branch of a union that it tried."""
    path: list[str] = []
    for depth, part in enumerate(loc):
        if isinstance(raw, Mapping):
            if part not in raw and not (absent and depth + 1 == len(loc)):
                continue
            raw = raw.get(part)
        elif isinstance(raw, Sequence) and not isinstance(raw, str) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
        else:
            break
        path.append(str(part))
    return tuple(path)
