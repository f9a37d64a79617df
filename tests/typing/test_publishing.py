"""A raw body cannot be published: the type checker says so before any test does."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
FOUND = re.compile(r"^tests/typing/publishing\.py:(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]$")
MARK = re.compile(r"# rejected: \[(?P<code>[a-z-]+)\]$")


def test_what_is_not_proved_does_not_type_check() -> None:
    """Each marked line is rejected with the code of its mark, and every other line is accepted."""
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--hide-error-context", "tests/typing/publishing.py"],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    found = defaultdict(set)
    for line in run.stdout.splitlines():
        if match := FOUND.match(line):
            found[int(match["line"])].add(match["code"])
    lines = (HERE / "publishing.py").read_text(encoding="utf-8").splitlines()
    marked = {number: {mark["code"]} for number, line in enumerate(lines, 1) if (mark := MARK.search(line))}
    assert len(marked) == 8
    assert dict(found) == marked, run.stdout
