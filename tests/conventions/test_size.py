"""Files and functions stay small enough to read."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "hookline",
    "cli",
    "console",
    "receiver",
    "dispatcher",
    "simulator",
    "handlers",
    "clients",
    "eventlog",
    "store",
    "schemas",
    "examples",
)
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def test_no_file_is_above_400_lines() -> None:
    """A longer file has more than one subject."""
    lengths = {str(path.relative_to(ROOT)): path.read_bytes().count(b"\n") for path in (*SOURCES, *TESTS)}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_no_function_is_above_40_lines() -> None:
    """A longer function does more than one thing; its docstring does not count."""
    long = [
        f"{path.relative_to(ROOT)}: {node.name} ({length} lines)"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (length := _length(node)) > 40
    ]
    assert long == []


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body
    first = body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring
