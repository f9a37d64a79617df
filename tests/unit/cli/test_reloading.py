"""What `hookline dev` makes of changed plugin files."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from cli.base import Installation
from cli.places import Places
from cli.plugins import loaded
from cli.reloading import Reloading, changes
from dispatcher.dispatcher import Dispatcher
from dispatcher.settings import Entry

PLUGIN = """
from hookline import Context, Event, MessageCreated, handler
from ._words import WORD

@handler("{name}", on=MessageCreated)
async def h(event: Event[MessageCreated], ctx: Context) -> None:
    "{about}"
"""


@dataclass
class Recorder:
    """Remembers what a dispatcher was told to run, entry → its first line."""

    runs: dict[str, str] = field(default_factory=dict)
    # What began, in order.
    begun: list[str] = field(default_factory=list)

    async def replace(self, ending: Iterable[str], entries: Iterable[Entry], _within: timedelta) -> None:
        for name in ending:
            del self.runs[name]
        coming = {one.name: one.handler.doc for one in entries}
        self.runs |= coming
        self.begun += coming


@dataclass
class Desk:
    """A plugin folder, what runs of it, and what was said."""

    folder: Path
    runs: dict[str, str]
    begun: list[str]
    reloading: Reloading
    said: list[str]

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    async def look(self) -> str:
        self.said.clear()
        await self.reloading.look()
        return "\n".join(self.said)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "_words.py").write_text('WORD = "hello"\n', encoding="utf-8")
    (folder / "ask.py").write_text(PLUGIN.format(name="ask", about="Old."), encoding="utf-8")
    config = tmp_path / "hookline.toml"
    config.write_text('[handlers]\npath = ["./plugins"]\n', encoding="utf-8")
    here = Installation(Places(config=config, data=tmp_path / "data", environ={}), "auto")
    recorder, said = Recorder({"ask": "Old."}), list[str]()
    dispatcher = cast("Dispatcher", recorder)
    made = Reloading(here=here, dispatcher=dispatcher, plugins=loaded(here), say=said.append, runs="unwanted".__ne__)
    return Desk(folder, recorder.runs, recorder.begun, made, said)


async def test_nothing_happens_while_nothing_changes(desk: Desk) -> None:
    """Nobody is made anew for nothing."""
    assert await desk.look() == ""


async def test_a_changed_file_runs_anew(desk: Desk) -> None:
    """With what stands in it now, however soon after the last change."""
    for about in ("New.", "Two.", "Six."):
        desk.write("ask.py", PLUGIN.format(name="ask", about=about))
        assert (await desk.look()).endswith("ask.py changed: ask runs anew")
        assert desk.runs == {"ask": about}


async def test_entries_that_are_not_to_run_are_not_begun(desk: Desk) -> None:
    """As `--only` says."""
    desk.write("unwanted.py", PLUGIN.format(name="unwanted", about="New."))
    assert (await desk.look()).endswith("unwanted.py is new: nothing else to run")
    assert desk.runs == {"ask": "Old."}


async def test_others_are_not_interrupted(desk: Desk) -> None:
    """Their files are as they were, and none can import what changed; what all import, all are made anew for."""
    desk.write("more.py", PLUGIN.format(name="more", about="More."))
    await desk.look()
    assert desk.begun == ["more"]
    desk.write("more.py", PLUGIN.format(name="more", about="Much more."))
    await desk.look()
    assert desk.begun == ["more", "more"]
    desk.write("_words.py", 'WORD = "good day"\n')
    assert (await desk.look()).endswith("ask, more run anew")


async def test_who_may_import_what_changed_is_made_anew(desk: Desk) -> None:
    """Its name stands in the other file."""
    desk.write("more.py", PLUGIN.format(name="more", about="More.") + "from .ask import h as ask\n")
    await desk.look()
    desk.write("ask.py", PLUGIN.format(name="ask", about="New."))
    assert (await desk.look()).endswith("ask.py changed: ask, more run anew")


async def test_a_broken_module_keeps_those_running_that_import_it(desk: Desk) -> None:
    """Though the error is in another file than theirs; it is told with its line."""
    desk.write("_words.py", "WORD = (\n")
    said = await desk.look()
    assert "_words.py:1: SyntaxError" in said
    assert said.endswith("the version before runs on: ask")
    assert desk.runs == {"ask": "Old."}
    desk.write("_words.py", 'WORD = "good day"\n')
    assert (await desk.look()).endswith("_words.py changed: ask runs anew")


async def test_what_came_while_another_was_broken_can_go(desk: Desk) -> None:
    """Each file counts for itself."""
    desk.write("ask.py", "import nowhere\n")
    desk.write("more.py", PLUGIN.format(name="more", about="More."))
    assert "more runs anew" in await desk.look()
    assert desk.runs == {"ask": "Old.", "more": "More."}
    (desk.folder / "more.py").unlink()
    assert "more.py is gone: more ended" in await desk.look()
    assert desk.runs == {"ask": "Old."}


def test_changes_are_told_by_file(tmp_path: Path) -> None:
    """What is new, what changed, what is gone."""
    one, two, three = (tmp_path / f"{name}.py" for name in "abc")
    told = changes({one: (1, 1), two: (1, 1)}, {two: (2, 1), three: (1, 1)})
    assert [line.rpartition("/")[2] for line in told] == ["a.py is gone", "b.py changed", "c.py is new"]
