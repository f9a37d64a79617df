"""kill -9 around the sending of a follow-up: each conversation gets one, and each visitor is a contact."""

import itertools
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import wait_for
from tests.e2e.site import Site, site
from tests.faults.spawner import Spawner
from tests.faults.workshop import QUICK_SESSION
from tests.servers.broker import Broker

LOGS = ("sqlite", pytest.param("kafka", marks=pytest.mark.kafka))
DIES_WITHIN = 40.0
# A process reads the log.
READ_EVERY = 0.5
# Two sites side by side. Of each conversation the worker handles several events; the follow-up is its only effect.
STEPS = (
    (
        "store.effects:Effects.begin:before:1",
        "store.effects:Effects.begin:after:1",
        # Begun and not sent: it is looked for in the platform, not found, and sent.
        "dispatcher.effects:Once._probe:after:1",
        "dispatcher.effects:Once._run:before:1",
        "clients.mygptassistants:MyGPTAssistants.send:after:1",
        "dispatcher.effects:Once._run:after:1",
        "store.effects:Effects.finish:after:1",
    ),
    (
        "dispatcher.work:Firing.event:before:1",
        "store.contacts:Contacts.save:after:1",
        "dispatcher.timers:Timers.fired:before:1",
        "dispatcher.timers:Timers.fired:after:1",
    ),
)


class Platform:
    """A site whose visitors are answered by a bot, and then followed up."""

    def __init__(self, at: Site, spawner: Spawner) -> None:
        self.at = at
        self.spawner = spawner
        self._visitors = itertools.count(1)
        self.emails: list[str] = []

    def converse(self) -> None:
        """Let a new visitor say something, and wait until the answer of the bot is in the log."""
        number = next(self._visitors)
        email = f"visitor{number}@example.org"
        self.emails.append(email)
        visitor = {"user_id": f"user_{number}", "name": "Ada Lovelace", "email": email}
        self.at.control(
            "conversations", {"platform": "mygptassistants", "visitor": visitor, "says": ["When?"], "over": 0}
        )
        wait_for(lambda: len(self._answered()) == number, seconds=20, what="the bot's answer", every=READ_EVERY)

    def _answered(self) -> set[str]:
        """The conversations in which the bot has spoken."""
        return {
            record["key"] for record in self.at.records("conversations") if record["value"].get("role") == "assistant"
        }

    def work(self, *kill_at: str) -> Any:
        """Start a worker, to be killed at a step if one is named."""
        launch = self.spawner.killing(*kill_at, short_leases=True)
        return self.at.at.start("work", "--admin-port", "0", launch=launch)

    def all_well(self) -> None:
        """One visitor more, and a worker that lives: everybody is followed up once, and kept as a contact."""
        worker = self.work()
        self.converse()
        count = len(self.emails)
        wait_for(lambda: len(self.followed_up()) == count, seconds=40, what="a follow-up in every conversation")
        wait_for(lambda: self.unknown() == [], seconds=20, what="a contact of each visitor", every=READ_EVERY)
        assert worker.stop() == 0
        assert set(self.followed_up().values()) == {1}

    def unknown(self) -> list[str]:
        """The visitors that are no contacts yet."""
        kept = [json.dumps(record["value"]) for record in self.at.records("contacts.state")]
        return [email for email in self.emails if not any(email in each for each in kept)]

    def followed_up(self) -> Counter[str]:
        """Conversation → follow-ups that reached the platform."""
        return Counter(message["conversation_id"] for message in self.at.follow_ups())


def run(folder: Path, spawner: Spawner, steps: tuple[str, ...], options: dict[str, Any]) -> None:
    """One site in which the worker dies at each step, in a conversation of its own."""
    folder.mkdir()
    with site(folder, launch=spawner, **options) as at:
        at.prepare()
        _, address = at.serve("receive")
        at.connect(address)
        platform = Platform(at, spawner)
        # The first start of an entry has effects of its own: where it begins.
        platform.all_well()
        for step in steps:
            platform.converse()
            try:
                platform.work(step).died(DIES_WITHIN)
            except AssertionError as error:
                raise AssertionError(f"at {step}: {str(error)[-800:]}") from error
        platform.all_well()
        # What the stop left unsettled would be done once more now.
        platform.all_well()
        assert at.records("dead") == []


@pytest.mark.parametrize("log", LOGS)
def test_a_follow_up_is_sent_once(
    request: pytest.FixtureRequest, log: str, tmp_path: Path, fresh_prefix: str, spawner: Spawner
) -> None:
    """Before and after the effect was noted, sent, answered, noted again and settled."""
    options: dict[str, Any] = {}
    if log == "kafka":
        broker: Broker = request.getfixturevalue("kafka")
        options = {"eventlog": f"kafka://{broker.bootstrap}", "more": QUICK_SESSION}
    with ThreadPoolExecutor() as pool:
        running = [
            pool.submit(run, tmp_path / str(number), spawner, steps, {"prefix": f"{fresh_prefix}{number}.", **options})
            for number, steps in enumerate(STEPS)
        ]
    for each in running:
        each.result()
