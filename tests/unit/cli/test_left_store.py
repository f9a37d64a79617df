"""A store that stays behind in the data folder is told of, and can be taken along."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from cli.base import Installation
from cli.left_store import left_store
from cli.places import Places
from tests.contract.stores import NOW, opened, person

OTHER = '[store]\nurl = "sqlite:///other.db"\n'


def here(folder: Path, text: str) -> Installation:
    file = folder / "hookline.toml"
    file.write_text(text, encoding="utf-8")
    return Installation(Places(config=file, data=folder / ".hookline", environ={}), "auto")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A data folder whose store knows somebody."""

    async def keep() -> None:
        async with opened(f"sqlite:///{tmp_path}/.hookline/state.db") as store:
            await store.contacts.save(person("ann"), at=NOW, now=NOW, name="Ann")

    (tmp_path / ".hookline").mkdir()
    asyncio.run(keep())
    return tmp_path


def test_what_stays_behind_is_told_with_what_to_do(kept: Path) -> None:
    """The tables, and the command; also where the other store does not answer."""
    for text in (OTHER, '[store]\nurl = "postgresql://nobody@127.0.0.1:1/none"\n'):
        found = left_store(here(kept, text))
        assert found is not None
        assert (found.state, "state.db holds contacts, identities;" in found.detail) == ("degraded", True)
        assert f"`hookline migrate --copy-from sqlite:///{kept}/.hookline/state.db`" in found.detail


@pytest.mark.parametrize("text", ["", '[store]\nurl = "sqlite:///.hookline/state.db"\n'])
def test_the_configured_store_stays_nowhere(kept: Path, text: str) -> None:
    """Whether it is named or the default."""
    assert left_store(here(kept, text)) is None


@pytest.mark.parametrize("content", [None, b"", b"no database at all" * 100])
def test_a_file_that_holds_nothing_is_no_store(tmp_path: Path, content: bytes | None) -> None:
    """Nor one that is not there, which is not made."""
    folder = tmp_path / ".hookline"
    folder.mkdir()
    if content is not None:
        (folder / "state.db").write_bytes(content)
    assert left_store(here(tmp_path, OTHER)) is None
    assert (folder / "state.db").exists() is (content is not None)


def migrated(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hookline", "--config", "hookline.toml", "migrate", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_what_was_copied_is_told_no_more(kept: Path) -> None:
    """The command says what went along, and refuses to do it again."""
    installation = here(kept, OTHER)
    first, again = (migrated(kept, "--copy-from", "sqlite:///.hookline/state.db") for _ in range(2))
    assert (first.returncode, first.stdout.splitlines()[:2]) == (0, ["contacts: 1", "identities: 1"])
    assert left_store(installation) is None
    assert (again.returncode, "was copied to" in again.stderr) == (2, True)
