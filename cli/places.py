"""Where the configuration and the data are: options, then the environment, then the current folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import Misconfigured

if TYPE_CHECKING:
    from cli.addresses import Address


@dataclass(frozen=True, slots=True)
class Dev:
    """That `hookline dev` is meant, which has a data folder of its own, and what it takes from the configuration."""

    # Whether the event log and the store are those of the configuration file.
    configured: bool = False
    # The one that runs, for other commands; what it uses counts, wherever it has it from.
    running: "Address | None" = None


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one installation."""

    # None: there is no configuration file, and commands mean the built-in demo.
    config: Path | None
    data: Path
    environ: Mapping[str, str]
    # None: what stands in the configuration is meant, as it stands.
    dev: Dev | None = None

    @property
    def root(self) -> Path:
        """The data folder as a user names it: that of `dev` is a folder in it."""
        return self.data.parent if self.dev else self.data

    def of_dev(self, dev: Dev) -> "Places":
        """The same installation as `hookline dev` runs it."""
        return Places(config=self.config, data=self.root / "dev", environ=self.environ, dev=dev)


def find(config: Path | None, data: Path | None, environ: Mapping[str, str], here: Path) -> Places:
    """Find the configuration file and the data folder; nothing is created.

    Without a configuration file they are those of `hookline dev`, the built-in demo.

    Raises:
        Misconfigured: a file that was named does not exist.
    """
    named = config or _named(environ, "HOOKLINE_CONFIG")
    if named is not None and not named.is_file():
        raise Misconfigured(f"there is no configuration file {named}. Check --config and HOOKLINE_CONFIG")
    default = here / "hookline.toml"
    file = named or (default if default.is_file() else None)
    folder = data or _named(environ, "HOOKLINE_DATA") or here / ".hookline"
    found = Places(config=file.absolute() if file else None, data=folder.absolute(), environ=environ)
    return found if file else found.of_dev(Dev())


def _named(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return Path(value) if value else None
