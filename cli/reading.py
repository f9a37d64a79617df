"""A configuration read as far as it goes: everything that is wrong with it is found at once, and the rest is usable.

Each section, and each source and account, is validated by itself: one that cannot work hides no other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from cli.explain import explain, literal_secrets, origin_of
from cli.overlay import Overlaid
from cli.secrets import References
from schemas.wording import Path

# Put in the place of a source or account that cannot work, so that what names it is not reported too.
_STAND_INS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "sources": {"platform": "standard", "verify": "none"},
        "accounts": {"platform": "mygptassistants", "api_key": "none", "bot_id": "none"},
    }
)


@dataclass(frozen=True, slots=True)
class Read:
    """What of a configuration can be used, and what is wrong with the rest."""

    # Validates; what cannot work is left out, or replaced by a stand-in.
    tree: dict[str, Any]
    # One line for each thing that is wrong, with the key or the variable.
    problems: list[str] = field(default_factory=list)
    # The first two keys of what cannot work, such as ("sources", "support").
    broken: set[Path] = field(default_factory=set)


def read_parts(raw: dict[str, Any], over: Overlaid, references: References, model: type[BaseModel]) -> Read:
    """Validate a configuration part by part.

    Args:
        raw: the parsed file, which may hold no secret itself.
        over: the same with the variables.
        references: where `env:` and `file:` lead.
        model: of the whole.
    """
    values = references.resolve(over.table)
    found = Read({}, list(over.problems))
    unread: dict[Path, str] = dict(references.problems)
    for key in literal_secrets(raw, model):
        unread[key] = (
            'is a secret that stands in the file itself: write "env:NAME" or "file:PATH" there, and put the secret '
            "into that variable or file"
        )
    for path, words in unread.items():
        found.broken.add(path[:2])
        found.problems.append(_line(path, words, raw, over))
    for path, part in _parts(values):
        wrong = _validate(found, path, part, model, unread)
        found.problems.extend(_line(key, words, raw, over) for key, words in wrong)
    return found


def _parts(values: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for section, value in values.items():
        if section in _STAND_INS and isinstance(value, dict) and value:
            yield from (((section, name), part) for name, part in value.items())
        else:
            yield (section,), value


def _validate(
    found: Read, path: Path, part: Any, model: type[BaseModel], unread: Mapping[Path, str]
) -> list[tuple[Path, str]]:
    """Put a part into the tree if it can work; what is wrong with it, without what was told of its references."""
    alone = {path[0]: part if len(path) == 1 else {path[1]: part}}
    wrong: dict[Path, str] = {}
    try:
        model.model_validate(alone)
    except ValidationError as error:
        wrong = explain(error, alone, model)
    if wrong or any(key[: len(path)] == path for key in unread):
        found.broken.update(key[:2] for key in wrong)
        _stand_in(found, path, part)
    elif len(path) == 1:
        found.tree[path[0]] = part
    else:
        found.tree.setdefault(path[0], {})[path[1]] = part
    return [(key, words) for key, words in wrong.items() if key not in unread]


def _stand_in(found: Read, path: Path, part: Any) -> None:
    if path[0] == "handlers" and isinstance(part, dict):
        found.tree["handlers"] = part  # each entry is validated later, by its own model
    elif len(path) == 2:  # noqa: PLR2004 - a source or an account
        found.tree.setdefault(path[0], {})[path[1]] = dict(_STAND_INS[path[0]])


def _line(path: Path, words: str, raw: object, over: Overlaid) -> str:
    key = ".".join(path)
    variable = origin_of(path, over.origins, raw)
    if variable is None:
        return f"{key}: {words}" if key else words
    return f"{variable}: {words}"
