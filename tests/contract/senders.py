"""Senders' own libraries for Node: fetched once into the ignored cache by `npm ci`, and asked to sign."""

import fcntl
import json
import os
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.servers.harness import is_ci

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = REPOSITORY / "tests" / "senders"
CACHE = REPOSITORY / ".cache"
OLDEST_NODE = 20
# Seconds npm gets to fetch 8 packages.
FETCHES_WITHIN = 100


@pytest.fixture(scope="session")
def node_libraries() -> "NodeLibraries":
    """The libraries, installed from the lock file; without Node a failure in CI, and said aloud elsewhere."""
    node, npm = shutil.which("node"), shutil.which("npm")
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout if node else ""
    version = re.match(r"v(\d+)", told)
    if node is None or npm is None or version is None or int(version[1]) < OLDEST_NODE:
        why = f"senders' own libraries need Node {OLDEST_NODE} and npm, and there is {told.strip() or 'none'}"
        if is_ci(os.environ):
            pytest.fail(why)
        pytest.skip(why)
    return NodeLibraries(node, _installed(npm))


class NodeLibraries:
    """A Node, and a folder with the libraries.

    Args:
        node: the program.
        folder: where `sign.mjs` stands beside `node_modules`.
    """

    def __init__(self, node: str, folder: Path) -> None:
        self._node = node
        self._folder = folder

    def run(self, **job: Any) -> Any:
        """What a library says of one job: the headers it signs with, or whether it takes a signature."""
        done = subprocess.run(
            [self._node, "sign.mjs"],
            cwd=self._folder,
            input=json.dumps([job]),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        [found] = json.loads(done.stdout)
        return found


def _installed(npm: str) -> Path:
    names = ("package.json", "package-lock.json", ".npmrc", "sign.mjs")
    mark = sha256(b"".join((FILES / name).read_bytes() for name in names)).hexdigest()[:16]
    folder = CACHE / f"senders-{mark}"
    CACHE.mkdir(exist_ok=True)
    # Workers of one run come here at once.
    with (CACHE / "senders.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            folder.mkdir(exist_ok=True)
            for name in names:
                shutil.copy(FILES / name, folder / name)
            done = subprocess.run(
                [npm, "ci", "--ignore-scripts"],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=FETCHES_WITHIN,
            )
            assert done.returncode == 0, f"npm ci: {done.stderr}"
            (folder / "done").touch()
    return folder
