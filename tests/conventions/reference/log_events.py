"""The log events: names and meanings from the list, levels and fields from the calls that write them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.telemetry import LOG_EVENTS
from tests.conventions.reference.blocks import code, table

ROOT = Path(__file__).parents[3]
LEVELS = ("debug", "info", "warning", "error")
_PACKAGES = ("receiver", "eventlog", "store", "dispatcher", "clients", "handlers", "simulator", "console", "cli")


@dataclass(frozen=True, slots=True)
class Call:
    """One place of the code that logs."""

    event: str
    package: str
    level: str
    fields: tuple[str, ...]


def log_calls() -> Iterator[Call]:
    """Every place of the code that logs one of the events of the list."""
    for package in _PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield from _calls(package, ast.parse(path.read_text(encoding="utf-8")))


def blocks() -> dict[str, str]:
    """A table of all events, in the order of the list."""
    calls: dict[str, list[Call]] = {}
    for call in log_calls():
        calls.setdefault(call.event, []).append(call)
    rows = [_row(name, calls.get(name, [])) for name in LOG_EVENTS]
    return {"events": table(["event", "level", "by", "meaning", "fields"], rows)}


def _row(name: str, calls: list[Call]) -> list[str]:
    levels = sorted({call.level for call in calls}, key=LEVELS.index)
    packages = dict.fromkeys(call.package for call in calls)
    fields = dict.fromkeys(field for call in calls for field in call.fields)
    return [code(name), ", ".join(levels), ", ".join(packages), LOG_EVENTS[name], ", ".join(map(code, fields))]


def _calls(package: str, tree: ast.Module) -> Iterator[Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (level := _level(node)) is not None and node.args:
            name = node.args[0]
            for event in [name.value] if isinstance(name, ast.Constant) else _passed(tree):
                yield Call(str(event), package, level, tuple(_fields(tree, node)))


def _level(call: ast.Call) -> str | None:
    """The level of `log.warning(…)` and `ctx.log.warning(…)`; None for any other call."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="log") | ast.Attribute(attr="log"), attr=level) if level in LEVELS:
            return level
    return None


def _passed(tree: ast.Module) -> list[str]:
    """The events whose names a module hands to a function of its own that logs under a name it is given."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args and _level(node) is None]
    names = [call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)]
    return [name for name in names if isinstance(name, str) and name in LOG_EVENTS]


def _fields(tree: ast.Module, call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg not in (None, "exc_info"):
            yield str(keyword.arg)
        else:
            for one in ast.walk(keyword.value):
                if isinstance(one, ast.Call) and isinstance(one.func, ast.Name):
                    yield from _returned_keys(tree, one.func.id)


def _returned_keys(tree: ast.Module, function: str) -> Iterator[str]:
    """The keys of the dictionary that a function of the module returns: `log.info("…", **_fields(x))`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            returned = [one.value for one in ast.walk(node) if isinstance(one, ast.Return)]
            keys = [key for one in returned if isinstance(one, ast.Dict) for key in one.keys]
            yield from (str(key.value) for key in keys if isinstance(key, ast.Constant))
