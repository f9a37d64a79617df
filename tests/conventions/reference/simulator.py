"""The simulator's control API: its endpoints and faults from their own tables, their fields from the models. Pure."""

import json
import re
from typing import Any, cast

from pydantic import BaseModel

from simulator import control
from simulator.control import Control, EmitOrder, ResetOrder, ScriptOrder, WebhookOrder
from simulator.faults import Fault
from simulator.script import Visitor
from simulator.world import World
from tests.conventions.reference.blocks import code, table
from tests.conventions.reference.contract import kind_of

ORDERS: dict[str, type[BaseModel]] = {
    "webhook": WebhookOrder,
    "event": EmitOrder,
    "conversation": ScriptOrder,
    "visitor": Visitor,
    "fault": Fault,
    "reset": ResetOrder,
}
"""Block → the model of the body it describes."""


def blocks() -> dict[str, str]:
    """The endpoints, the kinds of faults, and the fields of each body."""
    quoted = {"endpoints": _own_table(control), "faults": _own_table(Fault)}
    return quoted | {name: _fields(model) for name, model in ORDERS.items()}


def endpoints() -> set[tuple[str, str]]:
    """Method and path of every endpoint there is."""
    routes = Control(cast("World", None)).routes()
    return {(cast("Any", route).method, f"/_control{cast('Any', route).path}") for route in routes}


def told() -> set[tuple[str, str]]:
    """Method and path of every endpoint that the table tells of."""
    rows = re.findall(r"^\| ([A-Z, ]+) (/[^ ?]*)\S* \|", _own_table(control), re.MULTILINE)
    return {(method, path) for methods, path in rows for method in methods.split(", ")}


def _own_table(owner: object) -> str:
    """The table in a docstring."""
    return "".join(f"{line.strip()}\n" for line in (owner.__doc__ or "").splitlines() if line.strip().startswith("|"))


def _fields(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    rows = []
    for name, field in schema["properties"].items():
        if "description" not in field:
            raise AssertionError(f"{model.__module__}.{model.__name__}.{name} has no description")
        rows.append([code(name), _takes(field, schema), _default(name, schema), field["description"]])
    return table(["field", "takes", "default", "meaning"], rows)


def _default(name: str, schema: dict[str, Any]) -> str:
    """What stands for a field that is not given; nothing where the meaning says it."""
    default = schema["properties"][name].get("default")
    if name in schema.get("required", ()):
        return "must be set"
    return "" if default is None or isinstance(default, dict) else code(json.dumps(default))


def _takes(field: dict[str, Any], schema: dict[str, Any]) -> str:
    parts = [field, *field.get("anyOf", ())]
    words = {"minimum": "at least", "maximum": "at most"}
    bounds = [f"{text} {part[key]:g}" for part in parts for key, text in words.items() if key in part]
    return ", ".join([kind_of(field, schema), *bounds])
