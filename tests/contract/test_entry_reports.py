"""What workers tell of their entries on the admin port, and who asks for it."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from cli.addresses import Address, alive
from cli.entry_reports import Report, ask, documents
from console.server import AdminServer
from dispatcher.dispatcher import EntryState
from dispatcher.worker import Phase

AT = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
MORE: dict[str, Any] = {"away": {"crm": AT}, "noted": {"conversations/0 record 7": 3}}
STATES = {
    "h": EntryState(entry="h", group="g.h", topics=(), phase=Phase.RUNNING, stuck={"e1": AT}, **MORE),
    "i": EntryState(entry="i", group="g.i", topics=(), phase=Phase.FAILED, reason="its position is lost"),
}


async def test_what_workers_know_is_asked_for() -> None:
    """Of each that answers; a receiver has nothing to say, and who is gone says nothing."""
    worker = AdminServer("127.0.0.1", 0, registry=CollectorRegistry(), checks={}, documents=documents(lambda: STATES))
    receiver = AdminServer("127.0.0.1", 0, registry=CollectorRegistry(), checks={}, documents={})
    await worker.start()
    await receiver.start()
    roles = [
        Address(role="receive", pid=1, admin=receiver.url),
        Address(role="work", pid=2, admin=worker.url),
        Address(role="work", pid=3, admin="http://127.0.0.1:1"),
        Address(role="work", pid=4),
    ]
    found = await asyncio.to_thread(ask, roles)
    await worker.stop()
    await receiver.stop()
    assert found == {"h": Report(stuck={"e1": AT}, **MORE), "i": Report(failed="its position is lost")}


def test_who_only_lists_leaves_what_killed_roles_left(tmp_path: Path) -> None:
    """`doctor` is to tell of them."""
    folder = tmp_path / "roles"
    folder.mkdir()
    # above the largest process id that Linux gives
    for pid in (os.getpid(), 2**22 + 1):
        address = Address(role="work", pid=pid)
        (folder / f"work-{pid}.json").write_text(address.model_dump_json(), encoding="utf-8")
    assert [one.pid for one in alive(tmp_path)] == [os.getpid()]
    assert len(list(folder.iterdir())) == 2
