"""Fixtures for every test: real servers, free ports, topic prefixes (see `tests/servers/plugin.py`)."""

import logging
from collections.abc import Iterator

import pytest
import structlog

pytest_plugins = ["tests.servers.plugin"]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command run within the test sets up logging for the whole process; take that back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
