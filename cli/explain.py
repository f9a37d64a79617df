"""What is wrong with a configuration, told so that it can be mended: the key, why, and what was probably meant."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from schemas.wording import Path, faults

# What `schemas.wording` says of a key that is not there.
_UNKNOWN = "is no known key"


def explain(error: ValidationError, raw: object, model: type[BaseModel]) -> dict[Path, str]:
    """What is wrong with each key, and what to write; never a value."""
    return {path: _told(path, words, model) for path, words in faults(error, raw)}


def _told(path: Path, words: str, model: type[BaseModel]) -> str:
    if words != _UNKNOWN:
        return words
    known = _siblings(model, path[:-1])
    if path[-1] in known:
        return "does not go with the other keys beside it: they belong to another form of this section"
    return words + suggestion(path[-1], known)


def origin_of(path: Path, origins: Mapping[Path, str], file: object) -> str | None:
    """The variable that set a key or made its section; None when the file did.

    Args:
        path: the key.
        origins: the keys that variables set.
        file: what stands in the configuration file.
    """
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            return origins[path[:length]]
    below = [variable for key, variable in origins.items() if key[: len(path)] == path]
    return below[0] if path and below and not _stands(path, file) else None


def parts_of(path: Path, origins: Mapping[Path, str]) -> str:
    """Which variables set keys of a section that is at fault as a whole, to be put behind what is wrong with it."""
    names = [variable for key, variable in origins.items() if key[: len(path)] == path]
    return f" (set in part by {', '.join(names)})" if path and names else ""


def _stands(path: Path, file: object) -> bool:
    for part in path:
        if not isinstance(file, Mapping) or part not in file:
            return False
        file = file[part]
    return True


def suggestion(wrong: str, known: list[str]) -> str:
    """`; did you mean …?` where a known word is near, else the known words."""
    near = difflib.get_close_matches(wrong, known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known here: {', '.join(sorted(known))}" if known else ""


def _siblings(model: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    """The keys a configuration may have at a path."""
    for depth, part in enumerate(path):
        field = model.model_fields.get(part)
        if field is None:
            continue
        nested = list(_models(field.annotation))
        if not nested:
            return []
        if len(nested) > 1:
            return sorted({name for one in nested for name in one.model_fields})
        return _siblings(nested[0], path[depth + 1 :])
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models inside a field's type: `dict[str, Source]`, `Annotated[A | B, …]`, `A | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
