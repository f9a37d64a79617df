"""docs/add-a-sender.md, done by the letter: TOML alone makes a sender's deliveries events of the log."""

import json
import shlex
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.conventions.fences import ROOT, fences
from tests.e2e.processes import Hookline, Role, hookline
from tests.faults.spawner import Spawner

PAGE = ROOT / "docs" / "add-a-sender.md"


def block(language: str) -> str:
    """The first block of the page in a language."""
    return next(one.text for one in fences(language) if one.page == PAGE)


def records(at: Hookline, topic: str) -> list[dict[str, Any]]:
    done = at.command("tail", f"hookline.{topic}", "--from", "start", "--no-follow", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(at: Hookline, role: Role) -> dict[str, Any]:
    """What is told of a delivery without a signature: in the list of the newest, and by the id its sender was told."""
    request = urllib.request.Request(f"{at.address(role)}/in/desk", b"{}", {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(request, timeout=10)
    name = told.value.headers["X-Request-Id"]
    assert json.loads(told.value.read())["instance"] == f"urn:hookline:request:{name}"
    listed = at.command("explain")
    assert (listed.returncode, name in listed.stdout, listed.stderr) == (0, True, "")
    shown = at.command("explain", f"urn:hookline:request:{name}")
    assert "the header x-acme-signature is not there" in shown.stdout
    other = at.command("explain", "000000-0000000000")
    assert (other.returncode, "is of another receiver, or of one that was stopped" in other.stderr) == (1, True)
    found: dict[str, Any] = json.loads(at.command("explain", name, "--json").stdout)
    return found


def strange(at: Hookline) -> str:
    """Two deliveries that the recipe cannot read; the id under which the first is kept."""
    ids = []
    for number, kind in ((2, "robot"), (3, "alien")):
        values = ("--set", f"comment.id=c_{number}", "--set", f"comment.author.kind={kind}")
        named = ("--header", "X-Acme-Event:comment.added", "--header", f"X-Acme-Delivery:d{number}")
        done = at.command("send", "desk", "--body", "comment.json", *named, *values)
        status, _, body = done.stdout.partition(" ")
        assert status == "422", done.stderr
        ids.append(json.loads(body)["quarantined"])
    return str(ids[0])


def readable_once_mended(at: Hookline, name: str) -> None:
    """A delivery of the quarantine is looked for, mended and published; the other stays, and is told."""
    sought = at.command("events", "show", name)
    assert (sought.returncode, f"replay --quarantine --id {name}" in sought.stderr) == (1, True)
    file = at.folder / "hookline.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('assistant = "bot"', 'assistant = ["bot", "robot"]'))
    tried = at.command("replay", "--quarantine", "--dry-run")
    assert (tried.returncode, tried.stdout.splitlines()[-1]) == (
        1,
        "1 would be published (1 event), 1 still invalid",
    )
    done = at.command("replay", "--quarantine", "--json")
    [first, second] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, first["id"], first["published"]) == (1, name, ["message.created:c_2"])
    assert (second["state"], second["why"]) == ("invalid", "Does not fit: role")
    over = at.command("replay", "--quarantine", "--id", name)
    assert (over.returncode, over.stdout.splitlines()[-1]) == (0, "1 already published")
    unknown = at.command("replay", "--quarantine", "--id", "c_2")
    assert (unknown.returncode, "the quarantine has no delivery of the id c_2" in unknown.stderr) == (1, True)
    [listed] = at.command("events", "list", "--limit", "1", "--json").stdout.splitlines()
    assert (json.loads(listed)["id"], json.loads(listed)["received_at"]) == (
        "message.created:c_2",
        first["received_at"],
    )
    shown = json.loads(at.command("events", "show", "d2", "--json").stdout)
    assert (shown["id"], shown["headers"]["ce_deliveryid"]) == ("message.created:c_2", "d2")
    (at.folder / ".hookline" / "state.db").unlink()
    alone = at.command("events", "show", "message.created:c_2")
    assert (alone.returncode, alone.stdout.splitlines()[0]) == (1, "message.created  message.created:c_2")
    assert "what the state store knows of it is not shown" in alone.stderr


def test_the_page_about_a_new_sender_is_true(tmp_path: Path, spawner: Spawner) -> None:
    """Its configuration, its sample and its commands, through the real door; and what it says of unmapped events."""
    (tmp_path / "hookline.toml").write_text(block("toml"), encoding="utf-8")
    (tmp_path / "comment.json").write_text(block("json"), encoding="utf-8")
    commands = [shlex.split(line)[1:] for line in block("sh").splitlines()]
    receive = commands.index(["receive"])
    with hookline(tmp_path, {"ACME_SECRET": "acme-secret-0123456789"}, spawner) as at:
        for words in commands[:receive]:
            done = at.command(*words)
            assert done.returncode == 0, done.stdout + done.stderr
        role = at.start("receive", "--port", "0", "--admin-port", "0")
        at.address(role)
        for words in commands[receive + 1 :]:
            done = at.command(*words)
            assert done.returncode == 0, done.stdout + done.stderr
        other = at.command("send", "desk", "--body", "comment.json", "--set", "comment.internal=true")
        assert (other.returncode, other.stdout) == (0, "200 OK\n")
        quarantined = strange(at)
        refusal = refused(at, role)
        [said] = records(at, "conversations")
        [note] = records(at, "platform")
        assert role.stop() == 0
        gone = at.command("explain", refusal["request_id"])
        readable_once_mended(at, quarantined)
    assert (refusal["source"], refusal["reason"]) == ("desk", "signature-missing")
    assert (gone.returncode, "no receiver runs with the data folder" in gone.stderr) == (1, True)
    headers = {name: said["headers"][name] for name in ("ce_id", "ce_type", "ce_time", "ce_eventname", "ce_deliveryid")}
    assert headers == {
        "ce_id": "message.created:c_1",
        "ce_type": "message.created",
        "ce_time": "2024-01-15T10:30:00Z",
        "ce_eventname": "comment.added",
        "ce_deliveryid": "7f0c1b52",
    }
    assert said["key"] == "4711"
    assert {name: said["value"][name] for name in ("message_id", "conversation_id", "role", "content", "contact")} == {
        "message_id": "c_1",
        "conversation_id": "4711",
        "role": "user",
        "content": "When do you open?",
        "contact": {"id": "u_7", "email": "ada@example.org"},
    }
    assert (note["headers"]["ce_type"], note["headers"]["ce_eventname"], note["key"]) == (
        "unknown",
        "comment.added",
        "4711",
    )
    assert note["value"]["comment"]["internal"] is True
