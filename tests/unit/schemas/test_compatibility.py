"""What of a changed schema would break a reader, and what would not."""

from typing import Any

import pytest

from schemas.compatibility import breaking

ROLE = {"enum": ["user", "agent"], "type": "string"}
OLD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "role": ROLE,
        "size": {"type": "number"},
        "at": {"type": "string", "format": "date-time"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "extra": {"type": "object", "additionalProperties": {}},
        "who": {"$ref": "#/$defs/Who"},
    },
    "required": ["id", "role"],
    "$defs": {"Who": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
}


def changed(**properties: Any) -> dict[str, Any]:
    """The old schema with other properties; None takes one away."""
    merged = {**OLD["properties"], **properties}
    return {**OLD, "properties": {name: schema for name, schema in merged.items() if schema is not None}}


def test_same_schema_breaks_nobody() -> None:
    """A schema is compatible with itself."""
    assert breaking(OLD, OLD) == []


@pytest.mark.parametrize(
    "new",
    [
        changed(more={"type": "integer"}),
        changed(size={"type": "integer"}),
        changed(role={"const": "user", "type": "string"}),
        changed(note={"type": "string"}),
        changed(id={"type": "string", "description": "says more", "title": "Id"}),
        {**OLD, "required": ["id", "role", "size"]},
        {**OLD, "title": "New", "$id": "urn:new"},
        changed(extra={"type": "object", "additionalProperties": {"type": "string"}}),
    ],
    ids=["added", "narrower", "fewer-values", "never-null", "notes", "always-there", "head", "narrower-members"],
)
def test_harmless_change(new: dict[str, Any]) -> None:
    """What readers were told before still holds."""
    assert breaking(OLD, new) == []


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (changed(size=None), "$.size is gone"),
        (changed(id={"type": "integer"}), "$.id may be integer, it was string"),
        (
            changed(id={"anyOf": [{"type": "string"}, {"type": "null"}]}),
            "$.id may be null, it was string",
        ),
        (changed(id={}), "$.id may hold anything, it was string"),
        (changed(role={**ROLE, "enum": ["user", "agent", "bot"]}), "$.role may be bot, which no reader expects"),
        (changed(role={"type": "string"}), "$.role may hold any value, it was one of ['agent', 'user']"),
        (changed(at={"type": "string"}), "$.at has the format None, it was date-time"),
        (changed(tags={"type": "array", "items": {"type": "integer"}}), "$.tags[] may be integer, it was string"),
        ({**OLD, "required": ["id"]}, "$.role may be missing, it was always there"),
        (
            {**OLD, "$defs": {"Who": {**OLD["$defs"]["Who"], "required": []}}},
            "$.who.name may be missing, it was always there",
        ),
        ({**OLD, "type": "array"}, "$ may be array, it was object"),
    ],
)
def test_breaking_change_is_told(new: dict[str, Any], problem: str) -> None:
    """Each way to break a reader is found and said in a sentence."""
    assert problem in breaking(OLD, new)
