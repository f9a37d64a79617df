"""A worker with the handler `plugins/ledger.py`, a receiver that feeds it, and the world its effects reach."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.processes import Command, Process, Role, wait_for
from tests.e2e.site import site
from tests.faults.auditor import journal, verdict
from tests.faults.books import Books, received
from tests.faults.door import Door
from tests.faults.outside import Outside, outside
from tests.faults.spawner import Spawner
from tests.servers.ports import Port

CONVERSATIONS = 3
# For Kafka: a dead member of a group is missed after this time. The embedded log: `killer.shorten_leases`.
QUICK_SESSION = '[eventlog.kafka]\nsession_timeout = "1500ms"'
SETTINGS = """
[handlers.ledger]
journal = "{journal}"
effects = "{effects}"
{ledger}
{more}
"""


class Workshop:
    """Where events are handled."""

    def __init__(self, door: Door, world: Outside, spawner: Spawner | None, journal_file: Path) -> None:
        self.door = door
        self.world = world
        self.spawner = spawner
        self.journal_file = journal_file
        self._next = 0

    def send(self, count: int) -> None:
        """Have so many events of each conversation accepted."""
        for seq in range(self._next, self._next + count):
            for number in range(CONVERSATIONS):
                self.door.auditor.send(f"c{number}", seq)
        self._next += count

    def work(self, *kill_at: str) -> Role:
        """Start a worker, to be killed at a step if one is named."""
        arguments = ("work", "--only", "ledger", "--admin-port", "0")
        launch = self.spawner and self.spawner.killing(*kill_at, short_leases=True)
        return self.door.at.at.start(*arguments, launch=launch)

    def lines(self) -> list[str]:
        """What the handler wrote down."""
        return journal(self.journal_file)

    def wrong(self) -> dict[str, list[str]]:
        """What is wrong or not done yet, with the log as with the handler."""
        records = self.door.at.records("conversations")
        books = Books(
            events=self.door.auditor.accepted(),
            records=records,
            dead=self.door.at.records("dead"),
            journal=self.lines(),
            effects=self.world.effects.copy(),
        )
        return books.wrong() | verdict(self.door.auditor.sent, received(records))

    def writes_on(self, *, seconds: float = 20) -> None:
        """Wait until the handler writes down one thing more."""
        written = len(self.lines())
        wait_for(lambda: len(self.lines()) > written, seconds=seconds, what="a handler at work")

    def feed_until(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        """Have events accepted until a condition holds; whether it came to that.

        Two of each conversation a second, unless so many wait: a dead worker's lease has to end before the next begins.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            waiting = {one.event_id for one in self.door.auditor.accepted()} - set(self.lines())
            if len(waiting) < 2 * CONVERSATIONS:
                self.send(2)
            pause = time.monotonic() + 1
            while time.monotonic() < pause:
                if condition():
                    return True
                time.sleep(0.02)
        return False

    def finished(self, *, seconds: float) -> None:
        """Wait until everything is done.

        Raises:
            AssertionError: something is wrong still.
        """
        deadline = time.monotonic() + seconds
        wrong: dict[str, list[str]] = {"unhandled": []}
        while wrong and time.monotonic() < deadline:
            self._quiet(deadline)
            wrong = self.wrong()
        assert wrong == {}, f"after {seconds} s"

    def _quiet(self, deadline: float) -> None:
        """Wait until every event was begun and nothing new is written down: reading the whole log costs more."""
        wanted = {one.event_id for one in self.door.auditor.accepted()}
        size = -1
        while time.monotonic() < deadline and not (wanted <= set(self.lines()) and size == len(self.lines())):
            size = len(self.lines())
            time.sleep(0.5)


@contextmanager
def workshop(
    folder: Path,
    launch: Callable[[Command], Process],
    *,
    eventlog: str = "",
    store: str = "",
    prefix: str = "hookline.",
    ledger: str = "",
    more: str = "",
    prepared: bool = True,
) -> Iterator[Workshop]:
    """A workshop; receiver and worker are the test's to start.

    Args:
        folder: of its own.
        launch: starts the processes; workers are killed at named steps if it is a `Spawner`.
        eventlog: see `site`, as are store and prefix.
        store: of effects and timers.
        prefix: of topics and groups.
        ledger: more of `[handlers.ledger]`.
        more: more sections of hookline.toml.
        prepared: whether its topics and tables are made.
    """
    folder.mkdir(exist_ok=True)
    (folder / "plugins").mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parent / "plugins" / "ledger.py", folder / "plugins" / "ledger.py")
    port = Port.claim()
    file = folder / "journal"
    try:
        with outside() as world:
            settings = SETTINGS.format(journal=file, effects=world.url, ledger=ledger, more=more)
            options = {"eventlog": eventlog, "store": store, "prefix": prefix, "more": settings}
            with site(folder, simulated=False, launch=launch, **options) as at:
                if prepared:
                    at.prepare()
                spawner = launch if isinstance(launch, Spawner) else None
                yield Workshop(Door(at, port.number, launch), world, spawner, file)
    finally:
        port.release()
