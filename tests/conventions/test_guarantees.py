"""`docs/guarantees.md` promises what tests show: each line of its tables names tests that there are."""

import ast
import re
from pathlib import Path

import pytest

from tests.conventions.fences import ROOT, links, prose

PAGE = ROOT / "docs/guarantees.md"
ROWS = [line for line in prose(PAGE).splitlines() if line.startswith("| ") and "|---" not in line]
LINK = re.compile(r"\[(\w+)\]\((\.\./tests/[^)]+\.py)\)")


def names_in(file: Path) -> set[str]:
    """The names of a file's tests."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.parametrize("row", [row for row in ROWS if not row.endswith("| shown by |")])
def test_a_guarantee_is_shown_by_tests(row: str) -> None:
    """One at least, where the link leads, by their names."""
    named = LINK.findall(row.rsplit("|", maxsplit=2)[1])
    assert named
    assert [name for name, file in named if name not in names_in(PAGE.parent / file)] == []


def test_every_table_says_what_shows_it() -> None:
    """Failure, outcome, what is seen, and by what it is shown."""
    assert {row.count("|") for row in ROWS} == {5}
    assert len([row for row in ROWS if row.endswith("| shown by |")]) == 8


def test_the_guarantees_are_found() -> None:
    """From the first page of the documentation."""
    assert "guarantees.md" in links(ROOT / "docs/README.md")
