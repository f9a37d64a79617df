"""The public name `hookline` is complete, and tells what each thing in it is."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conventions.fences import ROOT, fences

PUBLIC = [
    importlib.import_module("hookline" if path.stem == "__init__" else f"hookline.{path.stem}")
    for path in sorted((ROOT / "hookline").glob("*.py"))
    if path.stem != "__main__"
]
NAMES = [(module, name) for module in PUBLIC for name in module.__all__]


def source_of(module: ModuleType) -> ast.Module:
    return ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_all_is_complete(module: ModuleType) -> None:
    """What is imported from our packages is meant to be imported from here."""
    ours = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    imported = {
        alias.asname or alias.name
        for node in source_of(module).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ours
        for alias in node.names
    }
    assert sorted(module.__all__) == sorted(imported)


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_all_names_something(module: ModuleType) -> None:
    """`from hookline import *` works."""
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize(("module", "name"), NAMES, ids=str)
def test_public_names_have_a_docstring(module: ModuleType, name: str) -> None:
    """Whoever reads a plugin in an editor is told what it uses; methods and properties too."""
    assert list(undocumented(name, getattr(module, name))) == []


def undocumented(name: str, value: Any) -> Iterator[str]:
    if not inspect.isclass(value):
        if not (inspect.getdoc(value) if inspect.isroutine(value) else alias_docstring(name)):
            yield name
        return
    if not value.__dict__.get("__doc__"):
        yield name
    for base in value.__mro__:
        if base.__module__.partition(".")[0] in {"handlers", "schemas", "clients", "dispatcher"}:
            members = ((f"{name}.{one}", base.__dict__[one]) for one in base.__dict__ if not one.startswith("_"))
            yield from (path for path, member in members if is_code(member) and not inspect.getdoc(member))


def is_code(member: Any) -> bool:
    return isinstance(member, property | classmethod | staticmethod) or inspect.isfunction(member)


def alias_docstring(name: str) -> str | None:
    """The text below the assignment of a name, wherever that stands."""
    for package in ("handlers", "schemas", "dispatcher"):
        for path in sorted((ROOT / package).rglob("*.py")):
            body = ast.parse(path.read_text(encoding="utf-8")).body
            for node, below in pairwise(body):
                if assigns(node, name) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                    return str(below.value.value)
    return None


def assigns(node: ast.stmt, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def test_the_guide_uses_every_part_of_the_context() -> None:
    """What `ctx` gives is told of in the guide for those who write handlers."""
    guide = (ROOT / "docs/write-a-handler.md").read_text(encoding="utf-8")
    context = importlib.import_module("hookline").Context
    assert [one for one in vars(context) if not one.startswith("_") and f"ctx.{one}" not in guide] == []


def test_python_blocks_stand_in_the_guide() -> None:
    """The tests of code blocks have something to check."""
    assert len([block for block in fences("python") if block.page.name.endswith("-a-handler.md")]) >= 4
