"""What of a raw configuration stands at which fields of a model: secrets in the file, truth where a number is meant."""

from collections.abc import Callable, Collection, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from cli.secrets import is_reference
from schemas.wording import Path

IN_THE_FILE = (
    'is a secret that stands in the file itself: write "env:NAME" or "file:PATH" there, and put the secret into that '
    "variable or file"
)
"""What is told of a key that `literal_secrets` finds."""

_Types = Collection[Any]


def literal_secrets(raw: Mapping[str, Any], model: type[BaseModel]) -> list[Path]:
    """The keys of a configuration file whose secret stands in the file itself."""
    found = (path for path, value in _of_model(raw, model, (), _is_secret) if not _may_stand_in_a_file(value))
    return list(dict.fromkeys(found))


def numbers_as_bools(raw: Mapping[str, Any], model: type[BaseModel]) -> list[Path]:
    """The keys where true or false stands for a number: pydantic takes them as 1 and 0."""
    return [path for path, value in _of_model(raw, model, (), _is_number) if isinstance(value, bool)]


def _may_stand_in_a_file(value: object) -> bool:
    """References, and addresses without a password in them; of a list or table each part is looked at by itself."""
    if isinstance(value, dict | list) or is_reference(value):
        return True
    return isinstance(value, str) and "://" in value and not _holds_password(value)


def _holds_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return "@" in url


def _of_model(
    raw: Any, model: type[BaseModel], path: Path, wanted: Callable[[_Types], bool]
) -> Iterator[tuple[Path, object]]:
    """What stands at the fields whose types are wanted ones; of lists each item, of tables each value."""
    if not isinstance(raw, Mapping):
        return
    for name, field in model.model_fields.items():
        for key in {name, field.alias or name} & raw.keys():
            yield from _of_type(raw[key], field.annotation, (*path, key), wanted)


def _of_type(
    value: Any, annotation: Any, path: Path, wanted: Callable[[_Types], bool]
) -> Iterator[tuple[Path, object]]:
    types = list(_alternatives(annotation))
    if wanted(types):
        yield path, value
    for one in types:
        inner = get_args(one)
        if _is_a(one, BaseModel):
            yield from _of_model(value, one, path, wanted)
        elif _is_a(one, Mapping) and isinstance(value, dict):
            for key, item in value.items():
                yield from _of_type(item, inner[-1] if inner else Any, (*path, key), wanted)
        else:
            for item in value if isinstance(value, list) else [value]:
                for each in inner:
                    yield from _of_type(item, each, path, wanted)


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The types that a value may be of: of `Annotated[A | B, …]` two."""
    if get_origin(annotation) is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, UnionType}:
        for each in get_args(annotation):
            yield from _alternatives(each)
    else:
        yield annotation


def _is_secret(types: _Types) -> bool:
    return any(_is_a(one, (SecretStr, SecretBytes, Secret)) for one in types)


def _is_number(types: _Types) -> bool:
    return bool not in types and any(one in {int, float} for one in types)


def _is_a(annotation: Any, kind: type[Any] | tuple[type[Any], ...]) -> bool:
    """Whether a type is of a kind, its parameters aside."""
    plain = get_origin(annotation) or annotation
    return isinstance(plain, type) and issubclass(plain, kind)
