"""Where the configuration and the data are: options, then the environment, then the current folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one installation."""

    # None: there is no configuration file, and commands mean the built-in demo.
    config: Path | None
    data: Path
    environ: Mapping[str, str]


def find(config: Path | None, data: Path | None, environ: Mapping[str, str], here: Path) -> Places:
    """Find the configuration file and the data folder; nothing is created.

    Raises:
        Misconfigured: a file that was named does not exist.
    """
    named = config or _named(environ, "HOOKLINE_CONFIG")
    if named is not None and not named.is_file():
        raise Misconfigured(f"there is no configuration file {named}. Check --config and HOOKLINE_CONFIG")
    default = here / "hookline.toml"
    file = named or (default if default.is_file() else None)
    folder = data or _named(environ, "HOOKLINE_DATA") or here / ".hookline"
    return Places(config=file.absolute() if file else None, data=folder.absolute(), environ=environ)


def _named(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return Path(value) if value else None
