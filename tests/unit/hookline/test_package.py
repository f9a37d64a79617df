"""`import hookline`: light, whole, and refusing to start when a folder hides one of our packages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import hookline
import hookline.clients
import hookline.testing

ROOT = Path(hookline.__file__).parents[1]


def python(code: str, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run code in a folder, as a plugin author does."""
    return subprocess.run(
        [sys.executable, *flags, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def test_importing_hookline_is_light(tmp_path: Path) -> None:
    """No HTTP library, no Kafka client, no database."""
    heavy = ("aiohttp", "aiokafka", "sqlalchemy", "prometheus_client", "asyncpg")
    run = python(f"import sys, hookline; print([name for name in {heavy} if name in sys.modules])", tmp_path)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


@pytest.mark.parametrize("module", [hookline, hookline.clients, hookline.testing])
def test_all_is_complete(module: object) -> None:
    """Every public name is in `__all__`, sorted, and there."""
    names: list[str] = module.__all__  # type: ignore[attr-defined]  # each of them has one
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "").partition(".")[0] in {"clients", "dispatcher", "handlers", "schemas"}
    }
    assert public <= set(names)
    assert [name for name in names if not hasattr(module, name)] == []
    assert len(names) == len(set(names))


def test_a_folder_of_the_users_that_hides_ours_is_told(tmp_path: Path) -> None:
    """With its path and what to do, instead of a riddle later."""
    hiding = tmp_path / "clients"
    hiding.mkdir()
    (hiding / "__init__.py").touch()
    run = python("import hookline", tmp_path)
    assert run.returncode == 1
    assert f"{hiding / '__init__.py'} hides hookline's own package 'clients'. Rename" in run.stderr


def test_a_file_of_the_users_that_hides_ours_is_told(tmp_path: Path) -> None:
    """A module `store.py` as well."""
    (tmp_path / "store.py").touch()
    assert "hides hookline's own package 'store'" in python("import hookline", tmp_path).stderr


def test_python_can_be_told_not_to_look_there(tmp_path: Path) -> None:
    """As the message says."""
    (tmp_path / "store.py").touch()
    assert python("import hookline", tmp_path, "-P").returncode == 0


def test_a_folder_that_hides_nothing_is_fine(tmp_path: Path) -> None:
    """A folder without `__init__.py`, or under another name."""
    (tmp_path / "clients").mkdir()
    (tmp_path / "plugins").mkdir()
    assert python("import hookline", tmp_path).returncode == 0


def test_the_packages_it_guards_are_those_there_are() -> None:
    """A new package of ours is guarded too."""
    packages = {path.parent.name for path in ROOT.glob("*/py.typed")} - {"hookline"}
    assert set(hookline._PACKAGES) == packages


def test_python_m_hookline_is_the_command(tmp_path: Path) -> None:
    """From any folder."""
    run = subprocess.run(
        [sys.executable, "-m", "hookline", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert (run.returncode, run.stdout.split()[0]) == (0, "hookline")
