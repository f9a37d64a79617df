"""How to call hookline again from another terminal: the program, and where this installation is."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from cli.places import Places


def again(places: Places) -> tuple[str, ...]:
    """The words that stand before a command to call it on this installation, from the same folder.

    What was found without being named is left out, so that the usual call is just `hookline`.
    """
    return (*program(sys.argv[0]), *options(places, Path.cwd()))


def program(called: str) -> tuple[str, ...]:
    """The words that start hookline.

    Args:
        called: how this process was started, the first word of its command line.
    """
    here = Path.cwd()
    if Path(called).name == "__main__.py":
        return (sys.executable, "-m", "hookline")
    found = shutil.which("hookline")
    if found is not None and Path(found).resolve() == Path(called).resolve():
        return ("hookline",)
    # From the same folder, as it was typed or shorter.
    return (str(Path(called).relative_to(here)) if Path(called).is_relative_to(here) else called,)


def pasted(text: str, called: str) -> str:
    """A text whose commands, `hookline …` in backticks, can be pasted where hookline is not on the PATH."""
    return text.replace("`hookline ", f"`{shlex.join(program(called))} ")


def starting(places: Places, *roles: str) -> str:
    """The commands that start a role, any of them, for a sentence; the demo has one for all."""
    return ", or ".join(f"`hookline {one}`" for one in (roles if places.dev is None else ("dev",)))


def options(places: Places, here: Path) -> tuple[str, ...]:
    """The options that name what another process would not find by itself in a folder."""
    named: list[str] = []
    if places.config is not None and places.config != here / "hookline.toml":
        named += ["--config", str(places.config)]
    if places.root != here / ".hookline":
        named += ["--data", str(places.root)]
    return tuple(named)


def decision(words: Sequence[str], verb: str, event_id: str, entry: str, *options: str) -> str:
    """The line that decides on a dead letter (`replay`, `discard`), as a shell takes it."""
    # An id that begins like an option stands behind the options.
    said = ("--handler", entry, *options)
    what = (event_id, *said) if not event_id.startswith("-") else (*said, "--", event_id)
    return shlex.join([*words, "dead", verb, *what])
