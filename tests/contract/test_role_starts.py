"""Roles whose state store does not answer when they start."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from structlog.testing import capture_logs

from cli.base import Installation
from cli.places import Places
from cli.roles import Roles, serve, serve_until_empty
from cli.settings import Settings
from tests.servers.eventually import eventually

Serve: TypeAlias = Callable[[Installation, Roles, asyncio.Event], Coroutine[Any, Any, int]]


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    """One whose store is nowhere: nobody listens there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings.model_validate(
        {
            "store": {"url": f"postgresql://hookline:secret@127.0.0.1:{port}/hookline"},
            "sources": {"bot": {"platform": "customgpt", "account": "bot"}},
            "accounts": {"bot": {"platform": "customgpt", "api_key": "k", "project_id": "1"}},
            "console": {"port": 0},
        }
    )
    return Installation(Places(config=None, data=tmp_path, environ={}), "auto", given=settings)


@pytest.mark.parametrize(
    ("roles", "by", "status"),
    [
        (Roles(name="work", work=True), serve, 0),
        (Roles(name="poll", poll=True), serve, 0),
        (Roles(name="work", work=True), serve_until_empty, 1),
    ],
)
async def test_a_role_waits_for_its_store(here: Installation, roles: Roles, by: Serve, status: int) -> None:
    """Then it ends at once: an orchestrator kills what does not."""
    stopping = asyncio.Event()
    with capture_logs() as logs:
        role = asyncio.create_task(by(here, roles, stopping))
        await eventually(lambda: role.done() or "store.awaited" in {line["event"] for line in logs})
        stopping.set()
        async with asyncio.timeout(1):
            assert await role == status
