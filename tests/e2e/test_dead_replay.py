"""Dead letters with real processes: listed, mended, replayed or discarded, gone from the list."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.clinic import Clinic, clinic
from tests.e2e.processes import Role, in_new_process, wait_for
from tests.e2e.site import free_port
from tests.faults.spawner import Spawner
from tests.servers.broker import Broker

SECOND = """
[handlers.second]
use = "mendable"
folder = "{folder}"
attempts = 1
"""
PATIENT = """
[handlers.patient]
use = "mendable"
folder = "{folder}"
backoff = "10m"
max_backoff = "10m"
"""


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def on_any(request: pytest.FixtureRequest, tmp_path: Path, fresh_prefix: str, spawner: Spawner) -> Iterator[Clinic]:
    """A clinic on each event log."""
    eventlog = ""
    if request.param == "kafka":
        broker: Broker = request.getfixturevalue("kafka")
        eventlog = f"kafka://{broker.bootstrap}"
    with clinic(tmp_path, eventlog=eventlog, prefix=fresh_prefix, launch=spawner) as found:
        yield found


@pytest.fixture
def here(tmp_path: Path, spawner: Spawner) -> Iterator[Clinic]:
    """A clinic on the embedded log."""
    with clinic(tmp_path, launch=spawner) as found:
        yield found


def test_dead_letters_are_mended_and_replayed_in_order(on_any: Clinic) -> None:
    """Each effect happened once, and the list is empty."""
    on_any.site.serve("run")
    on_any.die(1, 2, 3)
    assert [line["state"] for line in on_any.listed()] == ["open"] * 3
    planned = json.loads(on_any.site.at.command("replay", "plan", "--handler", "mendable", "--json").stdout)
    assert (planned["events"], planned["counts"][0]["type"]) == (3, "message.created")
    died = on_any.happened("message.created:m2")
    assert (died["handlers"]["mendable"]["state"], died["handlers"]["mendable"]["reason"]) == ("dead", "exhausted")
    assert [(one["handler"], one["effect"], one["state"]) for one in died["effects"]] == [
        ("mendable", "effect", "done")
    ]
    on_any.mend()
    done = on_any.dead("replay", "--all", "--handler", "mendable", "--wait", "30s")
    assert (done.stdout, done.stderr, done.returncode) == ("3 done\n", "", 0)
    ids = [f"message.created:m{number}" for number in (1, 2, 3)]
    assert on_any.journal == [f"mendable {event_id}" for event_id in ids]
    assert on_any.effects == ids
    assert on_any.listed() == []
    assert [line["state"] for line in on_any.listed("--all")] == ["done"] * 3
    told = on_any.happened("message.created:m2")["handlers"]
    assert {name: one["state"] for name, one in told.items()} == {"follow-up-chat": "settled", "mendable": "replayed"}
    listed = on_any.site.at.command("events", "list", "--key", "c1", "--type", "message.*", "--json")
    assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == ids
    again(on_any, ids)


def again(at: Clinic, ids: list[str]) -> None:
    """Have the worker handle what it has handled already, all but the effects."""
    options = ("--handler", "mendable", "--from", "topics", "--key", "c1", "--rate", "100")
    begun = at.site.at.command("replay", "start", *options)
    assert (begun.returncode, begun.stdout.startswith("replay 2: ")) == (0, True), begun.stderr
    wait_for(lambda: at.journal == [f"mendable {event_id}" for event_id in ids * 2], seconds=30, what="all of it again")
    at.wait_logged("event.replayed", 6)
    [line] = at.site.at.command("replay", "status", "2", "--json").stdout.splitlines()
    told = json.loads(line)
    assert (told["state"], told["found"], told["done"], told["rate"]) == ("done", 3, 3, 100.0)
    assert at.effects == ids
    cancelled = at.site.at.command("replay", "cancel", "2")
    assert cancelled.stdout == "replay 2: nothing was left to be taken back; 3 done\n"


def test_a_replay_that_fails_again_says_why(here: Clinic) -> None:
    """And leaves a new dead letter in the place of the old one."""
    here.site.serve("run")
    here.die(1)
    done = here.dead("replay", "message.created:m1", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["state"], told["reason"]) == ("dead", "exhausted")
    assert told["detail"].startswith("1 attempts failed, the last: ValueError at mendable.py:")
    [listed] = here.listed()
    assert listed["event"]["topic"].endswith("conversations")
    assert (listed["state"], listed["letter"]["offset"]) == ("open", told["letter"]["offset"] + 1)
    shown = here.dead("show", "message.created:m1", "--json").stdout.splitlines()
    assert "x-dlq-history" in json.loads(shown[-1])["letter"]["headers"]


def test_only_the_entry_that_is_named_handles_it_again(tmp_path: Path, spawner: Spawner) -> None:
    """Two entries of one handler gave the event up; without a name it is not clear which is meant."""
    with clinic(tmp_path, launch=spawner, more=SECOND.format(folder=tmp_path)) as two:
        two.site.serve("run")
        two.send(1)
        two.wait_logged("event.dead", 2)
        two.mend()
        unclear = two.dead("replay", "message.created:m1")
        assert unclear.returncode == 2
        assert "is a dead letter of mendable and second: name one with --handler" in unclear.stderr
        done = two.dead("replay", "message.created:m1", "--handler", "second", "--wait", "30s")
        assert (done.stdout, done.returncode) == ("message.created:m1  second  done\n", 0)
        assert two.journal == ["second message.created:m1"]
        assert [line["handler"] for line in two.listed()] == ["mendable"]


def test_a_replay_waits_for_a_worker(here: Clinic) -> None:
    """The command says that none runs; whoever runs next takes it."""
    role, _ = here.site.serve("run")
    here.die(1)
    assert role.stop() == 0
    here.mend()
    done = here.dead("replay", "message.created:m1", "--wait", "500ms")
    assert done.returncode == 1
    assert done.stdout.startswith("message.created:m1  mendable  no worker runs for mendable: start one with")
    assert [line["state"] for line in here.listed()] == ["waiting"]
    asked = here.dead("replay", "message.created:m1", "--no-wait")
    assert (asked.returncode, asked.stdout) == (
        0,
        "message.created:m1  mendable  asked: the worker of mendable takes it within about a second\n",
    )
    here.site.work()
    here.wait_logged("event.replayed", 1)
    assert here.listed() == []
    assert here.journal == ["mendable message.created:m1"]


def test_an_event_that_is_retried_is_not_dead_yet(tmp_path: Path, spawner: Spawner) -> None:
    """The command that is printed at the first failure says so; other ids are nowhere."""
    with clinic(tmp_path, launch=spawner, more=PATIENT.format(folder=tmp_path)) as slow:
        slow.site.serve("run")
        slow.die(1)
        wait_for(lambda: len(slow.effects) == 2, seconds=30, what="the first attempt of the patient entry")
        done = slow.dead("replay", "message.created:m1", "--handler", "patient")
        assert done.returncode == 1
        assert "message.created:m1 is not dead yet: patient tries it again by itself" in done.stderr
        kept = slow.dead("discard", "message.created:m1", "--handler", "patient")
        assert (kept.returncode, "is not dead yet: patient tries it again" in kept.stderr) == (1, True)
        slow.wait_logged("lane.parked", 1)
        waits = slow.happened("message.created:m1")["handlers"]["patient"]
        assert (waits["state"], waits["attempts"], waits["before"]) == ("parked", 1, 0)
        nowhere = slow.dead("replay", "message.created:m2", "--handler", "patient")
        assert nowhere.returncode == 1
        assert "patient has no dead letter of the event message.created:m2" in nowhere.stderr


def test_a_discarded_letter_is_gone_from_the_list(here: Clinic) -> None:
    """Nobody handles it, a replay that waits for a worker is taken back, and doctor counts those that are left."""
    role, _ = here.site.serve("run")
    here.die(1, 2, 3)
    role.stop()
    assert here.dead("replay", "message.created:m2", "--no-wait").returncode == 0
    done = here.dead("discard", "message.created:m1", "message.created:m2")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        ["message.created:m1  mendable  discarded", "message.created:m2  mendable  discarded"],
    )
    assert [line["id"] for line in here.listed()] == ["message.created:m3"]
    assert [line["state"] for line in here.listed("--all")] == ["discarded", "discarded", "open"]
    assert here.dead("discard", "message.created:m9").returncode == 1
    told = here.site.at.command("doctor").stdout
    assert "dead letters: 1 that nobody has dealt with: see `" in told
    assert "quarantine" not in told


def test_what_is_meant_must_be_said(here: Clinic) -> None:
    """Everything of every entry is never meant."""
    for arguments in ((), ("--all",), ("message.created:m1", "--all", "--handler", "mendable")):
        done = here.dead("replay", *arguments)
        assert done.returncode == 2
        assert "say which: `dead replay ID`, or `dead replay --all --handler ENTRY`" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("list", "--reason", "exausted"), "--reason exausted: there is no such reason; did you mean exhausted?"),
        (("list", "--handler", "mendabel"), "--handler mendabel: there is no such entry; did you mean mendable?"),
        (("show", "e1", "--handler", "mendabel"), "--handler mendabel: there is no such entry; did you mean mendable?"),
        (("replay", "--all", "--handler", "zzz"), "--handler zzz: there is no such entry; known here: "),
        (("discard", "e1", "--handler", "zzz"), "--handler zzz: there is no such entry; known here: "),
    ],
)
def test_a_name_that_nothing_has_is_refused(here: Clinic, arguments: tuple[str, ...], says: str) -> None:
    """An empty listing would look like good news."""
    done = here.dead(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_the_command_that_dev_prints_works_as_printed(tmp_path: Path, spawner: Spawner) -> None:
    """From a second terminal, while dev runs, although its data folder is one for this run only."""
    with clinic(tmp_path, launch=spawner) as here:
        run_what_dev_prints(here)


def run_what_dev_prints(here: Clinic) -> None:
    """Let a message die, mend the handler, and give a shell the line that was printed."""
    ports = ("--port", str(free_port()), "--admin-port", "0", "--simulator-port", str(free_port()))
    role = here.site.at.start("dev", "--quiet", "--ephemeral", *ports, launch=in_new_process)
    data = Path(wait_for(lambda: said(role, "event log "), seconds=30, what="the greeting of dev")).parent.parent
    values = ("--set", "data.messageId=m1", "--set", "data.conversationId=c1")
    sent = here.site.at.command("send", "support", "message.created", *values, "--data", str(data))
    assert sent.returncode == 0, sent.stderr
    line = wait_for(lambda: said(role, "dead replay ", whole=True), seconds=30, what="the command")
    here.mend()
    environ = here.site.at._environ()
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd=here.folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr, done.returncode) == ("message.created:m1  mendable  done\n", "", 0)
    assert here.journal == ["mendable message.created:m1"]
    assert shlex.split(line)[-2:] == ["--handler", "mendable"]
    assert role.stop() == 0


def said(role: Role, words: str, *, whole: bool = False) -> str | None:
    """What stands behind some words on the line that has them, or the whole line; None before it is printed."""
    assert role.process.poll() is None, role.said()
    lines = [line for line in role.printed().splitlines(keepends=True) if words in line and line.endswith("\n")]
    if not lines:
        return None
    return lines[0].strip() if whole else lines[0].partition(words)[2].strip()
