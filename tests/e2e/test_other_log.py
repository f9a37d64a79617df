"""One data folder, the embedded log first, then Kafka, then the embedded log again."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.processes import wait_for
from tests.e2e.site import Site, site
from tests.faults.spawner import Spawner
from tests.servers.broker import Broker

pytestmark = pytest.mark.kafka


@pytest.fixture
def changing(tmp_path: Path, fresh_prefix: str, spawner: Spawner) -> Iterator[Site]:
    with site(tmp_path, prefix=fresh_prefix, launch=spawner) as found:
        found.prepare()
        edit(found, 'after = "1s"', 'after = "8s"')
        yield found


def edit(at: Site, old: str, new: str) -> None:
    path = at.at.folder / "hookline.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def converse(at: Site, receiver: str) -> None:
    """A visitor asks, the platform's bot answers, and a follow-up to that waits.

    To that conversation: one that was just sent may still be counted as waiting, and the bot answers it.
    """
    known = conversations(at, "set", "fired", "cancelled")
    at.connect(receiver)
    at.control("conversations", {"platform": "mygptassistants", "says": ["When do you open?"], "over": 0})
    wait_for(lambda: conversations(at, "set") - known, seconds=20, what="a follow-up that is due later")


def conversations(at: Site, *states: str) -> set[str]:
    """Those that have a timer in one of these states, as the embedded store has them."""
    with closing(sqlite3.connect(at.at.folder / ".hookline" / "state.db")) as store:
        rows = store.execute("SELECT key, state FROM schedule").fetchall()
    return {key for key, state in rows if state in states}


def test_a_follow_up_goes_with_its_folder_to_kafka_and_back(changing: Site, kafka: Broker) -> None:
    """Set on one log, sent on the other, once; and each log is read on from where it was."""
    role, receiver = changing.serve("run")
    converse(changing, receiver)
    assert role.stop() == 0
    assert changing.at.command("work", "--until-empty", "--admin-port", "0").returncode == 0

    edit(changing, "[eventlog]\n", f'[eventlog]\nurl = "kafka://{kafka.bootstrap}"\n')
    edit(changing, "partitions = 4", "partitions = 3")
    assert changing.at.command("topics", "apply").returncode == 0
    role, receiver = changing.serve("run")
    wait_for(changing.follow_ups, seconds=40, what="the follow-up that was set before")
    converse(changing, receiver)
    assert role.stop() == 0

    edit(changing, f'url = "kafka://{kafka.bootstrap}"\n', "")
    edit(changing, "partitions = 3", "partitions = 4")
    role, _ = changing.serve("run")
    wait_for(lambda: len(changing.follow_ups()) == 2, seconds=40, what="the follow-up that Kafka's part set")
    wait_for(lambda: not conversations(changing, "set"), seconds=10, what="no timer that waits")
    assert role.stop() == 0
    assert len(changing.follow_ups()) == 2
    errors = [line for each in changing.at.roles for line in each.errors.read_text().splitlines() if "error" in line]
    assert errors == []


def test_what_nobody_handled_is_not_left_behind(tmp_path: Path, spawner: Spawner, kafka: Broker) -> None:
    """Kafka is refused while the embedded log holds such events, and the way that is told handles them."""
    with site(tmp_path, launch=spawner, simulated=False) as at:
        at.prepare()
        role, _ = at.serve("receive")
        assert at.at.command("send", "support", "message.created").returncode == 0
        assert role.stop() == 0

        edit(at, "[eventlog]\n", f'[eventlog]\nurl = "kafka://{kafka.bootstrap}"\n')
        check, work = at.at.command("check"), at.at.command("work", "--admin-port", "0")
        assert (check.returncode, work.returncode) == (2, 2)
        assert "follow-up-chat 1, sync-contact 1. Handle them first" in " ".join(check.stdout.split())
        assert at.at.command("check", "--leave-behind").returncode == 0

        [told] = re.findall("`HOOKLINE_EVENTLOG__URL=(.+) hookline work --until-empty`", work.stderr)
        known, at.at.environ = at.at.environ, {**at.at.environ, "HOOKLINE_EVENTLOG__URL": told}
        emptied = at.at.command("work", "--until-empty", "--admin-port", "0")
        assert (emptied.returncode, emptied.stdout) == (0, "everything is handled\n"), emptied.stderr
        at.at.environ = known
        assert at.at.command("check").returncode == 0
