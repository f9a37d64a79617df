"""Values of log lines, made safe: whatever a plugin logs, a line is one valid line of bounded length."""

import math
import traceback
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

MAX_VALUE = 1_000
"""Characters of a text, as many as an error of ours may have; a value in a log line may be a stranger's, and is cut."""
MAX_TRACEBACK = 16_384
"""Characters of a traceback, of which the end is kept."""
_MAX_ITEMS = 50
_MAX_DEPTH = 4
# More digits than these no reader of JSON keeps.
_MAX_BITS = 64
_AS_TEXT = (date, timedelta, Decimal, PurePath, UUID)


def fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of a log entry, made safe."""
    return {
        text(name): _lines(value) if name == "exception" and isinstance(value, str) else safe(value)
        for name, value in event.items()
    }


def safe(value: Any, depth: int = 0) -> Any:
    """What JSON can hold of a value: no NaN, no object, nothing endless."""
    shown: Any
    match value:
        case Enum():
            shown = safe(value.value, depth)
        case int() if value.bit_length() > _MAX_BITS:
            shown = f"a number of {value.bit_length()} bits"
        case float() if not math.isfinite(value):
            shown = str(float(value))
        case None | bool() | int() | float():
            shown = value
        case BaseException():
            shown = place(value)
        case dict() | list() | tuple() | set() | frozenset():
            shown = "…" if depth >= _MAX_DEPTH else _container(value, depth + 1)
        case _:
            shown = text(value)
    return shown


def _container(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return {text(key): safe(each, depth) for key, each in islice(value.items(), _MAX_ITEMS)}
    return [safe(each, depth) for each in islice(value, _MAX_ITEMS)]


def text(value: Any) -> str:
    """A value as a short text; control characters and terminal escapes never reach a terminal as they are."""
    if not isinstance(value, str):
        value = str(value) if isinstance(value, _AS_TEXT) else _shown(value)
    cut = value if len(value) <= MAX_VALUE else value[: MAX_VALUE - 1] + "…"
    return str(cut) if cut.isprintable() else cut.encode("unicode_escape").decode()


def place(error: BaseException) -> str:
    """An error's type and the line that raised it; its text may hold a payload."""
    frames = traceback.extract_tb(error.__traceback__)
    name = type(error).__name__
    return f"{name} at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else name


def _lines(value: str) -> str:
    kept = value[-MAX_TRACEBACK:]
    return "".join(each if each.isprintable() or each in "\n\t" else ascii(each)[1:-1] for each in kept)


def _shown(value: Any) -> str:
    """`repr`, which is a plugin's code where the value is."""
    from dispatcher.attempt import strangers_code  # noqa: PLC0415 - few lines need it, and every command logs

    if isinstance(value, bytes | bytearray | memoryview):
        return repr(bytes(value[:MAX_VALUE]))
    with strangers_code():
        return repr(value)
    return f"a {type(value).__name__} that cannot be shown"
