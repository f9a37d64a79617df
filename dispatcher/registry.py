"""Finds handlers: those installed packages announce as entry points, and those in plugin folders.

Nothing is registered by importing: a registry is a value, made by `load`. A plugin that cannot be loaded is a problem
in that value and hides no other.
"""

import importlib
import importlib.metadata
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, TypeAlias

from pydantic import BaseModel

from dispatcher.annotations import mismatches
from dispatcher.attempt import TriedToExit, strangers_module
from dispatcher.errors import PluginBroken, describe
from dispatcher.needs import sets_timers
from dispatcher.twins import twins
from handlers.api import RESERVED, Handler
from schemas.events import CANONICAL, Timer

GROUP = "hookline.handlers"
"""The entry point group of handlers."""
FOLDER_PACKAGE = "hookline_plugins"
"""The package under which files of plugin folders are imported."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""What a handler or entry may be called."""

AnyHandler: TypeAlias = Handler[Any, Any]
_GIVEN = (*CANONICAL, Timer)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A handler and where it came from."""

    handler: AnyHandler
    # `handlers.sync_contact:sync_contact`, or a file.
    origin: str
    # The installed distribution whose entry point it is; empty for a file.
    distribution: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """The handlers that can be used, by name, and what could not be loaded."""

    handlers: Mapping[str, Loaded]
    problems: tuple[PluginBroken, ...] = ()


def _nobody(_where: str) -> None:
    """Is not told."""


@dataclass(slots=True)
class _Shelf:
    """A registry being filled."""

    # Plugins that must not be imported → why.
    skip: Mapping[str, str]
    # Called with each plugin before it is imported.
    on_import: Callable[[str], None]

    handlers: dict[str, Loaded] = field(default_factory=dict)
    problems: list[PluginBroken] = field(default_factory=list)

    def put(self, handler: AnyHandler, origin: str, distribution: str = "") -> None:
        if faults := tuple(defects(handler)):
            self.problems += [PluginBroken(origin, fault) for fault in faults]
            return
        taken = self.handlers.setdefault(handler.name, Loaded(handler, origin, distribution))
        if taken.handler is not handler:
            why = f"the handler name {handler.name!r} is taken by {taken.origin}: choose another"
            self.problems.append(PluginBroken(origin, why, shadowed=handler.name))


def load(
    folders: Sequence[Path] = (),
    *,
    entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
    skip: Mapping[str, str] = MappingProxyType({}),
    on_import: Callable[[str], None] = _nobody,
) -> Registry:
    """Import every plugin and collect its handlers.

    Args:
        folders: `[handlers] path`, absolute.
        entry_points: by default those of the installed packages.
        skip: plugins (an entry point's value, a file) that are not to be imported, and why.
        on_import: is called with each plugin before it is imported.
    """
    shelf = _Shelf(skip, on_import)
    points = importlib.metadata.entry_points(group=GROUP) if entry_points is None else entry_points
    for point in sorted(points, key=lambda point: (point.value, point.name)):
        _load_point(point, shelf)
    _load_folders(folders, shelf)
    return Registry(MappingProxyType(shelf.handlers), tuple(shelf.problems))


def load_plugin(path: Path) -> ModuleType:
    """Import one file of a plugin folder as a role does, for its tests: under no other name than there.

    Raises:
        PluginBroken: it cannot be imported, or a handler in it cannot be used.
    """
    shelf = _Shelf({}, _nobody)
    _open_package([path.absolute().parent])
    _load_file(path.absolute(), shelf)
    for problem in shelf.problems:
        raise problem
    return sys.modules[f"{FOLDER_PACKAGE}.{path.stem}"]


def defects(handler: AnyHandler) -> Iterator[str]:
    """What is wrong with a handler, each as a sentence; nothing if it can be used."""
    if not NAME.fullmatch(str(handler.name)):
        yield f"the handler name {handler.name!r} does not match {NAME.pattern}"
    for event_type in handler.on:
        if not any(event_type is given for given in _GIVEN):
            said = getattr(event_type, "__name__", repr(event_type))
            yield f"on={said} is no event type: name classes such as MessageCreated, all from hookline"
    if all(event_type is Timer for event_type in handler.on):
        yield "on= names no event but Timer: nothing could ever set its timers"
    yield from _defects_of_function(handler)
    if not (inspect.isclass(config := _anything(handler.config)) and issubclass(config, BaseModel)):
        yield "config= is not a pydantic model class"
    elif reserved := sorted(_field_names(handler.config) & RESERVED):
        yield f"config fields {', '.join(reserved)} are settings of hookline itself: rename them"
    if handler.timeout is not None and handler.timeout.total_seconds() <= 0:
        yield "timeout= must be longer than nothing"


def _defects_of_function(handler: AnyHandler) -> Iterator[str]:
    if not inspect.iscoroutinefunction(handler.run):
        yield "the handler is not an `async def` function"
    elif not _takes_two(handler.run):
        yield "the handler does not take exactly (event, ctx)"
    elif all(inspect.isclass(each) for each in handler.on) and inspect.isclass(handler.config):
        yield from mismatches(handler)
    if Timer not in handler.on and sets_timers(handler.run):
        yield "it calls ctx.schedule, and on= has no Timer: add Timer to on=, and to the event's annotation"


def has_strangers(folders: Sequence[Path]) -> bool:
    """Whether `load` would import anything that did not come with hookline."""
    points = importlib.metadata.entry_points(group=GROUP)
    files = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    return any(point.module.partition(".")[0] != "handlers" for point in points) or any(map(_is_plugin, files))


def _load_point(point: importlib.metadata.EntryPoint, shelf: _Shelf) -> None:
    found = _guarded(point.load, point.value, shelf)
    if found is None:
        return
    if not isinstance(found, Handler):
        why = f"entry point {point.name!r} is no handler: it must name a function decorated with @handler"
        shelf.problems.append(PluginBroken(point.value, why))
    elif found.name != point.name:
        why = f"the entry point is called {point.name!r}, its handler {found.name!r}: give both one name"
        shelf.problems.append(PluginBroken(point.value, why))
    else:
        shelf.put(found, point.value, point.dist.name if point.dist else "")


def _open_package(folders: Sequence[Path]) -> None:
    """Begin anew with the package of the plugin folders."""
    for name in [name for name in sys.modules if name.partition(".")[0] == FOLDER_PACKAGE]:
        del sys.modules[name]
    importlib.invalidate_caches()
    package = ModuleType(FOLDER_PACKAGE, "The files of the plugin folders.")
    package.__path__ = [str(folder) for folder in folders]
    sys.modules[FOLDER_PACKAGE] = package


def _load_folders(folders: Sequence[Path], shelf: _Shelf) -> None:
    _open_package(folders)
    seen: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            shelf.problems.append(PluginBroken(str(folder), "there is no such folder: mend [handlers] path"))
            continue
        for path in sorted(folder.iterdir()):
            if _is_odd(path):
                why = "it is no file that could be imported (a FIFO, a device, a link to nowhere, a folder): remove it"
                shelf.problems.append(PluginBroken(str(path), why))
            if not _is_plugin(path):
                continue
            if (other := seen.setdefault(path.stem, path)) is not path:
                shelf.problems.append(
                    PluginBroken(str(path), f"{other} has the same name: rename one of them", shadowed=path.stem)
                )
                continue
            _load_file(path, shelf)


def _load_file(path: Path, shelf: _Shelf) -> None:
    shelf.problems += [PluginBroken(str(path), fault) for fault in twins(path)]
    module = _guarded(lambda: importlib.import_module(f"{FOLDER_PACKAGE}.{path.stem}"), str(path), shelf)
    if module is None:
        return
    for value in {id(value): value for value in vars(module).values() if isinstance(value, Handler)}.values():
        made_in = getattr(value.run, "__module__", module.__name__)
        # what a plugin only imported belongs to the module that made it
        if made_in == module.__name__ or made_in.startswith(f"{module.__name__}."):
            shelf.put(value, str(path))


def _guarded(call: Callable[[], Any], where: str, shelf: _Shelf) -> Any:
    if where in shelf.skip:
        shelf.problems.append(PluginBroken(where, shelf.skip[where]))
        return None
    shelf.on_import(where)
    with strangers_module() as caught:
        return call()
    if caught.error is not None:
        shelf.problems.append(_broken(where, caught.error))
    return None


def _broken(where: str, error: Exception) -> PluginBroken:
    # the text of an import error is about code, not about events: it is what the author needs
    match error:
        case SyntaxError():
            why = f"{type(error).__name__}: {error.msg}: {(error.text or '').strip()}"
            problem = PluginBroken(f"{error.filename or where}:{error.lineno}", why)
        case TriedToExit():
            problem = PluginBroken(where, f"it ends the process when it is imported: {error}")
        case _:
            place = _place(where, error) or describe(error)
            problem = PluginBroken(where, f"importing it raised {type(error).__name__}: {error} ({place})")
    problem.__cause__ = error
    return problem


def _place(where: str, error: Exception) -> str:
    """The line of the plugin's own file that the error came through; empty when it came through none."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(where)]
    return f"{Path(lines[-1].filename).name}:{lines[-1].lineno}" if lines else ""


def _is_meant(path: Path) -> bool:
    return not path.name.startswith(("_", ".", "test_")) and path.name != "conftest.py"


def _is_odd(path: Path) -> bool:
    """Whether a file is called as a plugin, and can be none: to wait for a FIFO would take for ever."""
    return _is_meant(path) and path.suffix == ".py" and not path.is_file()


def _is_plugin(path: Path) -> bool:
    if not _is_meant(path):
        return False
    return path.suffix == ".py" if path.is_file() else (path / "__init__.py").is_file()


def _anything(value: Any) -> Any:
    """A value whose declared type is a promise that a plugin may have broken."""
    return value


def _takes_two(run: Callable[..., Any]) -> bool:
    try:
        inspect.signature(run).bind(object(), object())
    except TypeError:
        return False
    return True


def _field_names(model: type[BaseModel]) -> set[str]:
    fields = model.model_fields
    return {*fields, *(field.alias for field in fields.values() if field.alias is not None)}
