"""How many tests run side by side: as many as the machine carries, for each may have a broker of its own."""

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")

MOST = 6
"""More workers than this only wait for one another's import of everything."""
BYTES_EACH = 2**30
"""A worker, the hookline it tests and a broker of its own take about this much."""


def how_many(cores: int | None = None, memory: int | None = None) -> int:
    """The number of workers; two a core, because tests of processes wait half of their time.

    Args:
        cores: those this process may use; default what the system says.
        memory: bytes of the machine; default what the system says.
    """
    if cores is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if memory is None:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(2 * cores, memory // BYTES_EACH, MOST))


def slow_first(items: Sequence[Item], is_slow: Callable[[Item], bool], shares: int) -> list[Item]:
    """The items in an order whose equal shares, one a worker, each begin with their part of the slow ones.

    Left in the order of their folders the slow ones come last and all to one worker. Neighbours stay together, for they
    share fixtures.

    Args:
        items: the tests.
        is_slow: tells which take seconds.
        shares: how many workers there are.
    """
    slow = [item for item in items if is_slow(item)]
    quick = [item for item in items if not is_slow(item)]
    order: list[Item] = []
    for share in range(shares):
        for part in (slow, quick):
            order += part[len(part) * share // shares : len(part) * (share + 1) // shares]
    return order
