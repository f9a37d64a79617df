"""What `hookline doctor` and `handlers list` tell of a site that works, was killed, or is damaged."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import wait_for
from tests.e2e.site import Site, site
from tests.faults.spawner import Spawner


@pytest.fixture
def here(tmp_path: Path, spawner: Spawner) -> Iterator[Site]:
    """A prepared site on the embedded log, whose commands start fast."""
    with site(tmp_path, simulated=False, launch=spawner) as found:
        found.prepare()
        yield found


def findings(at: Site) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit status, and the findings by name."""
    done = at.at.command("doctor", "--json")
    assert "Traceback" not in done.stderr
    return done.returncode, {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


def wait_begun(at: Site) -> None:
    """Wait until every entry has committed where it starts: a role is ready before that."""

    def begun() -> bool:
        lines = at.at.command("handlers", "list", "--json").stdout.splitlines()
        return all(json.loads(line)["lag"] is not None for line in lines)

    wait_for(begun, seconds=30, what="the start of every entry")


def test_a_site_is_looked_at_through_its_life(here: Site) -> None:
    """It works; then it is killed, and its event waits for nobody."""
    role, _ = here.serve("run")
    wait_begun(here)
    status, found = findings(here)
    assert (status, [name for name, one in found.items() if one["state"] == "failing"]) == (0, [])
    assert found[f"role run (pid {role.process.pid})"]["detail"].startswith("ready, http://")
    assert found["source shop"]["detail"] == "standard, POST /in/shop"
    listed = here.at.command("handlers", "list").stdout.splitlines()
    assert listed[0].split() == ["entry", "handler", "state", "lag", "parked", "waiting", "reason"]
    assert max(map(len, listed)) <= 80
    assert listed[1].split() == ["follow-up-chat", "follow-up-chat", "enabled", "0", "0", "0"]
    pause_and_resume(here)
    role.kill()
    status, found = findings(here)
    assert status == 1
    assert "it ended without a word" in found[f"role run (pid {role.process.pid})"]["detail"]


def pause_and_resume(here: Site) -> None:
    """An entry of a role that runs stands still for as long as an operator wants."""

    def listed() -> dict[str, Any]:
        lines = here.at.command("handlers", "list", "--json").stdout.splitlines()
        return next(one for one in map(json.loads, lines) if one["entry"] == "sync-contact")

    paused = here.at.command("handlers", "pause", "sync-contact", "--reason", "the CRM moves")
    assert paused.stdout.startswith("sync-contact is paused"), paused.stderr
    assert here.at.command("handlers", "pause", "sync-contacts").stderr.endswith("did you mean sync-contact?\n")
    again = here.at.command("handlers", "pause", "sync-contact").stdout
    assert "sync-contact is paused since" in again
    assert "the CRM moves. `hookline handlers resume sync-contact`" in again.replace("\n", " ")
    time.sleep(2.5)
    assert here.at.command("send", "support", "message.created").returncode == 0
    time.sleep(1)
    assert (listed()["state"], listed()["lag"]) == ("paused", 1)
    status, found = findings(here)
    assert (status, found["handler sync-contact"]["state"]) == (0, "degraded")
    assert found["handler sync-contact"]["detail"].startswith("1 behind, paused since")
    assert any(
        name.startswith("role run") and "handlers: sync-contact: see handler sync-contact" in one["detail"]
        for name, one in found.items()
    )
    assert here.at.command("handlers", "resume", "sync-contact").stdout.startswith("sync-contact goes on")
    assert here.at.command("handlers", "resume", "sync-contact").stdout == "sync-contact was not paused\n"
    wait_for(lambda: listed()["lag"] == 0, seconds=20, what="the event that waited is handled")


def test_what_waits_for_a_worker_is_counted(here: Site) -> None:
    """It ran once, and does not now."""
    role, _ = here.serve("run")
    wait_begun(here)
    role.stop()
    receive, _ = here.serve("receive")
    assert here.at.command("send", "support", "message.created").returncode == 0
    status, found = findings(here)
    assert status == 1
    assert found["handler sync-contact"]["state"] == "failing"
    assert found["handler sync-contact"]["detail"].startswith("1 behind, and it settled none in 2 s: no worker")
    assert "hookline work" in found["worker"]["detail"]
    assert receive.stop() == 0


@pytest.mark.parametrize(("name", "file"), [("state store file", "state.db"), ("event log file", "events.db")])
def test_a_damaged_file_is_told_without_a_traceback(here: Site, name: str, file: str) -> None:
    """By doctor, and by a role that cannot start; nothing is deleted."""
    path = here.at.folder / ".hookline" / file
    path.write_bytes(b"x" * path.stat().st_size)
    before = path.read_bytes()
    status, found = findings(here)
    assert (status, found[name]["state"]) == (1, "failing")
    worker = here.at.start("work", "--admin-port", "0")
    wait_for(lambda: worker.process.poll() is not None, seconds=30, what="the worker's end")
    assert (worker.process.poll(), "Traceback" in worker.said()) == (2, False)
    assert "Nothing was deleted. Stop every role, then restore" in worker.said()
    assert path.read_bytes() == before


def test_a_lost_store_is_recovered_as_documented(here: Site) -> None:
    """Renamed, made anew, and the handlers' positions taken over: not before the role has stopped."""
    role, _ = here.serve("run")
    wait_begun(here)
    refused = here.at.command("migrate", "--new-store")
    assert refused.returncode == 1
    assert f"run (process {role.process.pid})" in refused.stderr
    assert role.stop() == 0

    for file in (here.at.folder / ".hookline").glob("state.db*"):
        file.rename(file.with_name(f"lost-{file.name}"))
    assert here.at.command("migrate").returncode == 0
    status, found = findings(here)
    assert status == 1
    assert "hookline migrate --new-store" in found["store of sync-contact"]["detail"]

    adopted = here.at.command("migrate", "--new-store")
    assert adopted.returncode == 0, adopted.stderr
    assert "sync-contact goes on with this store" in adopted.stdout
    assert "timers that waited" in adopted.stdout
    role, _ = here.serve("run")
    status, found = findings(here)
    assert (status, [name for name, one in found.items() if one["state"] == "failing"]) == (0, [])
    assert role.stop() == 0
