"""The commands that errors, banners and docstrings name can be called as they stand there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conventions.reference.commands import complaint
from tests.conventions.reference.pages import ROOT

PACKAGES = (
    "schemas", "eventlog", "store", "clients", "receiver", "handlers", "dispatcher", "console", "simulator", "cli",
    "hookline",
)  # fmt: skip
# Stands for what an f-string puts in.
FILLED = "VALUE"


def texts(tree: ast.AST) -> Iterator[str]:
    """The strings of a file; what an f-string is filled with is a word."""
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in node.values}
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else FILLED for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


@cache
def told() -> dict[str, str]:
    """The commands in the texts of the code, each with a file that tells it."""
    found: dict[str, str] = {}
    for file in (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))):
        source = file.read_text(encoding="utf-8")
        if "hookline " not in source:
            continue  # to parse it would take long
        for text in texts(ast.parse(source)):
            for command in re.findall(r"`(?:\.venv/bin/)?hookline ([^`]+)`", text):
                found.setdefault(" ".join(command.split()), str(file.relative_to(ROOT)))
    # `[--check]` and `plan|apply` are notation of a docstring, and what is filled in first may be any command.
    return {said: file for said, file in found.items() if not re.match(rf"{FILLED}|…|.*[\[|]", said)}


@pytest.mark.parametrize(("command", "file"), sorted(told().items()))
def test_a_command_in_a_text_exists(command: str, file: str) -> None:
    """Arguments may be left out, and what is filled in may be a number."""
    said = complaint(command.split())
    fine = "Error: " not in said or "Missing argument" in said or (FILLED in command and "a valid integer" in said)
    assert fine, f"{file}: {said}"


def test_texts_are_looked_at() -> None:
    """The search finds what is known to be there."""
    assert {"topics apply", "migrate", "dev"} <= told().keys()


def test_a_command_that_does_not_exist_is_found(tmp_path: Path) -> None:
    """In an f-string too."""
    file = tmp_path / "a.py"
    file.write_text('f"run `hookline mend {1}`"', encoding="utf-8")
    [text, *_] = texts(ast.parse(file.read_text(encoding="utf-8")))
    assert text == "run `hookline mend VALUE`"
    assert "No such command" in complaint(["mend", FILLED])
