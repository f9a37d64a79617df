"""`HOOKLINE_SECTION__KEY` variables, laid over the configuration file.

pydantic-settings cannot write `-` as `_`, nor tell an unknown variable with a suggestion, so this is ours
(docs/decisions/0003).
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from cli.explain import suggestion
from cli.toml_text import MAX_DEPTH, parsed

PREFIX = "HOOKLINE_"
SEPARATOR = "__"
# Below these sections stand names that people choose; there `_` in a variable may also mean `-`.
_NAMED = frozenset({"sources", "platforms", "accounts", "handlers", "topics"})

# A variable of one that stands nowhere says what it is, or was misspelt.
_NEEDS_PLATFORM = {"sources": "source", "accounts": "account"}

Table = dict[str, Any]
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overlaid:
    """A configuration with the variables laid over it."""

    table: Table
    # The key that a variable set → the variable.
    origins: dict[Path, str] = field(default_factory=dict)
    # Variables that mean nothing, each with what to write.
    problems: list[str] = field(default_factory=list)


def overlay(raw: Table, environ: Mapping[str, str], known_names: Mapping[str, tuple[str, ...]]) -> Overlaid:
    """The raw configuration with every settings variable laid over it.

    Args:
        raw: the parsed configuration file.
        environ: the process environment. Only names with `__` after the prefix are settings.
        known_names: section → names that exist without standing in the file, such as the built-in handlers.
    """
    result = Overlaid(cast("Table", json.loads(json.dumps(raw, default=str))))
    for variable, text in sorted(environ.items()):
        if variable.startswith(PREFIX) and SEPARATOR in variable[len(PREFIX) :]:
            parts = variable[len(PREFIX) :].lower().split(SEPARATOR)
            try:
                path = _put(result.table, parts, _value(text), known_names)
            except ValueError as error:
                result.problems.append(f"{variable} {error}")
            else:
                result.origins[path] = variable
    for section, noun in _NEEDS_PLATFORM.items():
        _drop_misspelt(result, raw, section, noun)
    return result


def ignored(environ: Mapping[str, str], sections: Collection[str], file: Mapping[str, Any]) -> dict[str, str]:
    """Variables that look like settings and are none, for they lack a `__`, each with what was probably meant.

    Args:
        environ: the process environment.
        sections: of the configuration.
        file: the configuration file, which may name any variable for a secret.
    """
    found = {}
    for variable in sorted(environ):
        rest = variable.removeprefix(PREFIX)
        if rest == variable or SEPARATOR in rest or f"env:{variable}" in str(file):
            continue
        section, _, key = rest.partition("_")
        if section.lower() in sections and key:
            meant = f"{PREFIX}{section}{SEPARATOR}{key}"
            found[variable] = f"{PREFIX}{section}{SEPARATOR}NAME{SEPARATOR}KEY" if section.lower() in _NAMED else meant
    return found


def _drop_misspelt(result: Overlaid, raw: Table, section: str, noun: str) -> None:
    """Variables of a name that stands nowhere and that they do not make either: they set no platform."""
    table, known = result.table.get(section), raw.get(section, {})
    if not isinstance(table, dict) or not isinstance(known, dict):
        return
    for name in [name for name in table if name not in known]:
        variables = {path: variable for path, variable in result.origins.items() if path[:2] == (section, name)}
        if (section, name) in variables or any(path[2:] == ("platform",) for path in variables):
            continue
        why = suggestion(name, list(known)) or f": add a section [{section}.{name}]"
        result.problems.extend(f"{variable}: there is no {noun} {name}{why}" for variable in variables.values())
        del table[name]
        for path in variables:
            del result.origins[path]


def _put(table: Table, parts: list[str], value: object, known_names: Mapping[str, tuple[str, ...]]) -> Path:
    if len(parts) > MAX_DEPTH:
        raise ValueError(f"names a key in {len(parts) - 1} sections: no configuration is so deep")
    path: Path = ()
    names: tuple[str, ...] = ()
    for depth, section in enumerate(parts[:-1]):
        key = _existing(table, section, names)
        names = known_names.get(key, ()) if depth == 0 and key in _NAMED else ()
        path = (*path, key)
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise ValueError(f"sets a key below {'.'.join(path)}, which is no section")  # noqa: TRY004 - of its caller
    last = _existing(table, parts[-1], names)
    table[last] = value
    return (*path, last)


def _existing(table: Mapping[str, Any], wanted: str, names: tuple[str, ...]) -> str:
    """The key of the table, or the known name, that the variable's part means."""
    for key in (*table, *names):
        if key.lower().replace("-", "_").replace(".", "_") == wanted.replace("-", "_"):
            return key
    return wanted


def _value(text: str) -> object:
    """Lists and tables are written as in TOML; everything else is the text, which the model converts."""
    if not text.startswith(("[", "{")):
        return text
    try:
        return parsed(f"value = {text}")["value"]
    except ValueError as error:
        raise ValueError('starts like a list but is not one: write it as in TOML, ["env:A", "env:B"]') from error
