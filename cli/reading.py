"""A configuration read as far as it goes: everything that is wrong with it is found at once, and the rest is usable.

Each section, and each source and account, is validated by itself: one that cannot work hides no other.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from cli.explain import explain, origin_of, parts_of
from cli.field_values import IN_THE_FILE, literal_secrets, numbers_as_bools
from cli.overlay import Overlaid
from cli.secrets import References
from schemas.wording import Path

# Put in the place of a source, platform or account that cannot work, so that what names it is not reported too.
_STAND_INS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "sources": {"platform": "standard", "verify": "none"},
        "platforms": {"verify": {"mode": "none"}},
        "accounts": {"platform": "mygptassistants", "api_key": "none", "bot_id": "none"},
    }
)


@dataclass(frozen=True, slots=True)
class Read:
    """What of a configuration can be used, and what is wrong with the rest."""

    # Validates: keys that cannot work are left out; what cannot do without them is replaced by a stand-in.
    tree: dict[str, Any]
    # One line for each thing that is wrong, with the key or the variable.
    problems: list[str] = field(default_factory=list)
    # The keys that cannot work, such as ("sources", "support", "rate").
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
        unread[key] = IN_THE_FILE
    for path, words in unread.items():
        found.broken.add(path)
        found.problems.append(told(path, words, raw, over))
    for path, part in _parts(values):
        wrong = _validate(found, path, part, model, unread)
        found.problems.extend(told(key, words, raw, over) for key, words in wrong)
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
    """Put a part into the tree, as much of it as can work; what is wrong with it and not yet told."""
    wrong: dict[Path, str] = {}
    taken_out: set[Path] = set()
    # A rule about several keys is looked at when each of them is right, so there may be more to tell after one round.
    while more := _faults(path, part, model):
        # That a key is missing which was taken out is no news.
        wrong = {key: words for key, words in more.items() if key not in taken_out} | wrong
        names = {key[len(path)] for key in more if len(key) > len(path)}
        taken_out |= {(*path, name) for name in names}
        left = _without(part, names)
        if left is part or left == part:  # nan equals nothing
            part = dict(_STAND_INS[path[0]]) if len(path) == 2 else None  # noqa: PLR2004 - one that has a stand-in
            break
        part = left
    found.broken.update(wrong)
    if part is not None:
        target = found.tree if len(path) == 1 else found.tree.setdefault(path[0], {})
        target[path[-1]] = part
    return [(key, words) for key, words in wrong.items() if key not in unread]


def _faults(path: Path, part: Any, model: type[BaseModel]) -> dict[Path, str]:
    alone = {path[0]: part if len(path) == 1 else {path[1]: part}}
    if bools := numbers_as_bools(alone, model):
        return dict.fromkeys(bools, "write a number")
    try:
        model.model_validate(alone)
    except ValidationError as error:
        return explain(error, alone, model)
    return {}


def _without(part: Any, keys: Collection[str]) -> Any:
    return {name: value for name, value in part.items() if name not in keys} if isinstance(part, dict) else part


def told(path: Path, words: str, raw: object, over: Overlaid) -> str:
    """One line for a thing that is wrong, with the key, or with the variable that set it."""
    key = ".".join(path)
    variable = origin_of(path, over.origins, raw)
    if variable is not None:
        return f"{variable}: {words}"
    return (f"{key}: {words}" if key else words) + parts_of(path, over.origins)
