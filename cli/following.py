"""Commands about what runs here find a running `hookline dev` without being told."""

import sys
from pathlib import Path

from cli.addresses import running
from cli.places import Dev, Places


def followed(places: Places) -> Places:
    """The installation that is meant: that of the configuration, or that of the `dev` that runs here."""
    there = next((one for one in running(places.root / "dev") if one.role == "dev"), None)
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


def shown(path: Path) -> str:
    """A path for people: relative to the current folder if it is in it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
