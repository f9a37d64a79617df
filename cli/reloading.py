"""Loads plugins anew while `hookline dev` runs: the old entry drains, the new one goes on at its position.

Whoever uses it sets `sys.dont_write_bytecode`: a second version within a second would be taken for the first.

The entries of the files that changed are made anew, and all entries of the folders when another file may import what
changed. A file that cannot be loaded leaves its old version running.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cli.base import Installation
from cli.following import shown
from cli.output import printable
from cli.plugins import Plugins, folders_of, loaded
from dispatcher.dispatcher import Dispatcher
from dispatcher.settings import Entry

# Seconds between looks at the folders, and for attempts of an entry to end.
_EVERY = 0.5
_DRAIN = timedelta(seconds=5)

Files = Mapping[Path, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class FromFile:
    """An entry, and the file or package of a plugin folder that has its handler."""

    entry: Entry
    file: Path


@dataclass(slots=True, kw_only=True)
class Reloading:
    """Watches the plugin folders for a dispatcher."""

    here: Installation
    dispatcher: Dispatcher
    # As they were loaded at first.
    plugins: Plugins
    # Tells a person.
    say: Callable[[str], None]
    # Whether an entry is one of those to run.
    runs: Callable[[str], bool]
    _seen: Files = field(default_factory=dict)
    _running: Mapping[str, FromFile] = field(init=False)

    def __post_init__(self) -> None:
        self._running = of_folders(self.plugins)
        self._seen = files_in(folders_of(self.here))

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(_EVERY)
            await self.look()

    async def look(self) -> None:
        """Load anew what has changed since the last look, if anything has."""
        if (now := files_in(folders_of(self.here))) != self._seen:
            before, self._seen = self._seen, now
            await self._reload(before, now)

    async def _reload(self, was: Files, now: Files) -> None:
        found = loaded(self.here)
        for account in found.accounts.values():
            await account.aclose()
        before, after = self._running, of_folders(found)
        broken = unloaded(before, found)
        touched = concerned({**before, **after}, [path for path, _ in was.items() ^ now.items()], now)
        fine = filter(self.runs, after.keys() - broken)
        began = sorted(name for name in fine if name in touched or name not in before)
        ending = [name for name in filter(self.runs, before) if name not in after and name not in broken]
        await self.dispatcher.replace(ending, [after[name].entry for name in began], _DRAIN)
        self._running = {**after, **{name: before[name] for name in broken}}
        told = [f"{', '.join(began)} run{'s' * (len(began) == 1)} anew"] if began else []
        told += [f"{', '.join(sorted(ending))} ended"] if ending else []
        self.say(f"{printable(', '.join(changes(was, now)))}: {'; '.join(told) or 'nothing else to run'}")
        for problem in found.problems:
            self.say(f"  broken     {printable(problem)}")
        if kept := sorted(filter(self.runs, broken)):
            self.say(f"  the version before runs on: {', '.join(kept)}")


def files_in(folders: Sequence[Path]) -> Files:
    """Every Python file of the folders but tests, with what changes when it is written."""
    found = (path for folder in folders for path in folder.rglob("*.py"))
    return dict(_stamped(path for path in found if not path.name.startswith("test_") and path.name != "conftest.py"))


def _stamped(paths: Iterator[Path]) -> Iterator[tuple[Path, tuple[int, int]]]:
    for path in paths:
        try:
            found = path.stat()
        except OSError:  # it went away just now
            continue
        yield path, (found.st_mtime_ns, found.st_size)


def changes(before: Files, now: Files) -> list[str]:
    """What happened to which file, in words."""
    words = [(path, "changed" if path in before else "is new") for path in now if before.get(path) != now[path]]
    words += [(path, "is gone") for path in before if path not in now]
    return [f"{shown(path)} {word}" for path, word in sorted(words)]


def concerned(entries: Mapping[str, FromFile], changed: Collection[Path], files: Collection[Path]) -> Collection[str]:
    """The entries whose own files changed; all, when what changed is no entry's or its name stands in another file."""
    homes = {one.file for one in entries.values() if any(path.is_relative_to(one.file) for path in changed)}
    others = [(home, file) for home in homes for file in files if not file.is_relative_to(home)]
    shared = any(not any(path.is_relative_to(home) for home in homes) for path in changed)
    if shared or any(_names(file, home.stem) for home, file in others):
        return entries.keys()
    return [name for name, one in entries.items() if one.file in homes]


def _names(file: Path, module: str) -> bool:
    """Whether a file may import a module."""
    try:
        return re.search(rf"\b{re.escape(module)}\b", file.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:
        return True


def of_folders(plugins: Plugins) -> dict[str, FromFile]:
    """The entries whose handlers are files of the plugin folders."""
    entries = [(one, plugins.registry.handlers[one.handler.name]) for one in plugins.plan.entries]
    return {one.name: FromFile(one, Path(kept.origin)) for one, kept in entries if Path(kept.origin).is_absolute()}


def unloaded(before: Mapping[str, FromFile], found: Plugins) -> set[str]:
    """The entries that ran and whose file is there, but is broken, or imports what is, or does not fit its section."""
    fine = {one.origin for one in found.registry.handlers.values()}
    unfit = {problem.entry for problem in found.plan.problems}
    lost = {name for name, one in before.items() if one.file.exists() and str(one.file) not in fine}
    return (lost if found.registry.problems else set()) | (
        unfit & {n for n, one in before.items() if one.file.exists()}
    )
