"""The peers' own environment: made, and made anew when what is pinned has changed."""

import shutil
import subprocess
import sys
from pathlib import Path

_PINNED = Path(__file__).with_name("requirements.txt")
_ENVIRONMENT = Path(__file__).parents[2] / ".cache" / "peers"


def peers_python() -> str:
    """The Python that has what the peers need.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    python, installed = _ENVIRONMENT / "bin" / "python", _ENVIRONMENT / "installed.txt"
    if not installed.exists() or installed.read_text() != _PINNED.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", _ENVIRONMENT], check=True)
        install = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--require-hashes", "-r"]
        subprocess.run([*install, _PINNED], check=True)
        shutil.copy(_PINNED, installed)
    return str(python)
