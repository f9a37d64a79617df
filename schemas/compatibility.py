"""Whether readers of an event can live with its changed schema. Pure.

Readers ignore fields they do not know, so a field may be added. They rely on the others: a field must not go, must not
stop being there, and must not hold what it could not hold before. Such a change is a new event type.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

# Keywords that only tell people something.
_NOTES = frozenset({"title", "description", "default", "examples", "$schema", "$id", "$defs", "$comment"})
_ANYTHING: Schema = {}


def breaking(old: Schema, new: Schema) -> list[str]:
    """What of a change would break a reader, a sentence each; empty when nothing would.

    Args:
        old: the schema readers were written for.
        new: the schema of what they would be given.
    """
    return list(_compare(old, new, old_root=old, new_root=new, at="$"))


def _compare(old: Schema, new: Schema, *, old_root: Schema, new_root: Schema, at: str) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if old == _ANYTHING:
        return
    if _kinds(old) and not _kinds(new):
        yield f"{at} may hold anything, it was {_words(old)}"
        return
    allowed = _kinds(old) | ({"integer"} if "number" in _kinds(old) else set())
    for kind in sorted(_kinds(new) - allowed) if allowed else ():
        yield f"{at} may be {kind}, it was {_words(old)}"
    yield from _values(old, new, at)
    for old_part, new_part in _pairs(old, new, old_root, new_root):
        yield from _properties(old_part, new_part, old_root, new_root, at)
        yield from _members(old_part, new_part, old_root, new_root, at)


def _properties(old: Schema, new: Schema, old_root: Schema, new_root: Schema, at: str) -> Iterator[str]:
    there = new.get("properties", {})
    for name, schema in old.get("properties", {}).items():
        if name not in there:
            yield f"{at}.{name} is gone"
        else:
            yield from _compare(schema, there[name], old_root=old_root, new_root=new_root, at=f"{at}.{name}")
    for name in sorted(set(old.get("required", [])) - set(new.get("required", []))):
        if name in there:
            yield f"{at}.{name} may be missing, it was always there"


def _members(old: Schema, new: Schema, old_root: Schema, new_root: Schema, at: str) -> Iterator[str]:
    for keyword, where in (("items", "[]"), ("additionalProperties", ".*")):
        before, after = old.get(keyword, _ANYTHING), new.get(keyword, _ANYTHING)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _compare(before, after, old_root=old_root, new_root=new_root, at=f"{at}{where}")


def _values(old: Schema, new: Schema, at: str) -> Iterator[str]:
    before, after = _choices(old), _choices(new)
    if before is not None and after is None:
        yield f"{at} may hold any value, it was one of {sorted(before)}"
    elif before is not None and after is not None:
        for value in sorted(after - before):
            yield f"{at} may be {value}, which no reader expects"
    if "format" in old and old["format"] != new.get("format"):
        yield f"{at} has the format {new.get('format')}, it was {old['format']}"


def _pairs(old: Schema, new: Schema, old_root: Schema, new_root: Schema) -> Iterator[tuple[Schema, Schema]]:
    """The alternatives of both sides that describe the same kind of value."""
    after = {kind: part for part in _alternatives(new, new_root) for kind in _kinds(part)}
    for part in _alternatives(old, old_root):
        for kind in _kinds(part):
            if kind in after:
                yield part, after[kind]


def _alternatives(schema: Schema, root: Schema) -> list[Schema]:
    return [_resolved(part, root) for part in schema.get("anyOf", [])] or [schema]


def _kinds(schema: Schema) -> set[str]:
    """The JSON types a value may have; empty when any."""
    if "anyOf" in schema:
        parts = [_kinds(part) for part in schema["anyOf"]]
        return set().union(*parts) if all(parts) else set()
    if "const" in schema or "enum" in schema:
        return {"string"} if "type" not in schema else {schema["type"]}
    found = schema.get("type", [])
    return {found} if isinstance(found, str) else set(found)


def _choices(schema: Schema) -> set[str] | None:
    if "const" in schema:
        return {str(schema["const"])}
    return {str(value) for value in schema["enum"]} if "enum" in schema else None


def _words(schema: Schema) -> str:
    return " or ".join(sorted(_kinds(schema)))


def _resolved(schema: Schema, root: Schema) -> Schema:
    """A schema without its notes, its reference followed."""
    if "$ref" in schema:
        schema = root.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], _ANYTHING)
    resolved = {keyword: value for keyword, value in schema.items() if keyword not in _NOTES}
    if "anyOf" in resolved:
        resolved["anyOf"] = [_resolved(part, root) for part in resolved["anyOf"]]
    return resolved
