"""The plugin API: signatures, fields and docstrings of everything that plugins may import."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import hookline
import hookline.clients
import hookline.testing
from clients.errors import ClientError
from dispatcher.away import is_away
from schemas.events import CANONICAL, Timer
from tests.conventions.reference.blocks import code, table

# Packages whose classes are ours.
_OURS = ("clients", "dispatcher", "handlers", "schemas")
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
# Longer signatures have a line for each argument.
_LONGEST = 100


def blocks() -> dict[str, str]:
    """A section for each public name but the events, and a table of the clients' errors."""
    events = {Timer.__name__, *(event.__name__ for event in CANONICAL)}
    errors = {name for name in hookline.clients.__all__ if _is_error(getattr(hookline.clients, name))}
    return {
        "hookline": _sections(hookline, without=events),
        "clients": _sections(hookline.clients, without={*errors, *hookline.__all__} - {"Contact"}),
        "errors": table(
            ["error", "meaning", "the event", "nothing happened"], [_error_row(name) for name in sorted(errors)]
        ),
        "testing": _sections(hookline.testing, without=set()),
    }


def _sections(module: ModuleType, *, without: set[str]) -> str:
    values = {name: getattr(module, name) for name in module.__all__ if name not in without}
    told = {name: value for name, value in values.items() if inspect.isclass(value) or inspect.isfunction(value)}
    return "\n".join(_section(name, value) for name, value in told.items())


def _section(name: str, value: Any) -> str:
    told = _class(value) if inspect.isclass(value) else _function(_node(value))
    return f"### {name}\n\n```text\n{told.rstrip()}\n```\n"


def _error_row(name: str) -> list[str]:
    error = getattr(hookline.clients, name)
    outcome = "is tried again, which uses up an attempt" if error.retryable else "is dead at once"
    if is_away(error.__new__(error)):
        outcome = "is tried again, which uses up no attempt"
    first = (inspect.getdoc(error) or "").partition("\n")[0]
    return [code(name), first, outcome, "yes" if error.nothing_happened else "not known"]


def _is_error(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, ClientError)


def _class(kind: type) -> str:
    # what every client offers is told of once
    client = issubclass(kind, hookline.Account) and kind is not hookline.Account
    told_of = set(vars(hookline.Account)) if client else set()
    parts = [_head(kind)]
    for one in kind.__mro__:
        if one.__module__.partition(".")[0] in _OURS:
            members = {name: told for name, told in _members(one) if name not in told_of}
            parts += [textwrap.indent(told, "    ") for told in members.values()]
            told_of |= set(members)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts))


def _head(kind: type) -> str:
    """The name and docstring of a class, with the arguments of its `__init__` where it has one that is written."""
    made = [node for node in _node(kind).body if isinstance(node, _FUNCTION) and node.name == "__init__"]
    line = (
        _line(f"class {kind.__name__}", made[0], "")
        if issubclass(kind, Exception) and made
        else f"class {kind.__name__}"
    )
    return f"{line}\n{textwrap.indent(inspect.getdoc(kind) or '', '    ')}\n"


def _members(kind: type) -> Iterator[tuple[str, str]]:
    """The public fields and methods of a class, as its source has them."""
    lines = _source(kind).splitlines()
    for node in _node(kind).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) if "ClassVar" not in ast.unparse(node.annotation):
                comment = _comment(lines, node.lineno - 1)
                told = "\n".join([*([""] if comment else []), *comment, ast.unparse(node)])
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if ast.get_docstring(node):
                told = f"\n{_function(node)}"
            case _:
                continue
        if not name.startswith("_"):
            yield name, told


def _comment(lines: list[str], above: int) -> list[str]:
    """The comment that ends above a line."""
    found: list[str] = []
    while above and lines[above - 1].strip().startswith("#"):
        above -= 1
        found.insert(0, lines[above].strip())
    return found


def _source(value: Any) -> str:
    return textwrap.dedent(inspect.getsource(value))


def _node(value: Any) -> Any:
    """The definition of a class or function."""
    return ast.parse(_source(value)).body[0]


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    told = textwrap.indent(inspect.cleandoc(ast.get_docstring(node) or ""), "    ")
    returns = ast.unparse(node.returns) if node.returns else "Any"
    decorators = [each for each in map(ast.unparse, node.decorator_list) if each != "abstractmethod"]
    if "property" in decorators:
        return f"{node.name}: {returns}\n{told}"
    kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    above = "".join(f"@{each}\n" for each in decorators)
    return f"{above}{_line(f'{kind} {node.name}', node, f' -> {returns}')}\n{told}"


def _line(name: str, node: ast.FunctionDef | ast.AsyncFunctionDef, returns: str) -> str:
    """A signature in one line, or with a line for each argument."""
    arguments = [each for each in _split(ast.unparse(node.args)) if each not in {"self", "cls"}]
    line = f"{name}({', '.join(arguments)}){returns}"
    if len(line) <= _LONGEST:
        return line
    inner = "".join(f"    {each},\n" for each in arguments)
    return f"{name}(\n{inner}){returns}"


def _split(arguments: str) -> list[str]:
    """The arguments of a signature, each with its annotation and default."""
    found, depth = [""], 0
    for letter in arguments:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [each.strip().replace("=", " = ", 1) for each in found if each.strip()]
