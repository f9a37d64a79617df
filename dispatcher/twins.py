"""Handlers of a file that hide each other: of two functions of one name Python keeps the last, and says nothing."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path


def twins(path: Path) -> Iterator[str]:
    """What is wrong with the handlers of a plugin's file, each as a sentence; reads it, and imports nothing.

    Args:
        path: the file; what cannot be read or parsed is told when it is imported.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return
    named: dict[str, list[ast.AsyncFunctionDef]] = {}
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and any(map(_makes_handler, node.decorator_list)):
            named.setdefault(node.name, []).append(node)
    for name, functions in named.items():
        for first, second in pairwise(functions):
            yield f"{name} is defined in lines {first.lineno} and {second.lineno}: only one of the handlers would run"


def _makes_handler(decorator: ast.expr) -> bool:
    if not isinstance(decorator, ast.Call):
        return False
    made = decorator.func
    return (
        made.id if isinstance(made, ast.Name) else made.attr if isinstance(made, ast.Attribute) else ""
    ) == "handler"
