"""What plugins take from the process while they are imported is given back."""

import signal
import subprocess
import sys
from pathlib import Path

from cli.belongings import kept

ROOT = Path(__file__).parents[3]
_STREAMS = """
import os, sys
from cli.belongings import kept
with kept():
    print("from the plugin")
    sys.stdout.close()
    os.close(2)
print("still here")
print("so am I", file=sys.stderr)
"""


def test_a_signal_that_a_plugin_took_is_ours_again() -> None:
    """Else nothing but SIGKILL would end the process."""
    before = signal.getsignal(signal.SIGTERM)
    with kept():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    after = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, before)
    assert after is before


def test_streams_that_a_plugin_closes_are_open_for_us() -> None:
    """By Python's name or by the descriptor's number; what a plugin prints is seen all the same."""
    command = [sys.executable, "-c", _STREAMS]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True, timeout=30)
    assert (run.stdout, run.stderr, run.returncode) == ("from the plugin\nstill here\n", "so am I\n", 0)
