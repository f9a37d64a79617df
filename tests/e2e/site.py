"""A whole site for end-to-end tests: a configuration, the simulated platform, and the roles as real processes."""

import json
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.processes import Command, Hookline, Process, Role, hookline, in_new_process, wait_for

SECRET = "e2e-secret-0123456789-abcdef"
SETTINGS = """
[eventlog]
{eventlog}
[store]
{store}
[topics]
prefix = "{prefix}"
[topics.conversations]
partitions = 4

[sources.support]
platform = "mygptassistants"
secrets = ["env:MGA_SECRET"]

[sources.shop]
platform = "standard"
secrets = ["env:SHOP_SECRET"]

[accounts.support]
platform = "mygptassistants"
api_key = "env:MGA_API_KEY"
bot_id = "bot_demo"
base_url = "{simulator}/mygptassistants/api/v1"
allow_private = true

[handlers]
path = ["./plugins"]

[handlers.follow-up-chat]
after = "1s"
message = "Did that answer your question?"
shows_within = "1s"
{more}
"""
SHOP_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"


class Site:
    """One folder with `hookline.toml`, and what runs in it."""

    def __init__(self, at: Hookline, simulator: str, prefix: str) -> None:
        self.at = at
        self.simulator = simulator
        self.prefix = prefix

    def prepare(self) -> None:
        """Make the store's tables and the log's topics, as an operator does."""
        for command in (("migrate",), ("topics", "apply")):
            done = self.at.command(*command)
            assert done.returncode == 0, done.stderr

    def serve(self, *roles: str) -> tuple[Role, str]:
        """Start a role that receives; the process and the address of its receiver."""
        role = self.at.start(*(roles or ("run",)), "--port", "0", "--admin-port", "0")
        return role, self.at.address(role)

    def work(self) -> Role:
        """Start a worker that is ready."""
        role = self.at.start("work", "--admin-port", "0")
        self.at.address(role, kind="admin")
        return role

    def records(self, topic: str) -> list[dict[str, Any]]:
        """Everything in a topic, named without its prefix."""
        done = self.at.command("tail", self.prefix + topic, "--from", "start", "--no-follow", "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask or tell the simulator."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.simulator}/_control/{path}", data, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def connect(self, receiver: str) -> None:
        """Have the simulated platform post its webhooks to a receiver."""
        body = {"platform": "mygptassistants", "url": f"{receiver}/in/support", "secret": SECRET}
        self.control("webhooks", body)

    def follow_ups(self) -> list[dict[str, Any]]:
        """The follow-up messages the platform received."""
        return [one for one in self.control("received")["messages"] if "Did that answer" in json.dumps(one)]


@contextmanager
def site(
    folder: Path,
    *,
    eventlog: str = "",
    store: str = "",
    prefix: str = "hookline.",
    more: str = "",
    simulated: bool = True,
    launch: Callable[[Command], Process] = in_new_process,
) -> Iterator[Site]:
    """A site whose simulator runs, unless it is not wanted; the roles are the test's to start.

    Args:
        folder: where its files go.
        eventlog: the URL of the event log; a file in the data folder when empty.
        store: likewise for the store.
        prefix: of topics and groups.
        more: more of hookline.toml.
        simulated: whether the platform is there.
        launch: how processes are started.
    """
    (folder / "plugins").mkdir(exist_ok=True)
    port = free_port()
    settings = SETTINGS.format(
        eventlog=f'url = "{eventlog}"' if eventlog else "",
        store=f'url = "{store}"' if store else "",
        prefix=prefix,
        simulator=f"http://127.0.0.1:{port}",
        more=more,
    )
    (folder / "hookline.toml").write_text(settings, encoding="utf-8")
    environ = {"MGA_SECRET": SECRET, "MGA_API_KEY": "key-1", "SHOP_SECRET": SHOP_SECRET}
    with hookline(folder, environ, launch) as at:
        if simulated:
            simulator = at.start("simulate", "--port", str(port))
            wait_for(lambda: "simulated at" in simulator.printed(), seconds=20, what="the simulator")
        yield Site(at, f"http://127.0.0.1:{port}", prefix)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
