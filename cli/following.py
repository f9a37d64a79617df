"""Commands about what runs here find a running `hookline dev` without being told."""

import sys
from pathlib import Path

from cli.addresses import Address, running
from cli.places import Dev, Places


def followed(places: Places) -> Places:
    """The installation that is meant: that of the configuration, or that of the `dev` that runs here."""
    there = _dev(places)
    if there is None:
        return places
    others = () if places.dev else running(places.root)
    if not others:
        return places.of_dev(Dev(running=there))
    names = " and ".join(sorted({f"`hookline {one.role}`" for one in others}))
    sys.stderr.write(
        f"hookline: {names} is meant, not `hookline dev` (process {there.pid}), which runs here too: "
        "stop one of them to mean the other\n"
    )
    return places


def tell_of_dev(places: Places) -> None:
    """Say that what a command tells of the configuration is not about the `dev` that runs here."""
    if (there := _dev(places)) is not None:
        file, folder = places.config.name if places.config else "the configuration", shown(places.root / "dev")
        sys.stderr.write(
            f"hookline: this is about {file}. `hookline dev` (process {there.pid}) runs beside it, with what it has in "
            f"{folder}: `hookline handlers list` and `hookline tail` show that\n"
        )


def _dev(places: Places) -> Address | None:
    return next((one for one in running(places.root / "dev") if one.role == "dev"), None)


def shown(path: Path) -> str:
    """A path for people: relative to the current folder if it is in it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
