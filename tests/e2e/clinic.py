"""A site with the handler `plugins/mendable.py`: events die there until it is mended."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.processes import Command, Process, in_new_process, wait_for
from tests.e2e.site import Site, site

SETTINGS = """
[handlers.mendable]
folder = "{folder}"
attempts = 1
[handlers.sync-contact]
enabled = false
{more}
"""


class Clinic:
    """Where dead letters are made, and mended."""

    def __init__(self, at: Site, folder: Path) -> None:
        self.site = at
        self.folder = folder

    def send(self, *numbers: int) -> None:
        """Have messages of one conversation accepted; a role must receive."""
        for number in numbers:
            values = ("--set", f"data.messageId=m{number}", "--set", "data.conversationId=c1")
            done = self.site.at.command("send", "support", "message.created", *values)
            assert done.returncode == 0, done.stderr

    def mend(self) -> None:
        """From now on the handler does its work."""
        (self.folder / "mended").touch()

    def listed(self, *options: str) -> list[dict[str, Any]]:
        """The dead letters that are listed."""
        done = self.site.at.command("dead", "list", "--json", *options)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def wait_logged(self, event: str, count: int) -> None:
        """Wait until roles logged this so many times: cheaper than a command again and again."""
        wait_for(lambda: self._logged(event) >= count, seconds=60, what=f"{count} times {event}")

    def die(self, *numbers: int) -> None:
        """Send messages to a running role and see them die."""
        self.send(*numbers)
        self.wait_logged("event.dead", len(numbers))

    def dead(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command on dead letters."""
        return self.site.at.command("dead", *arguments)

    def happened(self, event_id: str) -> dict[str, Any]:
        """What became of an event; of each handler by its name."""
        done = self.site.at.command("events", "show", event_id, "--json")
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return {**told, "handlers": {one["handler"]: one for one in told["handlers"]}}

    def _logged(self, event: str) -> int:
        return sum(line["event"] == event for role in self.site.at.roles for line in role.log())

    @property
    def journal(self) -> list[str]:
        """What was handled: entry and event id."""
        return _lines(self.folder / "journal")

    @property
    def effects(self) -> list[str]:
        """The effects that happened."""
        return _lines(self.folder / "effects")


@contextmanager
def clinic(
    folder: Path, *, more: str = "", launch: Callable[[Command], Process] = in_new_process, **options: Any
) -> Iterator[Clinic]:
    """A prepared clinic; the roles are the test's to start.

    Args:
        folder: where its files go.
        more: more sections of hookline.toml.
        launch: how processes are started.
        options: see `site`.
    """
    (folder / "plugins").mkdir()
    shutil.copy(Path(__file__).parent / "plugins" / "mendable.py", folder / "plugins" / "mendable.py")
    settings = SETTINGS.format(folder=folder, more=more)
    with site(folder, simulated=False, more=settings, launch=launch, **options) as at:
        at.prepare()
        yield Clinic(at, folder)


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
