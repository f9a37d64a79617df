"""The sections of `hookline.toml`, found by walking the models. Pure but for loading the handlers."""

from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic import BaseModel

from cli.settings import BUILT_IN, Settings
from clients.sections import Timeouts
from dispatcher.registry import load
from dispatcher.settings import CommonSettings
from schemas.topics import TopicSettings
from tests.conventions.reference.contract import topic_defaults
from tests.conventions.reference.settings import sections_of, settings_of, settings_table

# Sections of an account that are the same at every platform.
_COMMON = (Timeouts,)


def sections() -> Mapping[str, type[BaseModel]]:
    """Section → its model: `eventlog.kafka`, `sources.NAME`, `handlers.follow-up-chat`."""
    found = dict(_below(Settings, ()))
    found["handlers.NAME"] = CommonSettings
    for name, config in handler_configs().items():
        found |= dict(_below(config, ("handlers", name)))
    return found


def handler_configs() -> Mapping[str, type[BaseModel]]:
    """Handler that comes with hookline → the model of its own settings.

    Raises:
        AssertionError: one of them cannot be loaded.
    """
    registry = load()
    assert not registry.problems, [str(problem) for problem in registry.problems]
    return {name: registry.handlers[name].handler.config for name in BUILT_IN}


def blocks() -> dict[str, str]:
    """A table for each section, and how each topic is kept."""
    tables = {name: settings_table(model) for name, model in sections().items() if settings_of(model)}
    return tables | {"topic defaults": topic_defaults()}


def _below(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, type[BaseModel]]]:
    if path:
        yield ".".join(path), model
    for name, field in model.model_fields.items():
        if name == "platforms":
            # A page of its own: docs/add-a-sender.md.
            continue
        inner = sections_of(field)
        if inner == [TopicSettings]:
            yield "topics.TOPIC", inner[0]
            continue
        named = ("NAME",) if "dict" in str(field.annotation) else ()
        for one in inner:
            below = _below(one, (*path, name, *named))
            yield from below if len(inner) == 1 else _of_platform(one, below)


def _of_platform(
    model: type[BaseModel], below: Iterator[tuple[str, type[BaseModel]]]
) -> Iterator[tuple[str, type[BaseModel]]]:
    """The sections of one platform's accounts; those that the accounts of all have stand once."""
    (platform,) = get_args(model.model_fields["platform"].annotation)
    for name, section in below:
        yield name if section in _COMMON else f"{name} {platform}", section
