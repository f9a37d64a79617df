"""TOML as people and variables write it: whatever a text holds, it is a table the rest can work with, or a problem."""

import tomllib
from typing import Any

MAX_DEPTH = 32
"""Tables and lists within each other; a configuration has four."""
# A byte order mark, as some editors put before UTF-8.
_MARK = "\ufeff"
# TOML's own bound (https://toml.io/en/v1.0.0#integer): a larger number no reader need take.
_MAX_BITS = 63


def parsed(text: str) -> dict[str, Any]:
    """The table a text stands for.

    Raises:
        ValueError: it is not TOML, or has too long a number or too deep a table in it; the text says where or which.
    """
    try:
        table = tomllib.loads(text.removeprefix(_MARK))
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise ValueError(_too_deep()) from None
    except ValueError:
        # All it raises beside its own error is what `int` says of thousands of digits.
        raise ValueError(_too_long("")) from None
    _check(table)
    return table


def _check(table: dict[str, Any]) -> None:
    """Go through all values; no recursion, for it may be as deep as its text is long."""
    level: list[tuple[str, Any]] = list(table.items())
    for _ in range(MAX_DEPTH):
        for key, value in level:
            # A bool is an int of one bit.
            if isinstance(value, int) and value.bit_length() > _MAX_BITS:
                raise ValueError(_too_long(f"{key}: "))
        level = [inner for key, value in level for inner in _inside(key, value)]
        if not level:
            return
    raise ValueError(_too_deep())


def _inside(key: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return [(key, item) for item in value] if isinstance(value, list) else []


def _too_deep() -> str:
    return f"it has more than {MAX_DEPTH} tables or lists within each other"


def _too_long(where: str) -> str:
    return f"{where}a number is larger than TOML's integers, which have 64 bits"
