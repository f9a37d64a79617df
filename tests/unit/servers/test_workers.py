"""How many tests run side by side."""

import pytest

from tests.servers.workers import how_many, slow_first

GIB = 2**30


@pytest.mark.parametrize(
    ("cores", "memory", "workers"),
    [
        pytest.param(2, 8 * GIB, 4, id="two a core"),
        pytest.param(64, 256 * GIB, 6, id="no more than help"),
        pytest.param(8, 3 * GIB, 3, id="no more than the memory holds"),
        pytest.param(1, GIB // 2, 1, id="never none"),
    ],
)
def test_workers(cores: int, memory: int, workers: int) -> None:
    """Cores and memory bound it, for each worker may run a broker."""
    assert how_many(cores, memory) == workers


def test_every_worker_begins_with_slow_tests() -> None:
    """Nothing is lost, and each share has its part of both kinds."""
    order = slow_first(["q1", "q2", "q3", "q4", "s1", "s2"], lambda item: item.startswith("s"), 2)
    assert order == ["s1", "q1", "q2", "s2", "q3", "q4"]
