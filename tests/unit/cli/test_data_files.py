"""Files of data that can be none, and one file under two names."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.data_files import problems
from cli.places import Places
from eventlog.open import EventLogSettings
from store.settings import StoreSettings


def told(folder: Path, eventlog: str | None = None, store: str | None = None, data: Path | None = None) -> list[str]:
    """The problems, each as `key: text`."""
    places = Places(config=folder / "hookline.toml", data=data or folder / ".hookline", environ={})
    url = None if store is None else SecretStr(store)
    found = problems(places, EventLogSettings(url=eventlog), StoreSettings(url=url))
    return [f"{'.'.join(key)}: {words}".replace(str(folder), "HERE") for key, words in found]


def test_the_files_of_the_data_folder_are_fine(tmp_path: Path) -> None:
    """Before it is made, and others that are not there yet."""
    assert told(tmp_path) == []
    assert told(tmp_path, "logs/events.db", "sqlite:///state.db") == []
    assert told(tmp_path, "kafka://b:9092", "postgresql://b/hookline") == []


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("/usr", "/usr cannot be a file of data: there is something else than a regular file. Name another file"),
        ("/dev/null", "there is something else than a regular file"),
        ("/proc/nonex/x/y.db", "/proc is no disk (proc)"),
        ("a" * 5_000, "File name too long"),
        ("a\0", "a\\x00 cannot be a file of data: there is a null byte in its name"),
        ("/etc/passwd/events.db", "/etc/passwd is no folder"),
    ],
)
def test_what_can_be_no_file_is_a_problem(tmp_path: Path, url: str, why: str) -> None:
    """Of the log and of the store alike; a long name is not repeated."""
    [of_log] = told(tmp_path, url)
    [of_store] = told(tmp_path, None, f"sqlite:///{url}")
    assert of_log.startswith("eventlog.url: ")
    assert of_store.startswith("store.url: ")
    assert why in of_log
    assert why in of_store
    assert len(of_log) < 300


def test_the_data_folder_must_be_one(tmp_path: Path) -> None:
    """A file stands there."""
    [found] = told(tmp_path, data=Path("/etc/passwd"))
    assert found.startswith(": the data folder /etc/passwd cannot be one: /etc/passwd is no folder. Name another with")


@pytest.mark.parametrize(
    ("eventlog", "store"),
    [
        ("one.db", "sqlite:///one.db"),
        ("one.db", "sqlite:///./x/../one.db"),
        ("link/one.db", "sqlite:///one.db"),
        (".hookline/state.db", None),
        (None, "sqlite:///.hookline/events.db"),
    ],
)
@pytest.mark.parametrize("there", [False, True])
def test_log_and_store_are_not_one_file(
    tmp_path: Path, eventlog: str | None, store: str | None, *, there: bool
) -> None:
    """In whatever spelling, whether it is there or not."""
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "x").mkdir()
    if there:
        (tmp_path / "one.db").touch()
    [found] = told(tmp_path, eventlog, store)
    assert found.startswith("store.url: ")
    assert found.endswith("is the event log's file as well: give each of [eventlog] and [store] its own")


@pytest.mark.parametrize(
    ("eventlog", "store", "key"),
    [(".hookline/dedupe.db", None, "eventlog.url"), (None, "sqlite:///.hookline/dedupe.db", "store.url")],
)
def test_nobody_else_has_the_dedupe_file(tmp_path: Path, eventlog: str | None, store: str | None, key: str) -> None:
    """The receiver throws it away when it is damaged, with all timers in it."""
    [found] = told(tmp_path, eventlog, store)
    assert found.startswith(f"{key}: HERE/.hookline/dedupe.db is the receiver's own file, which it begins anew")
