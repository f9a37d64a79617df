"""The keys of the configuration, read from the models that validate it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typing_extensions import TypeAliasType

from clients.limits import Rate as CallRate
from handlers.follow_up_chat import QuietHours
from receiver.settings import Rate as DeliveryRate
from tests.conventions.reference.blocks import code, table

KIB, MIB, GIB = 1024, 1024**2, 1024**3

_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a file",
    SecretStr: "a secret",
    timedelta: "a duration",
    datetime: "a time with its zone",
    AwareDatetime: "a time with its zone",
    CallRate: "a rate",
    DeliveryRate: "a rate",
    QuietHours: "hours of the day",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a section."""

    key: str
    takes: str
    default: str
    meaning: str


class Undescribed(LookupError):
    """A key of the configuration has no description: say in its model what it means."""


def settings_of(model: type[BaseModel]) -> list[Setting]:
    """The keys of a section, without those that are sections of their own.

    Raises:
        Undescribed: a key has no description.
    """
    return [
        Setting(name, _takes(field), _default(name, field), _meaning(model, name, field))
        for name, field in model.model_fields.items()
        if not sections_of(field)
    ]


def settings_table(model: type[BaseModel]) -> str:
    """The keys of a section as a table."""
    rows = [[code(one.key), one.takes, one.default, one.meaning] for one in settings_of(model)]
    return table(["key", "takes", "default", "meaning"], rows)


def sections_of(field: FieldInfo) -> list[type[BaseModel]]:
    """The models of a key that is a section of its own: `[eventlog.kafka]`, `[sources.NAME]`; several of a union."""
    alternatives = _alternatives(field.annotation)
    inner = [one for item in alternatives for one in (_alternatives(get_args(item)[1]) if _is_dict(item) else [item])]
    return [one for one in inner if isinstance(one, type) and issubclass(one, BaseModel) and one not in _WORDS]


def _is_dict(annotation: Any) -> bool:
    return get_origin(annotation) is dict


def written(value: Any) -> str:
    """A value as it is written in TOML."""
    match value:
        case bool() | int():
            return str(value).lower()
        case timedelta():
            return f'"{_duration(value)}"'
        case CallRate(calls=calls, per=per):
            return f'"{calls}/{ {1.0: "s", 60.0: "min", 3600.0: "h", 86400.0: "d"}[per] }"'
        case str():
            return f'"{value}"'
        case dict():
            inner = ", ".join(f"{key} = {written(one)}" for key, one in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case tuple() | list():
            return f"[{', '.join(map(written, value))}]"
        case _:
            raise TypeError(f"a {type(value).__name__} is written nowhere in the configuration yet: add a case")


def _duration(value: timedelta) -> str:
    for unit, seconds in {"d": 86_400, "h": 3_600, "m": 60, "s": 1}.items():
        if value >= timedelta(seconds=seconds) and value % timedelta(seconds=seconds) == timedelta():
            return f"{value // timedelta(seconds=seconds)}{unit}"
    return f"{value.total_seconds():g}s"


def _shown(value: Any) -> str:
    """A value as code, with its size where it is one of bytes."""
    if type(value) is int and value >= 64 * KIB:
        for name, unit in {"GiB": GIB, "MiB": MIB, "KiB": KIB}.items():
            if value % unit == 0:
                return f"{code(value)} ({value // unit} {name})"
    return code(written(value))


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        raise TypeError(f"the default of {name} cannot be known without other keys")
    return "" if value is None else _shown(value)


def _meaning(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    if not field.description:
        raise Undescribed(f"{model.__module__}.{model.__name__}.{name}")
    return field.description


def _takes(field: FieldInfo) -> str:
    words = " or ".join(dict.fromkeys(_word(one) for one in _alternatives(field.annotation) if one is not NoneType))
    bounds = [words for one in field.metadata for words in _bounds(one)]
    return ", ".join([words, *bounds])


def _word(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(code(written(value)) for value in inner)
    if origin in (tuple, list):
        return f"a list: {_word(_alternatives(inner[0])[0])}"
    if origin is dict:
        return "a table"
    return _WORDS[annotation]


def _bounds(metadata: Any) -> Iterator[str]:
    for attribute, words in {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}.items():
        if (bound := getattr(metadata, attribute, None)) is not None:
            yield f"{words} {_shown(bound)}"


def _alternatives(annotation: Any) -> Sequence[Any]:
    """The members of a union, without the marks pydantic reads."""
    if isinstance(annotation, TypeAliasType):
        return _alternatives(annotation.__value__)
    if hasattr(annotation, "__metadata__"):
        return _alternatives(annotation.__origin__)
    if get_origin(annotation) in (Union, UnionType):
        return [one for member in get_args(annotation) for one in _alternatives(member)]
    return [annotation]
