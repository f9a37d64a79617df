"""Fixtures for every test: real servers, free ports, topic prefixes (see `tests/servers/plugin.py`)."""

pytest_plugins = ["tests.servers.plugin"]
