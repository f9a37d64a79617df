"""What is wrong with a configuration, told so that it can be mended: the key, why, and what was probably meant."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from cli.secrets import is_reference
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


def literal_secrets(raw: dict[str, Any], model: type[BaseModel]) -> list[Path]:
    """The keys of a configuration file whose secret stands in the file itself."""
    found = (path for path, value in _values(raw, model, (), _holds_secret) if not _may_stand_in_a_file(value))
    return list(dict.fromkeys(found))


def _may_stand_in_a_file(value: object) -> bool:
    """References, and addresses without a password in them."""
    return is_reference(value) or (isinstance(value, str) and "://" in value and not _holds_password(value))


def _holds_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return "@" in url


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


def numbers_as_bools(raw: Any, model: type[BaseModel]) -> list[Path]:
    """The keys where true or false stands for a number: pydantic takes them as 1 and 0."""
    return [path for path, value in _values(raw, model, (), _is_number) if isinstance(value, bool)]


def _values(
    raw: Any, model: type[BaseModel], path: Path, wanted: Callable[[Any], bool]
) -> Iterator[tuple[Path, object]]:
    """What stands at the fields whose type is a wanted one; of lists each item."""
    if not isinstance(raw, dict):
        return
    for name, field in model.model_fields.items():
        if name not in raw:
            continue
        value = raw[name]
        if wanted(field.annotation):
            yield from (((*path, name), item) for item in (value if isinstance(value, list) else [value]))
        for nested in _models(field.annotation):
            yield from _nested(value, field.annotation, nested, (*path, name), wanted)


def _nested(
    value: Any, annotation: Any, model: type[BaseModel], path: Path, wanted: Callable[[Any], bool]
) -> Iterator[tuple[Path, object]]:
    if _is_mapping(annotation) and isinstance(value, dict):
        for key, item in value.items():
            yield from _values(item, model, (*path, key), wanted)
    else:
        yield from _values(value, model, path, wanted)


def _is_number(annotation: Any) -> bool:
    inner = [annotation, *get_args(annotation)]
    return bool not in inner and any(one in (int, float) for one in inner)


def _is_mapping(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is dict


def _holds_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_holds_secret(inner) for inner in get_args(annotation) if inner is not dict)
