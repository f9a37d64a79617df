"""Plugins are found by entry point and in folders; a broken one hides no other."""

import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from dispatcher.registry import GROUP, Registry, defects, load
from handlers.api import Context, Handler, handler
from schemas.events import Data, Event, MessageCreated, Timer

PLUGIN = """
from hookline import Context, Event, MessageCreated, handler

@handler("{name}", on=MessageCreated)
async def h(event: Event[MessageCreated], ctx: Context) -> None: ...
"""


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "hookline_plugins"]:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "plugins"
    made.mkdir()
    return made


def put(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def found(*folders: Path) -> Registry:
    return load(folders, entry_points=[])


def names(registry: Registry) -> list[str]:
    return sorted(registry.handlers)


def problems(registry: Registry) -> str:
    return "\n".join(map(str, registry.problems))


async def plain(event: Event[MessageCreated], ctx: Context) -> None: ...


def made(**changes: Any) -> Handler[Any, Any]:
    return Handler(**{"name": "h", "on": (MessageCreated,), "run": plain, **changes})


def test_the_handlers_that_come_with_hookline_enter_by_entry_point() -> None:
    """The same door as strangers'."""
    registry = load()
    assert {"sync-contact", "follow-up-chat"} <= set(registry.handlers)
    assert registry.handlers["sync-contact"].origin == "handlers.sync_contact:sync_contact"
    assert registry.problems == ()


def test_each_file_of_a_folder_is_a_plugin(folder: Path) -> None:
    """Imported under a package of its own, so that it hides nothing."""
    put(folder, "one.py", PLUGIN.format(name="one"))
    put(folder, "clients.py", PLUGIN.format(name="two"))
    registry = found(folder)
    assert (names(registry), problems(registry)) == (["one", "two"], "")
    assert registry.handlers["two"].handler.run.__module__ == "hookline_plugins.clients"


def test_a_package_is_a_plugin_with_relative_imports(folder: Path) -> None:
    """Its modules see each other; a handler it imported from a neighbour is found once, where it was made."""
    put(folder, "shop/__init__.py", "from .orders import h\nfrom ..shared import h as other\n")
    put(folder, "shop/orders.py", PLUGIN.format(name="orders"))
    put(folder, "shared.py", PLUGIN.format(name="shared"))
    registry = found(folder)
    assert (names(registry), problems(registry)) == (["orders", "shared"], "")
    assert Path(registry.handlers["shared"].origin).name == "shared.py"


def test_tests_and_private_files_are_no_plugins(folder: Path) -> None:
    """`test_*`, `conftest.py`, `_*` and folders that are no packages are skipped."""
    for name in ("test_one.py", "conftest.py", "_private.py", "data/readme.py", "notes.txt"):
        put(folder, name, "raise RuntimeError('imported')")
    assert found(folder) == Registry(handlers={})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("raise KeyError('x')", "KeyError"),
        ("x = 1\ny = (\n", "broken.py:2: SyntaxError: '(' was never closed: y = ("),
        ("def f():\n    return 1 / 0\nf()", "(broken.py:2)"),
        ("raise SystemExit(3)", "ends the process"),
        ("raise KeyboardInterrupt", "ends the process when it is imported: it raised KeyboardInterrupt"),
        (
            "from hookline import MessageCreated, handler\nhandler('x', on=MessageCreated, timeout='soon')",
            "not a duration",
        ),
    ],
)
def test_a_broken_plugin_hides_no_other(folder: Path, text: str, why: str) -> None:
    """Whatever its import raises is a problem that names the file."""
    broken = put(folder, "broken.py", text)
    put(folder, "fine.py", PLUGIN.format(name="fine"))
    registry = found(folder)
    assert names(registry) == ["fine"]
    assert str(broken) in problems(registry)
    assert why in problems(registry)


def test_two_handlers_of_one_name_are_told(folder: Path) -> None:
    """The first keeps the name."""
    put(folder, "a.py", PLUGIN.format(name="same"))
    put(folder, "b.py", PLUGIN.format(name="same"))
    registry = found(folder)
    assert Path(registry.handlers["same"].origin).name == "a.py"
    assert "'same' is taken by" in problems(registry)


def test_two_functions_of_one_name_are_told(folder: Path) -> None:
    """Python keeps the last of them, and the handler of the first would be gone without a word."""
    put(folder, "a.py", PLUGIN.format(name="one") + PLUGIN.format(name="two"))
    [problem] = found(folder).problems
    assert "h is defined in lines 5 and 10: only one of the handlers would run" in str(problem)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")], ids=range(3))
def test_what_is_called_as_a_plugin_and_is_no_file_is_told(folder: Path, make: Callable[[Path], None]) -> None:
    """Nobody waits for a FIFO, and nobody looks in vain for the handler in it."""
    put(folder, "a.py", PLUGIN.format(name="one"))
    make(folder / "b.py")
    registry = found(folder)
    assert names(registry) == ["one"]
    assert [problem.where for problem in registry.problems] == [str(folder / "b.py")]


def test_two_files_of_one_name_are_told(folder: Path, tmp_path: Path) -> None:
    """They would be one module."""
    put(folder, "a.py", PLUGIN.format(name="one"))
    put(tmp_path / "more", "a.py", PLUGIN.format(name="two"))
    registry = found(folder, tmp_path / "more")
    assert names(registry) == ["one"]
    assert "has the same name" in problems(registry)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """With its path."""
    assert f"{tmp_path / 'absent'}: there is no such folder" in problems(found(tmp_path / "absent"))


def test_a_folder_can_be_loaded_again(folder: Path) -> None:
    """A changed file is read anew: nothing of the last time is left."""
    file = put(folder, "one.py", PLUGIN.format(name="one"))
    assert names(found(folder)) == ["one"]
    file.unlink()
    put(folder, "two.py", PLUGIN.format(name="changed"))
    assert names(found(folder)) == ["changed"]


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


def test_an_entry_point_has_its_handlers_name() -> None:
    """Otherwise the configuration would name something else than the log."""
    registry = load(entry_points=[point("other", "handlers.sync_contact:sync_contact")])
    assert registry.handlers == {}
    assert "called 'other', its handler 'sync-contact'" in problems(registry)


def test_an_entry_point_names_a_handler() -> None:
    """Not any function."""
    registry = load(entry_points=[point("person", "handlers.sync_contact:person_of")])
    assert "must name a function decorated with @handler" in problems(registry)


def test_an_entry_point_that_cannot_be_imported_hides_no_other() -> None:
    """A plugin whose package was half removed."""
    registry = load(
        entry_points=[point("gone", "no_such_package:h"), point("sync-contact", "handlers.sync_contact:sync_contact")]
    )
    assert names(registry) == ["sync-contact"]
    assert "no_such_package:h: importing it raised ModuleNotFoundError" in problems(registry)


class Reserved(BaseModel):
    timeout: str = "1s"
    waits: int = Field(default=1, alias="start")


class Mine(Data):
    event_type = "mine.created"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "Not Allowed"}, "does not match"),
        ({"name": 5}, None),
        ({"on": (int,)}, "on=int is no event type"),
        ({"on": (Data,)}, "on=Data is no event type"),
        ({"on": (Mine,)}, "on=Mine is no event type"),
        ({"on": ([MessageCreated],)}, "is no event type"),
        ({"on": (Timer,)}, "nothing could ever set its timers"),
        ({"on": ()}, "nothing could ever set its timers"),
        ({"run": print}, "not an `async def` function"),
        ({"config": Reserved}, "config fields start, timeout are settings of hookline itself"),
        ({"config": dict}, "not a pydantic model class"),
    ],
)
def test_what_is_wrong_with_a_handler(changes: dict[str, Any], why: str | None) -> None:
    """A type checker would have said most of it; those who use none are told when it loads."""
    told = list(defects(made(**changes)))
    assert (why is None and told == []) or (why is not None and why in told[0])


def test_a_handler_takes_an_event_and_a_context() -> None:
    """And nothing else without a default."""

    async def one(event: object) -> None: ...

    async def three(event: object, ctx: object, more: object) -> None: ...

    async def default(event: object, ctx: object, more: object = None) -> None: ...

    told = [list(defects(made(run=run))) for run in (one, three, default)]
    assert told == [["the handler does not take exactly (event, ctx)"]] * 2 + [[]]


def test_a_sound_handler_has_no_defects() -> None:
    """As the decorator makes it."""

    @handler("h", on=(MessageCreated, Timer), timeout="5s")
    async def h(event: Event[MessageCreated | Timer], ctx: Context) -> None: ...

    assert list(defects(h)) == []


def test_a_handler_that_sets_timers_is_given_them() -> None:
    """Otherwise each of its events would die of the first `ctx.schedule`."""

    async def asks(event: Event[Data], context: Context) -> None:
        if event.key:
            await context.schedule("ask", after="1h")

    told = "it calls ctx.schedule, and on= has no Timer: add Timer to on=, and to the event's annotation"
    assert list(defects(made(run=asks))) == [told]
    assert list(defects(made(run=asks, on=(MessageCreated, Timer)))) == []


class Config(BaseModel):
    text: str = ""


class Other(BaseModel): ...


async def text_event(event: Event[str], ctx: Context) -> None: ...  # type: ignore[type-var]  # what it is about


async def bare_data(event: MessageCreated, ctx: Context) -> None: ...


async def wide(event: Event[Data], ctx: Context) -> None: ...


async def both(event: Event[MessageCreated | Timer], ctx: Context) -> None: ...


async def quoted(event: "Event[MessageCreated]", ctx: "Context") -> None: ...


async def unreadable(event: "Event[Nowhere]", ctx: Context) -> None: ...  # type: ignore[name-defined]  # what it is about # noqa: F821


async def bare(event, ctx) -> None: ...  # type: ignore[no-untyped-def]  # what it is about # noqa: ANN001


async def configured(event: Event[MessageCreated], ctx: Context[Config]) -> None: ...


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"run": text_event},
            "the annotation Event[str] names no event type: write `event: Event[MessageCreated]`",
        ),
        (
            {"run": bare_data},
            (
                "its first argument is annotated MessageCreated and is given an Event: "
                "write `event: Event[MessageCreated]`"
            ),
        ),
        (
            {"on": (MessageCreated, Timer)},
            (
                "on= has Timer, the annotation Event[MessageCreated] has not: "
                "write `event: Event[MessageCreated | Timer]`, or change on="
            ),
        ),
        (
            {"run": configured, "config": Other},
            (
                "the annotation says `ctx: Context[Config]`, and config= is Other: "
                "write @handler(…, config=Config), or annotate what it is given"
            ),
        ),
        ({"run": configured, "config": Config}, None),
        ({"run": wide}, None),
        ({"run": both}, None),
        ({"run": quoted}, None),
        ({"run": unreadable}, None),
        ({"run": bare}, None),
    ],
)
def test_annotations_say_what_on_says(changes: dict[str, Any], why: str | None) -> None:
    """A handler that expects another event than it is given would fail at each; wider ones are fine."""
    assert list(defects(made(**changes))) == ([] if why is None else [why])


def test_a_plugin_that_is_to_be_skipped_is_not_imported(folder: Path) -> None:
    """It is a problem with the reason that was found elsewhere."""
    broken = put(folder, "broken.py", "raise RuntimeError('imported')")
    imported: list[str] = []
    fine = put(folder, "fine.py", PLUGIN.format(name="fine"))
    registry = load([folder], entry_points=[], skip={str(broken): "it never ends"}, on_import=imported.append)
    assert (problems(registry), imported) == (f"{broken}: it never ends", [str(fine)])
