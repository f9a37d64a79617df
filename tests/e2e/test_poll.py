"""`hookline poll` as operators run it: news of a platform that posts none, and what webhooks have missed."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import Role, wait_for
from tests.e2e.site import Site, site
from tests.faults.spawner import Spawner

MORE = """
[sources.help]
platform = "customgpt"
poll = {{ interval = "200ms", sweep = "1s" }}

[accounts.help]
platform = "customgpt"
api_key = "env:MGA_API_KEY"
project_id = "2021"
base_url = "{simulator}/customgpt/api/v1"
allow_private = true
"""


@pytest.fixture
def here(tmp_path: Path, spawner: Spawner) -> Iterator[Site]:
    """A prepared site with a polled source, and the platforms simulated."""
    with site(tmp_path, launch=spawner) as found:
        file = tmp_path / "hookline.toml"
        file.write_text(file.read_text("utf-8") + MORE.format(simulator=found.simulator), encoding="utf-8")
        found.prepare()
        yield found


def speak(here: Site, platform: str, *says: str) -> None:
    """Let a visitor say something, and wait until it is answered."""
    here.control("conversations", {"platform": platform, "says": list(says), "visitor": {"user_id": "u1"}})

    def done() -> bool:
        return all(one["done"] for one in here.control("conversations")["conversations"])

    wait_for(done, seconds=10, what="the conversation")


def told(here: Site, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status and the JSON lines of a command."""
    done = here.at.command(*arguments, "--json")
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def said(here: Site) -> list[str]:
    """What users said, as the log has it."""
    events = [record["value"] for record in here.records("conversations")]
    return [one["content"] for one in events if one.get("role") == "user"]


def unpolled(role: Role) -> list[str]:
    """The sources of which a role said that nobody asks for them."""
    return [line["source"] for line in role.log() if line["event"] == "source.unpolled"]


def test_one_round_and_then_another(here: Site) -> None:
    """What was said comes once, whichever process asks; a platform that is away is told of."""
    speak(here, "customgpt", "Hello", "Where is my order?")
    first, again = [told(here, "poll", "--once") for _ in range(2)]
    assert here.at.command("poll", "support", "--since", "1h", "--dry-run").stderr == ""
    assert first[1][0] | {"new": 5, "known": 0} == first[1][0]
    assert (first[0], again[0], again[1][0]["new"]) == (0, 0, 0)
    assert said(here) == ["Hello", "Where is my order?"]
    here.control("faults", {"platform": "customgpt", "kind": "server_error", "route": "data", "count": 9})
    status, (row,) = told(here, "poll", "--once")
    assert (status, "the platform answered 5" in row["trouble"]) == (1, True)


def test_the_role(here: Site) -> None:
    """It asks again and again, tells its state, stands back from nobody's work, and stops when told."""
    role = here.at.start("poll", "--admin-port", "0")
    admin = here.at.address(role, kind="admin")
    speak(here, "customgpt", "Hello")
    wait_for(lambda: said(here) == ["Hello"], seconds=20, what="the event")
    status, (row,) = told(here, "poll", "--once")
    assert (status, row["trouble"]) == (1, "another process polls it: stop that one first")
    with urllib.request.urlopen(f"{admin}/readyz", timeout=5) as answer:
        assert json.loads(answer.read())["checks"]["polling"] == {"ok": True, "detail": ""}
    assert role.stop() == 0
    assert told(here, "poll", "--once")[0] == 0
    assert here.at.command("check").stdout.count("customgpt, polled every") == 1
    sent = here.at.command("send", "help", "message.created")
    assert (sent.returncode, "customgpt posts nothing, so nothing can be sent to help" in sent.stderr) == (2, True)


def test_a_gap_is_found_and_closed(here: Site) -> None:
    """What was posted while nobody listened is published under the ids that the webhooks have, and only that."""
    role, receiver = here.serve("receive")
    here.connect(receiver)
    speak(here, "mygptassistants", "Heard")
    wait_for(lambda: said(here) == ["Heard"], seconds=20, what="the webhook")
    wait_for(lambda: unpolled(role) == ["help"], seconds=20, what="the warning that nobody polls")
    role.stop()
    speak(here, "mygptassistants", "Missed")
    status, rows = told(here, "poll", "support", "--since", "2h", "--dry-run")
    assert (status, [row["state"] for row in rows[:-1]].count("missing")) == (0, 2)
    assert rows[-1] == {"source": "support", "messages": 4, "missing": 2, "never_posted": 0, "published": 0, "left": 0}
    assert said(here) == ["Heard"]
    _, rows = told(here, "poll", "support", "--since", "2h")
    assert rows[-1]["published"] == 2
    _, rows = told(here, "poll", "support", "--since", "2h")
    assert rows[-1] == {"source": "support", "messages": 4, "missing": 0, "never_posted": 0, "published": 0, "left": 0}
    assert sorted(said(here)) == ["Heard", "Missed"]
    ids = [record["headers"]["ce_id"] for record in here.records("conversations")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["support"], "hookline poll SOURCE --since 2h"),
        (["--since", "2h"], "hookline poll SOURCE --since 2h"),
        (["--dry-run"], "hookline poll SOURCE --since 2h"),
        (["suport", "--since", "2h"], "did you mean"),
        (["help", "--since", "2h"], "help is polled"),
        (["shop", "--since", "2h"], "standard has no API"),
        (["support", "--since", "8d"], "are remembered for 7 days"),
        (["support", "--since", "soon"], "not a duration"),
    ],
)
def test_mistakes_are_told(here: Site, arguments: list[str], words: str) -> None:
    """What cannot be done ends with 2 and says what to do."""
    done = here.at.command("poll", *arguments)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
