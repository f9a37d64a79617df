"""Connections and open files."""

import subprocess
import sys

import pytest

from receiver.descriptors import limit_of


@pytest.mark.parametrize(
    ("connections", "files", "limit"),
    [(4_096, None, 4_096), (4_096, 1_000_000, 4_096), (4_096, 4_096, 3_584), (4_096, 256, 128), (10, 1_024, 10)],
)
def test_files_are_left_for_others(connections: int, files: int | None, limit: int) -> None:
    """A flood of connections must not keep the log from opening its file."""
    assert limit_of(connections, files) == limit


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_all_that_is_allowed_is_asked_for() -> None:
    """Many systems begin with 1,024, and let a process have more; in a process of its own, for the limit stays."""
    code = (
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (300, 600));"
        "from receiver.descriptors import open_files; print(open_files(), r.getrlimit(r.RLIMIT_NOFILE))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "600 (600, 600)\n"
