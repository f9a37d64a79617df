"""What `hookline handlers list --why` knows of each handler."""

from pathlib import Path
from typing import Any

import pytest

from cli.base import Installation
from cli.entry_reports import Report
from cli.entry_rows import rows
from cli.places import Places
from cli.plugins import loaded

ASKS = """
from hookline import Context, Event, MessageCreated, handler

@handler("asks", on=MessageCreated)
async def asks(event: Event[MessageCreated], ctx: Context) -> None:
    await ctx.account().send(event.key, "How did it go?")
"""
CONFIG = """
[handlers]
path = ["./plugins"]
[handlers.sync-contact]
enabled = false
[handlers.asks]
timeout = "5s"
[handlers.again]
use = "asks"
"""


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Rows by entry and state."""
    folder = tmp_path_factory.mktemp("rows")
    (folder / "plugins").mkdir()
    for name in ("a", "b"):
        (folder / "plugins" / f"{name}.py").write_text(ASKS.format(name="asks"))
    (folder / "plugins" / "broken.py").write_text("x = 1\nfrom nowhere import y\n")
    (folder / "plugins" / "typo.py").write_text("def f(:\n")
    (folder / "hookline.toml").write_text(CONFIG)
    here = Installation(Places(config=folder / "hookline.toml", data=folder / "data", environ={}), "auto")
    found = rows(loaded(here), here.settings.topics.topics(), {}, {"again": Report(failed="its position is lost")})
    return {f"{row['entry']} {row['state']}": row for row in found}


def test_every_state_is_told(listed: dict[str, dict[str, Any]]) -> None:
    """Nothing of what was found is left out."""
    assert sorted(listed) == [
        "again failed",
        "asks enabled",
        "asks shadowed",
        "broken.py broken",
        "follow-up-chat not configured",
        "sync-contact disabled",
        "typo.py:1 broken",
    ]


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ("asks enabled", "why", "section [handlers.asks]"),
        ("again failed", "reason", "its position is lost"),
        ("asks enabled", "reason", ""),
        ("again failed", "why", "section [handlers.again], use = asks"),
        ("asks enabled", "accounts", "the source's"),
        ("asks enabled", "topics", ["hookline.conversations"]),
        ("asks enabled", "on", "message.created"),
        ("broken.py broken", "why", "importing it raised ModuleNotFoundError: No module named 'nowhere' (broken.py:2)"),
        ("typo.py:1 broken", "why", "SyntaxError: invalid syntax: def f(:"),
        ("sync-contact disabled", "why", "[handlers.sync-contact] says enabled = false"),
        ("sync-contact disabled", "origin", "handlers.sync_contact:sync_contact (hookline)"),
        ("follow-up-chat not configured", "why", "it has settings to be set: add a section [handlers.follow-up-chat]"),
    ],
)
def test_a_row_says_why(listed: dict[str, dict[str, Any]], row: str, field: str, value: object) -> None:
    """In a line, with the place where there is one."""
    assert listed[row][field] == value


def test_a_shadowed_handler_says_by_whom(listed: dict[str, dict[str, Any]]) -> None:
    """The first one runs, the other is named with its file."""
    row = listed["asks shadowed"]
    assert Path(row["origin"]).name == "b.py"
    assert row["why"].endswith("/plugins/a.py: choose another")
