"""Fixtures of the fault tests."""

from collections.abc import Iterator

import pytest

from tests.faults.spawner import Spawner


@pytest.fixture(scope="session")
def spawner() -> Iterator[Spawner]:
    """Starts hookline in 0.2 s, and kills it at named steps."""
    with Spawner() as made:
        yield made
