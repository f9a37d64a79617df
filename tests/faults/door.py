"""A receiver on a port of its own, started again and again, and the auditor that sends to it."""

import json
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress

from tests.e2e.processes import Command, Process, Role, status, wait_for
from tests.e2e.site import SECRET, Site
from tests.faults.auditor import Auditor, verdict


class Door:
    """Where the auditor sends.

    Args:
        at: the configuration.
        port: the receiver's, the same after each start.
        launch: starts it.
    """

    def __init__(self, at: Site, port: int, launch: Callable[[Command], Process]) -> None:
        self.at = at
        self.url = f"http://127.0.0.1:{port}"
        self._launch = launch
        self.auditor = Auditor(url=lambda: f"{self.url}/in/support", secret=SECRET)
        self._port = port

    def open(self, role: str = "receive", launch: Callable[[Command], Process] | None = None) -> Role:
        """Start a receiver; `role` may be `run`."""
        arguments = (role, "--port", str(self._port), "--admin-port", "0")
        return self.at.at.start(*arguments, launch=launch or self._launch)

    def wait_ready(self, role: Role, *, seconds: float = 20) -> float:
        """Wait until it is ready; returns the seconds that took."""
        began = time.monotonic()
        wait_for(lambda: self.health(role) == 200, seconds=seconds, what="a ready receiver")
        return time.monotonic() - began

    def health(self, role: Role) -> int | None:
        """What `/readyz` answers.

        Raises:
            AssertionError: the process has ended.
        """
        assert role.process.poll() is None, role.said()
        return status(f"{self.url}/readyz")

    def check(self, name: str) -> str:
        """What `/readyz` says about one thing; empty when it says nothing."""
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
            return str(json.loads(answer.read())["checks"][name])
        return ""

    def wrong(self) -> dict[str, list[str]]:
        """What is wrong with the log as it is now; empty when every promise was kept."""
        return verdict(self.auditor.sent, self.at.records("conversations"), self.at.records("deliveries"))
