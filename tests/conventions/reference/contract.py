"""The contract with readers of the log: topics, events and their fields, from the models. Pure."""

from collections.abc import Mapping
from typing import Any

from schemas.events import CANONICAL, Data, Unknown
from schemas.export import GENERATED, schema_of
from schemas.topics import DEFAULTS, Topics, TopicSettings
from tests.conventions.reference.blocks import code, table
from tests.conventions.reference.settings import written

Schema = Mapping[str, Any]


def blocks() -> dict[str, str]:
    """Tables of the topics, of the event types, and of the fields of each."""
    return {"topics": _topics(), "events": _events(), "fields": "\n".join(map(_fields, _families()))}


def topic_defaults() -> str:
    """How each topic is kept when nothing else is said, as a table of configuration sections."""
    rows = [
        [code(f"[topics.{name.replace('.', '_')}]"), *_kept(one), code(written(one.compact))]
        for name, one in DEFAULTS.items()
    ]
    return table(["section", "partitions", "retention", "compact"], rows)


def _topics() -> str:
    topics = Topics()
    held: dict[str, list[str]] = {name: [] for name in topics.all()}
    for data in CANONICAL:
        held[topics.of(data.event_type)].append(code(data.event_type))
    rows = [[code(name), ", ".join(held[name]), *_kept(one)] for name, one in topics.all().items()]
    return table(["topic", "event types", "partitions", "retention"], rows)


def _kept(one: TopicSettings) -> list[str]:
    return [code(one.partitions), code(written(one.retention)) if one.retention else "all is kept"]


def _events() -> str:
    topics = Topics()
    rows = [
        [
            f"[{code(data.event_type)}]({_file(data)})",
            code(topics.of(data.event_type)),
            code(data.__name__),
            _about(data),
        ]
        for data in CANONICAL
    ]
    return table(["type and JSON Schema", "topic", "class in Python", "means"], rows)


def _families() -> list[list[type[Data]]]:
    """The event types, those with the same fields together."""
    families: dict[str, list[type[Data]]] = {}
    for data in CANONICAL:
        schema = schema_of(data)
        families.setdefault(f"{schema.get('properties')} {schema.get('required')}", []).append(data)
    return list(families.values())


def _fields(family: list[type[Data]]) -> str:
    head = f"### {', '.join(data.event_type for data in family)}\n\n"
    if Unknown in family:
        return head + "The value is the platform's body, byte for byte: any JSON.\n"
    schema = schema_of(family[0])
    # What the platform says beside the canonical fields stands behind them.
    names = sorted(schema["properties"], key=lambda name: name == "extra")
    rows = [
        [
            code(name),
            kind_of(one, schema),
            "yes" if name in schema.get("required", ()) else "",
            one.get("description", ""),
        ]
        for name in names
        for one in [schema["properties"][name]]
    ]
    return head + table(["field", "kind", "always", "meaning"], rows)


def kind_of(field: Schema, schema: Schema) -> str:
    """What a field holds, in words; definitions are followed."""
    if "$ref" in field:
        found: Schema = schema["$defs"][field["$ref"].rpartition("/")[2]]
        return f"object: {', '.join(map(code, found['properties']))}" if "properties" in found else "JSON"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(kind_of(one, schema) for one in field["anyOf"] if one.get("type") != "null"))
    if "enum" in field:
        return ", ".join(code(value) for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {kind_of(field['items'], schema)}"
    return str(field.get("format") or field.get("type") or "JSON")


def _about(data: type[Data]) -> str:
    return " ".join((data.__doc__ or "").split("\n\n", maxsplit=1)[0].split())


def _file(data: type[Data]) -> str:
    path = GENERATED / f"{data.event_type}.json"
    assert path.is_file(), f"{path} is missing: run `make schemas`"
    return f"../../schemas/generated/{path.name}"
