"""Plugins that no exception handler survives are found in a process of their own."""

import signal
from pathlib import Path

from cli.probe import dangers, reason

FINE = """
from hookline import Context, Event, MessageCreated, handler

@handler("fine", on=MessageCreated)
async def fine(event: Event[MessageCreated], ctx: Context) -> None: ...
"""


def test_each_dangerous_plugin_is_named_with_what_it_does(tmp_path: Path) -> None:
    """One that ends the process, and one that never comes back; an exception is no danger."""
    texts = {
        "exits.py": "import os\nos._exit(0)",
        "fails.py": "raise ValueError",
        "fine.py": FINE,
        "hangs.py": "import time\ntime.sleep(60)",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = {Path(where).name: why for where, why in dangers([tmp_path], within=3.0).items()}
    assert found == {
        "exits.py": "its import ends the process with status 0: look for os._exit() or exit() at its top level",
        "hangs.py": "its import has not ended after 3 s: let nothing run or wait when a plugin is imported",
    }


def test_a_crash_is_named_by_its_signal() -> None:
    """As a C extension makes it."""
    assert reason(-signal.SIGSEGV, 1.0) == "its import ends the process by SIGSEGV"


def test_without_plugins_no_process_is_started(tmp_path: Path) -> None:
    """`check` of a plain configuration is as quick as before."""
    (tmp_path / "test_fine.py").write_text("import os\nos._exit(0)", encoding="utf-8")
    assert dangers([tmp_path, tmp_path / "absent"], within=0.0) == {}
