"""Ports that no other test run on this machine takes.

Binding port 0 gives a port of the ephemeral range, which any outgoing connection may take while a killed server is
down. So ports come from below that range, and a lock file per port keeps other test runs off until we end.
"""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import BinaryIO, Self

LOWEST = 15_000
# Linux hands out 32768-60999 for outgoing connections, macOS and Windows 49152-65535.
HIGHEST = 32_000
TRIES = 500


def _lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"hookline-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _is_free(port: int) -> bool:
    """Tell whether nobody listens on the port, on any address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


class Port:
    """One TCP port held for this process until `release`, whether or not anything listens on it.

    The lock is the kernel's (flock): it goes with the process, however that ends.
    """

    def __init__(self, number: int, lock: BinaryIO) -> None:
        self.number = number
        self._lock = lock

    @classmethod
    def claim(cls) -> Self:
        """Claim a free port.

        Raises:
            OSError: none of `TRIES` ports drawn was free.
        """
        folder = _lock_folder()
        for _ in range(TRIES):
            number = random.randint(LOWEST, HIGHEST)  # noqa: S311 - a port is no secret
            lock = (folder / str(number)).open("wb")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                continue
            if _is_free(number):
                return cls(number, lock)
            lock.close()
        raise OSError(f"no free port between {LOWEST} and {HIGHEST} in {TRIES} tries; end old test runs and try again")

    def release(self) -> None:
        """Give the port up; doing it twice does no harm."""
        self._lock.close()
