"""`handlers rewind`, `rename` and `forget` on a real site, by the commands an operator calls."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.e2e.processes import Role, wait_for
from tests.e2e.site import Site, site
from tests.faults.spawner import Spawner

LATER = ("follow-up-chat]\nafter", 'write-later]\nuse = "follow-up-chat"\nafter')


def standing(here: Site) -> dict[str, tuple[int | None, int | None]]:
    """Entry → its lag and its timers."""
    lines = here.at.command("handlers", "list", "--json").stdout.splitlines()
    return {one["entry"]: (one.get("lag"), one.get("waiting")) for one in map(json.loads, lines)}


def stop(role: Role) -> None:
    assert role.stop() == 0


def told(here: Site, *arguments: str, status: int = 0) -> str:
    """What a command of `handlers` says, in one line."""
    done = here.at.command("handlers", *arguments)
    assert done.returncode == status, done.stderr
    return " ".join((done.stdout + done.stderr).split())


def test_an_entry_is_rewound_renamed_and_forgotten(tmp_path: Path) -> None:
    """While no worker runs; each says what it does."""
    with Spawner() as spawner, site(tmp_path, simulated=False, launch=spawner) as here:
        settings = here.at.folder / "hookline.toml"
        settings.write_text(settings.read_text().replace('after = "1s"', 'after = "10h"'), encoding="utf-8")
        here.prepare()
        role, _ = here.serve("run")
        sent = here.at.command("send", "support", "message.created", "--set", "data.message.role=assistant")
        assert sent.returncode == 0, sent.stderr
        wait_for(lambda: standing(here)["follow-up-chat"] == (0, 1), seconds=30, what="the timer is set")
        assert "workers run with this data folder: run" in told(here, "rewind", "sync-contact", "--to", "end", status=1)
        stop(role)

        asked = told(here, "rewind", "sync-contact", "--to", "earliest", status=2)
        assert "sync-contact would be given at most 1 events again" in asked
        assert "say --yes if it is meant" in asked
        assert told(here, "rewind", "sync-contact", "--to", "1h", "--yes").endswith("sync-contact goes on from there")
        assert standing(here)["sync-contact"] == (1, 0)

        with closing(sqlite3.connect(here.at.folder / ".hookline" / "events.db")) as log, log:
            log.execute("DELETE FROM positions WHERE group_name LIKE '%sync-contact'")
        assert "sync-contact: the log forgot its position in" in told(here, "list")
        assert "from a position that the log forgot to 0" in told(
            here, "rewind", "sync-contact", "--to", "earliest", "--yes"
        )
        assert standing(here)["sync-contact"] == (1, 0)

        settings.write_text(settings.read_text().replace(*LATER), encoding="utf-8")
        found = here.at.command("doctor").stdout
        assert "entry follow-up-chat" in found
        assert "1 timers" in found
        assert "there is no entry write-latr; did you mean write-later?" in told(
            here, "rename", "follow-up-chat", "write-latr", status=2
        )
        assert "follow-up-chat is write-later now" in told(here, "rename", "follow-up-chat", "write-later")
        assert standing(here)["write-later"] == (0, 1)
        role, _ = here.serve("run")
        wait_for(lambda: standing(here)["sync-contact"] == (0, 0), seconds=30, what="the event is given again")
        stop(role)

        with closing(sqlite3.connect(here.at.folder / ".hookline" / "state.db")) as store, store:
            store.execute("UPDATE schedule SET topic = 'old.conversations'")
        assert "does not read old.conversations, where 1 timers wait for it" in told(here, "list")
        assert told(here, "forget", "write-later", "--unread", "--yes").startswith("1 dead letters of write-later")
        assert "nothing waits for write-later but" in told(here, "forget", "write-later", "--unread")
        assert "write-later is still an entry" in told(here, "forget", "write-later", "--yes", status=2)
        text = settings.read_text()
        settings.write_text(text.replace("[handlers.write-later]", "[handlers.write-later]\nenabled = false"))
        assert told(here, "forget", "write-later", "--yes").startswith("write-later is forgotten: 0 dead letters")
        settings.write_text(text, encoding="utf-8")
        assert standing(here)["write-later"] == (None, 0)
        [letter] = map(json.loads, here.at.command("dead", "list", "--json").stdout.splitlines())
        assert (letter["handler"], letter["reason"]) == ("write-later", "forgotten")
