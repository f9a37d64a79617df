"""Running roles leave their addresses in the data folder, where `send` and the other commands find them."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError


class Address(BaseModel):
    """Where a running role can be reached."""

    model_config = ConfigDict(frozen=True)

    role: str
    pid: int
    receiver: str | None = None
    admin: str | None = None
    simulator: str | None = None
    # The event log and the store, without a password in them; None: files in the data folder.
    eventlog: str | None = None
    store: str | None = None


@contextmanager
def announced(data: Path, address: Address) -> Iterator[None]:
    """Leave an address for as long as the role runs."""
    folder = data / "roles"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{address.role}-{address.pid}.json"
    draft = file.with_suffix(".draft")
    try:
        draft.write_text(address.model_dump_json(), encoding="utf-8")
    except OSError:
        # Full, most likely; what there was room for is of no use.
        draft.unlink(missing_ok=True)
        raise
    draft.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def running(data: Path) -> list[Address]:
    """The roles that run now; what a killed one left behind is removed."""
    found = _announced(data)
    for file in (file for file, address in found.items() if address is None):
        file.unlink(missing_ok=True)
    return [address for address in found.values() if address is not None]


def alive(data: Path) -> list[Address]:
    """The roles that run now; what a killed one left behind stays, for `doctor` to tell."""
    return [address for address in _announced(data).values() if address is not None]


def _announced(data: Path) -> dict[Path, Address | None]:
    """The files of the roles; None where no role runs any more."""
    found: dict[Path, Address | None] = {}
    for file in sorted((data / "roles").glob("*.json")):
        try:
            address = Address.model_validate(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError):
            found[file] = None
        else:
            found[file] = address if _alive(address.pid) else None
    return found


def receiver_url(data: Path) -> str | None:
    """The address of a running receiver."""
    return next((address.receiver for address in running(data) if address.receiver), None)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
