"""Runs of pytest of their own, in which the plugin that starts servers is what is tested."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Only what is needed: every process of a run imports all the plugins that are installed.
PLUGINS = ("pytest_asyncio.plugin", "xdist.plugin", "pytest_rerunfailures", "tests.servers.plugin")
SETTINGS = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"


def start(
    folder: Path, test: str, *, workers: int = 0, poor: bool = False, **environment: str
) -> subprocess.Popen[str]:
    """Run one file of tests.

    Args:
        folder: where it is written.
        test: its text.
        workers: how many processes run it; 0 is one, without pytest-xdist.
        poor: run it where neither Docker nor Java nor PostgreSQL can be found.
        environment: more of it.
    """
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text(SETTINGS)
    foreign = ("PYTEST_", "HOOKLINE_")
    environ = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith(foreign)}
    if poor:
        environ.pop("JAVA_HOME", None)
        environ |= {"PATH": str(folder / "nothing"), "DOCKER_HOST": "tcp://127.0.0.1:1"}
    environ |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
    plugins = [word for name in (*PLUGINS, "no:cacheprovider") for word in ("-p", name)]
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *plugins, "-q", "-n", str(workers), str(folder)],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def output(run: subprocess.Popen[str]) -> str:
    """What it said, once it has ended."""
    return run.communicate(timeout=100)[0]
