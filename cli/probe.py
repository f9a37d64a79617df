"""Imports plugins in a process of their own first: what ends it, or never comes back, is a finding and not our end.

An exception of an import can be caught. `os._exit`, a crash of a C extension and an endless loop cannot.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from dispatcher.registry import has_strangers, load

IMPORTS_WITHIN = 30.0
"""Seconds one plugin may take to import; the start of the process counts with the first."""
_DONE = ""


def dangers(folders: Sequence[Path], *, within: float = IMPORTS_WITHIN) -> dict[str, str]:
    """The plugins that must not be imported here, and why: for `dispatcher.registry.load`."""
    found: dict[str, str] = {}
    if not has_strangers(folders):
        return found
    with tempfile.TemporaryDirectory(prefix="hookline-") as folder:
        while True:
            where, why = _probed(folders, found, Path(folder) / "progress", within)
            if where == _DONE or where in found:
                return found
            found[where] = why


def _probed(folders: Sequence[Path], skip: Mapping[str, str], progress: Path, within: float) -> tuple[str, str]:
    """The first plugin that did not come back from its import, and what happened."""
    progress.write_text("", encoding="utf-8")
    request = json.dumps(
        {"folders": [str(folder) for folder in folders], "skip": dict(skip), "progress": str(progress)}
    )
    child = subprocess.Popen(  # noqa: S603 - our own Python, our own words
        [sys.executable, "-P", "-c", "from cli.probe import main; main()", request],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        status = _ended(child, progress, within)
    finally:
        child.kill()
        child.wait()
    begun = progress.read_text(encoding="utf-8").splitlines()
    if not begun or begun[-1] == _DONE:
        return _DONE, ""
    return begun[-1], reason(status, within)


def _ended(child: subprocess.Popen[bytes], progress: Path, within: float) -> int | None:
    """The status it ended with; None when one plugin took too long."""
    size, deadline = -1, 0.0
    while time.monotonic() < deadline or progress.stat().st_size != size:
        if progress.stat().st_size != size:
            size, deadline = progress.stat().st_size, time.monotonic() + within
        try:
            return child.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    return None


def reason(status: int | None, within: float) -> str:
    """What an import did that ended its process with a status, or did not end within these seconds."""
    if status is None:
        return f"its import has not ended after {within:g} s: let nothing run or wait when a plugin is imported"
    if status < 0:
        return f"its import ends the process by {signal.Signals(-status).name}"
    return f"its import ends the process with status {status}: look for os._exit() or exit() at its top level"


def main() -> None:
    """The child: import every plugin, and write down each before it."""
    request = json.loads(sys.argv[1])
    with Path(request["progress"]).open("a", encoding="utf-8", buffering=1) as progress:
        load(
            [Path(folder) for folder in request["folders"]],
            skip=request["skip"],
            on_import=lambda where: print(where, file=progress),
        )
        print(_DONE, file=progress)
    # what a plugin left running is not waited for
    os._exit(0)
