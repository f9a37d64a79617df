"""What a fault test may do to a server, whatever it runs in: a process of ours or a container."""

from typing import Protocol

STOPS_WITHIN = 20.0
"""Seconds a server gets to end by itself after being asked to."""


class Machine(Protocol):
    """One server that can be hurt and repaired. Every method returns when the thing is done, in milliseconds.

    Each raises `ServerError` when it cannot be done.
    """

    def start(self) -> None:
        """Start it, again on the same data and ports; it is not yet ready then."""

    def kill(self) -> None:
        """Kill it as `kill -9` does, with all its children; it is gone on return."""

    def stop(self) -> None:
        """Freeze it (SIGSTOP): connections stay open, nothing answers."""

    def cont(self) -> None:
        """Let it run on after `stop`."""

    def terminate(self) -> None:
        """Ask it to end and wait up to `STOPS_WITHIN` seconds; blocks, so not for the event loop."""

    def running(self) -> bool:
        """Tell whether it runs (a frozen one does)."""

    def log_tail(self) -> str:
        """The last lines it wrote."""

    def close(self) -> None:
        """Kill it if it runs and remove all it wrote but its log; doing it twice does no harm."""
