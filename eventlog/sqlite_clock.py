"""Time for the embedded log: the wall clock for records, the boot-time clock for leases.

A lease must run out while its owner is frozen, whatever happens to the wall clock. The boot-time clock cannot be set
and goes on while the machine sleeps; it starts anew with every boot, so a moment carries the boot's id.
"""

import time
from pathlib import Path
from typing import NamedTuple, Protocol

# A random id the Linux kernel makes at each boot: random(4), section "/proc interfaces".
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

# Linux's CLOCK_MONOTONIC stands still in suspend and macOS's goes on: clock_gettime(2), clock_gettime(3) there.
_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class Moment(NamedTuple):
    """A point in time that every process of this machine agrees on."""

    # Which boot; empty where the system names none.
    boot: str
    # Milliseconds since that boot.
    ms: int


class Clock(Protocol):
    """What the embedded log reads the time from."""

    def wall(self) -> int:
        """Milliseconds since the epoch, UTC."""

    def moment(self) -> Moment:
        """Now, for leases."""


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        self._boot = boot_id()

    def wall(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    def moment(self) -> Moment:
        """Now, for leases."""
        seconds = time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)
        return Moment(self._boot, int(seconds * 1000))


def boot_id(path: Path = _BOOT_ID) -> str:
    """The id of this boot, or nothing where there is none (macOS).

    There a lease from before the boot is known by its expiry alone, which lies further ahead than any lease of this
    boot could (`sqlite_lease.is_free`).
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
