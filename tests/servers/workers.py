"""How many tests run side by side: as many as the machine carries, for each may have a broker of its own."""

import os

MOST = 6
"""More workers than this only wait for one another's import of everything."""
BYTES_EACH = 2**30
"""A worker, the hookline it tests and a broker of its own take about this much."""


def how_many(cores: int | None = None, memory: int | None = None) -> int:
    """The number of workers; one more than there are cores, because tests of processes wait most of their time.

    Args:
        cores: those this process may use; default what the system says.
        memory: bytes of the machine; default what the system says.
    """
    if cores is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if memory is None:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(cores + 1, memory // BYTES_EACH, MOST))
