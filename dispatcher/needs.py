"""What a handler will ask its context for, found before its first event. Reads code, runs none of it.

`ctx.account("support", platform=GPTBots)` and `ctx.schedule(…)` in the handler's own function are seen; what a function
it calls asks for is not, nor a name that is computed. A config field typed `AccountName` is checked by its value.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from clients.account import Account
from handlers.api import NamesAccount


@dataclass(frozen=True, slots=True)
class Need:
    """One account that will be asked for."""

    # None: the account of the event's source.
    name: str | None = None
    platform: type[Account] | None = None
    # What says so: a line of the handler's code, or the name of a setting.
    where: str = field(default="", compare=False)


def of_code(run: Any) -> tuple[Need, ...]:
    """The accounts that a handler's function asks for by name or platform; nothing where its source is not at hand."""
    calls = _calls(run, "account")
    return tuple(dict.fromkeys(need for line, call in calls if (need := _need(call, run, line)) is not None))


def sets_timers(run: Any) -> bool:
    """Whether a handler's function calls `ctx.schedule`; False where its source is not at hand."""
    return any(_calls(run, "schedule"))


def of_config(config: BaseModel) -> tuple[Need, ...]:
    """The accounts that a handler's settings name, in fields typed `AccountName`."""
    needs: list[Need] = []
    for name, declared in type(config).model_fields.items():
        marks = [*declared.metadata, declared.annotation]
        if any(_names_account(mark) for mark in marks):
            needs += [Need(value, where=name) for value in _strings(getattr(config, name))]
    return tuple(needs)


def _calls(run: Any, method: str) -> Iterator[tuple[str, ast.Call]]:
    """The calls of a method of the context in a handler's function, with their lines; none without its source."""
    try:
        lines, first = inspect.getsourcelines(run)
        file = Path(inspect.getsourcefile(inspect.unwrap(run)) or "").name
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return
    function = next((node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)), None)
    arguments = [] if function is None else [*function.args.posonlyargs, *function.args.args]
    if function is None or len(arguments) < 2:  # noqa: PLR2004 - (event, ctx)
        return
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == method
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == arguments[1].arg
        ):
            yield f"{file}:{first + node.lineno - 1}", node


def _need(call: ast.Call, run: Any, where: str) -> Need | None:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    name = call.args[0] if call.args else given.get("name")
    platform = given.get("platform")
    kind = None if platform is None else _class_of(platform, getattr(run, "__globals__", {}))
    match name:
        case None | ast.Constant(value=None):
            return Need(None, kind, where)
        case ast.Constant(value=str(text)):
            return Need(text, kind, where)
    return None


def _class_of(node: ast.expr, names: Mapping[str, Any]) -> type[Account] | None:
    match node:
        case ast.Name(id=name):
            found = names.get(name)
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            found = getattr(names.get(module), name, None)
        case _:
            return None
    return found if inspect.isclass(found) and issubclass(found, Account) else None


def _names_account(mark: Any) -> bool:
    if isinstance(mark, NamesAccount):
        return True
    parts = (*getattr(mark, "__args__", ()), *getattr(mark, "__metadata__", ()))
    return any(_names_account(part) for part in parts)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (tuple, list, set, frozenset)):
        for item in value:
            yield from _strings(item)
