"""`hookline dev` in a folder whose configuration names real servers."""

import json
import socket
from pathlib import Path

from tests.e2e.processes import hookline, wait_for
from tests.e2e.site import Site, free_port, site
from tests.faults.spawner import Spawner


def test_dev_keeps_to_itself_and_is_found(tmp_path: Path, spawner: Spawner) -> None:
    """Kafka is left alone, the roles' data folder too; other commands find it without a flag; it runs `--only` one."""
    with site(tmp_path, eventlog="kafka://127.0.0.1:1", simulated=False, launch=spawner) as here:
        ports = ("--port", str(free_port()), "--admin-port", "0", "--simulator-port", "0")
        role = here.at.start("dev", "--quiet", "--only", "sync-contact", *ports)
        wait_for(lambda: " tail" in role.printed(), seconds=30, what="the greeting of dev")
        sent = here.at.command("send", "support", "message.created", "--set", "data.content=3")
        assert (sent.returncode, sent.stderr) == (0, "")
        [record] = here.records("conversations")
        assert record["value"]["content"] == "3"
        wait_for(lambda: "sync-contact    done" in role.printed(), seconds=30, what="a line of a handler")
        assert [one.name for one in (tmp_path / ".hookline").iterdir()] == ["dev"]
        assert ".hookline/dev/events.db, not kafka://127.0.0.1:1" in role.printed()
        wait_for(lambda: lag(here) == 0, seconds=10, what="the commit of what is handled", every=0.3)
        assert role.stop() == 0
        assert role.printed().endswith("stopping\nstopped\n")
        assert "follow-up-chat" not in role.printed()
        assert role.log() == []


def lag(here: Site) -> int:
    """Of the entry that runs, as `handlers list` tells it."""
    listed = map(json.loads, here.at.command("handlers", "list", "--json").stdout.splitlines())
    return int(next(one["lag"] for one in listed if one["entry"] == "sync-contact"))


def test_the_demo_shows_every_platform_at_work(tmp_path: Path) -> None:
    """Without a configuration: conversations, contacts told across, and a follow-up on each through its own account."""
    everywhere = {f"followup.sent  account={name}" for name in ("support", "gptbots", "yourgpt", "customgpt")}
    # GPTBots' users come with conversations there, so nobody can be made known to it who was not met there.
    everywhere |= {f"contact.pushed  account={name}" for name in ("support", "yourgpt", "customgpt")}
    with hookline(tmp_path, {}) as at:
        role = at.start("dev", "--port", "0", "--admin-port", "0", "--simulator-port", "0")
        wait_for(lambda: all(one in role.printed() for one in everywhere), seconds=90, what="every platform's lines")
        printed = role.printed()
        assert role.stop() == 0
    assert printed.count("ability.lacked  account=gptbots  ability=upsert_contact") == 1
    assert "dead:" not in printed


def test_a_role_that_cannot_listen_has_started_no_handler(tmp_path: Path, spawner: Spawner) -> None:
    """It fails before, names who has the port, and says it once."""
    at = site(tmp_path, simulated=False, launch=spawner)
    with at as here, socket.create_server(("127.0.0.1", 0)) as taken:
        here.prepare()
        port = taken.getsockname()[1]
        done = here.at.command("run", "--port", "0", "--admin-port", str(port))
        assert done.returncode == 1
        assert "handler.started" not in done.stderr
        assert done.stderr.splitlines()[-1].startswith(f"hookline: port {port} (admin port) is taken by process ")
        assert done.stderr.count("--admin-port") == 1
