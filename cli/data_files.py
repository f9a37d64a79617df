"""Whether the files that hold the data can be files at all, and are not one and the same. Nothing is opened or made."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from cli.places import Places
from eventlog.open import EventLogSettings, sqlite_path
from eventlog.sqlite_files import filesystem
from store.addresses import SqliteAddress, address
from store.settings import StoreSettings

Key = tuple[str, ...]

# What the kernel shows as files and keeps nowhere.
_NO_DISK = frozenset({"proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "securityfs", "debugfs"})
_EVENTS, _STATE = ("eventlog", "url"), ("store", "url")
NAMES: Mapping[Key, str] = MappingProxyType({_EVENTS: "events", _STATE: "state"})
"""What the files are called if not set, in the order in which they are copied."""


def problems(places: Places, eventlog: EventLogSettings, store: StoreSettings) -> Iterator[tuple[Key, str]]:
    """What is wrong with the data folder, the event log's file and the store's, each with its key."""
    if (why := _unusable(places.data / "x")) is not None:
        # No key: it is an option or a variable of its own.
        yield (), f"the data folder {places.data} cannot be one: {why}. Name another with --data or HOOKLINE_DATA"
        return
    kept = files(places, eventlog, store)
    sound: dict[Key, Path] = {}
    for key in (_EVENTS, _STATE):
        if (path := kept.get(key)) is None:
            continue
        if (why := _unusable(path)) is not None:
            yield key, f"{_shown(path)} cannot be a file of data: {why}. Name another file"
        else:
            sound[key] = path
    dedupe = places.data / "dedupe.db"
    if _STATE in sound and _same(sound[_STATE], dedupe):
        yield _STATE, f"{dedupe} is the receiver's own file, which it begins anew when it is damaged: name another"
    if _EVENTS in sound and _STATE in kept and _same(sound[_EVENTS], dedupe):
        yield _EVENTS, f"{dedupe} is the receiver's own file, which it begins anew when it is damaged: name another"
    if len(sound) == 2 and _same(sound[_EVENTS], sound[_STATE]):  # noqa: PLR2004 - both of them
        yield _STATE, f"{sound[_STATE]} is the event log's file as well: give each of [eventlog] and [store] its own"


def files(places: Places, eventlog: EventLogSettings, store: StoreSettings) -> Mapping[Key, Path]:
    """The files of the event log and the store, by their keys; none where they are servers."""
    base = places.config.parent if places.config else Path.cwd()
    found: dict[Key, Path] = {}
    if eventlog.url is None:
        found[_EVENTS] = places.data / "events.db"
    elif not eventlog.url.startswith("kafka://"):
        found[_EVENTS] = base / sqlite_path(eventlog.url)
    if store.url is None:
        found[_STATE] = places.data / "state.db"
    elif isinstance(at := address(store.url.get_secret_value()), SqliteAddress):
        found[_STATE] = base / at.path
    return found


def _unusable(path: Path) -> str | None:
    """Why there can be no regular file at a path."""
    if "\0" in str(path):
        return "there is a null byte in its name"
    for place in (path, *path.parents):
        try:
            mode = place.stat().st_mode
        except FileNotFoundError:
            continue
        except NotADirectoryError:
            # Told of the file that stands where a folder should.
            continue
        except OSError as error:
            return str(error.strerror)
        if place == path:
            return None if stat.S_ISREG(mode) else "there is something else than a regular file"
        if not stat.S_ISDIR(mode):
            return f"{place} is no folder"
        kind = filesystem(place)
        return f"{place} is no disk ({kind})" if kind in _NO_DISK else None
    return None


def _same(one: Path, other: Path) -> bool:
    """Whether two names lead to one file, through links too, and also where it is not there yet."""
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def _shown(path: Path) -> str:
    text = repr(str(path))[1:-1]
    return text if len(text) <= 100 else f"{text[:100]}…"  # noqa: PLR2004 - of thousands that somebody put there
