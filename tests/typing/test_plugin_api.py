"""The plugin API's types: what authors may write is accepted, each of the known mistakes is rejected."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOUND = re.compile(r"^tests/typing/(?P<file>\w+)\.py:(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]$")
MARK = re.compile(r"# rejected: (.+)$")


@pytest.fixture(scope="module")
def found() -> dict[str, dict[int, set[str]]]:
    """File → line → the codes mypy reports there; mypy runs once for all tests."""
    files = [f"tests/typing/{name}.py" for name in ("accepted", "rejected")]
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--hide-error-context", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    errors: dict[str, dict[int, set[str]]] = {"accepted": defaultdict(set), "rejected": defaultdict(set)}
    for line in run.stdout.splitlines():
        if match := FOUND.match(line):
            errors[match["file"]][int(match["line"])].add(match["code"])
    assert run.returncode == 1, f"mypy did not end as expected:\n{run.stdout}{run.stderr}"
    return errors


def test_what_authors_may_write_is_accepted(found: dict[str, dict[int, set[str]]]) -> None:
    """One type, pairs, triples, six and more, a config, narrowing, typed accounts, effects, and what is shared."""
    assert dict(found["accepted"]) == {}


def test_each_known_mistake_is_rejected(found: dict[str, dict[int, set[str]]]) -> None:
    """Where the mark stands, with its codes, and nowhere else."""
    lines = (HERE / "rejected.py").read_text(encoding="utf-8").splitlines()
    marked = {
        number: set(re.findall(r"\[([a-z-]+)\]", mark[1]))
        for number, line in enumerate(lines, 1)
        if (mark := MARK.search(line))
    }
    assert dict(found["rejected"]) == marked


def test_they_are_counted() -> None:
    """None is lost: each has its number."""
    text = (HERE / "rejected.py").read_text(encoding="utf-8")
    assert [int(number) for number in re.findall(r"^ *# (\d+)\. ", text, re.MULTILINE)] == list(range(1, 23))
