"""`HOOKLINE_SECTION__KEY` variables, laid over the configuration file.

pydantic-settings cannot write `-` as `_`, nor tell an unknown variable with a suggestion, so this is ours
(docs/decisions/0003).
"""

import json
import tomllib
from collections.abc import Mapping
from typing import Any, cast

from cli.errors import Misconfigured

PREFIX = "HOOKLINE_"
SEPARATOR = "__"
# Below these sections stand names that people choose; there `_` in a variable may also mean `-`.
_NAMED = frozenset({"sources", "accounts", "handlers", "topics"})

Table = dict[str, Any]


def overlay(raw: Table, environ: Mapping[str, str], known_names: Mapping[str, tuple[str, ...]]) -> Table:
    """The raw configuration with every settings variable laid over it.

    Args:
        raw: the parsed configuration file.
        environ: the process environment. Only names with `__` after the prefix are settings.
        known_names: section → names that exist without standing in the file, such as the built-in handlers.
    """
    result = cast("Table", json.loads(json.dumps(raw, default=str)))
    for variable, value in sorted(environ.items()):
        if variable.startswith(PREFIX) and SEPARATOR in variable[len(PREFIX) :]:
            path = variable[len(PREFIX) :].lower().split(SEPARATOR)
            _put(result, path, _value(variable, value), known_names)
    return result


def _put(table: Table, path: list[str], value: object, known_names: Mapping[str, tuple[str, ...]]) -> None:
    *sections, last = path
    names: tuple[str, ...] = ()
    for depth, section in enumerate(sections):
        key = _existing(table, section, names)
        names = known_names.get(key, ()) if depth == 0 and key in _NAMED else ()
        table = table.setdefault(key, {})
    table[_existing(table, last, names)] = value


def _existing(table: Mapping[str, Any], wanted: str, names: tuple[str, ...]) -> str:
    """The key of the table, or the known name, that the variable's part means."""
    for key in (*table, *names):
        if key.lower().replace("-", "_").replace(".", "_") == wanted.replace("-", "_"):
            return key
    return wanted


def _value(variable: str, text: str) -> object:
    """Lists and tables are written as in TOML; everything else is the text, which the model converts."""
    if not text.startswith(("[", "{")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(
            f'{variable} starts like a list but is not one: write it as in TOML, ["env:A", "env:B"]'
        ) from error
