"""Fixtures for every test: real servers, free ports, topic prefixes (see `tests/servers/plugin.py`)."""

import logging
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.faults.spawner import Spawner

pytest_plugins = ["tests.servers.plugin"]
PACKAGES = Path(pytest.__file__).parents[1]

# How long an example takes is the machine's business, and it does other things.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long workers are killed and frozen in `tests/faults/test_chaos.py`."""
    parser.addoption("--chaos", type=float, default=20.0, metavar="SECONDS", help="how long the chaos lasts")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Begin a failure's traceback at our own code: `--tb=native` would show forty lines of pytest first."""
    if call.excinfo is not None:
        call.excinfo.traceback = call.excinfo.traceback.cut(excludepath=PACKAGES)
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell why tests were run again: pytest-rerunfailures only names them, and a race of ours must not hide there."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"rerun: {report.nodeid}", sep="_")
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture(scope="session")
def spawner() -> Iterator[Spawner]:
    """Starts hookline in 0.2 s, and kills it at named steps; `tests/e2e/test_dev.py` starts it as a user does."""
    with Spawner() as made:
        yield made


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command run within the test sets up logging for the whole process; take that back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
