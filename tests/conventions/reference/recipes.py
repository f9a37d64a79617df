"""The keys of a recipe, from the models that validate it. Pure."""

from collections.abc import Iterator
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator

from receiver.handshakes import Handshake
from receiver.recipes.recipe import ContactOf, Mapping, Reads, Recipe, RoleOf
from schemas.schemes import Items, KeyValues, Plain, Scheme, Timestamp, Token
from tests.conventions.reference import presets
from tests.conventions.reference.blocks import code, table
from tests.conventions.reference.settings import Undescribed, written

# The keys of another table → what the pages call it.
_TABLES: dict[type[BaseModel], str] = {
    Recipe: "platforms.NAME",
    Scheme: "verify",
    Plain: "verify.signature: one",
    KeyValues: "verify.signature: pairs",
    Items: "verify.signature: a list",
    Timestamp: "verify.timestamp",
    Token: "verify.token",
    Handshake: "handshake",
    Reads: "read",
    Mapping: "events",
    RoleOf: "events.role",
    ContactOf: "events.contact",
}
_WORDS: dict[Any, str] = {str: "text", int: "a whole number", bool: "true or false"}


def blocks() -> dict[str, str]:
    """A table for each part of a recipe."""
    return {"presets": presets.index(), **{name: _table(model) for model, name in _TABLES.items()}}


def _table(model: type[BaseModel]) -> str:
    rows = []
    for name, field in model.model_fields.items():
        if name == "about":
            continue
        if not field.description:
            raise Undescribed(f"{model.__module__}.{model.__name__}.{name}")
        single = any(isinstance(one, BeforeValidator) for one in field.metadata)
        rows.append([code(name), _takes(field.annotation, single=single), _default(field), field.description])
    return table(["key", "takes", "default", "meaning"], rows)


def _default(field: Any) -> str:
    if field.is_required():
        return "must be set"
    value = field.default
    return (
        "" if value is None or isinstance(value, BaseModel) or value in ((), frozenset(), {}) else code(written(value))
    )


def _takes(annotation: Any, *, single: bool = True) -> str:
    return " or ".join(dict.fromkeys(_words(annotation, single=single)))


def _words(annotation: Any, *, single: bool) -> Iterator[str]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        yield ", ".join(code(written(value)) for value in inner)
    elif hasattr(annotation, "__metadata__"):
        yield from _words(annotation.__origin__, single=single)
    elif origin in (tuple, frozenset):
        one = _takes(inner[0])
        yield one if "table" in one else f"{one}, or a list of it" if single else f"a list: {one}"
    elif origin is dict:
        yield f"a table of {_takes(inner[1])}"
    elif inner:
        yield from (word for one in inner if one is not NoneType for word in _words(one, single=single))
    elif issubclass(annotation, BaseModel):
        yield f"a table: {_TABLES[annotation].partition(':')[0]}"
    else:
        yield _WORDS[annotation]
