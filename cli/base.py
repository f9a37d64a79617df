"""What every command shares: where things are, and the configuration, read once."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import typer

from cli.errors import Misconfigured
from cli.places import Places

if TYPE_CHECKING:
    from cli.settings import Settings

Format: TypeAlias = Literal["auto", "pretty", "json"]
"""How a line of the log is written; `auto`: pretty on a terminal."""


@dataclass(frozen=True)
class Installation:
    """One configuration and its data folder."""

    places: Places
    log_format: Format
    log_level: int = logging.WARNING
    # Settings to use instead of those of the file: `dev` sends all accounts to the simulator.
    given: "Settings | None" = None

    @cached_property
    def settings(self) -> "Settings":
        """The validated configuration; the built-in demo without a file.

        Raises:
            Misconfigured: it cannot work; the text says what to change.
        """
        from cli.dev_settings import as_dev  # noqa: PLC0415 - `--help` and `--version` need no pydantic
        from cli.settings import load  # noqa: PLC0415 - as above

        if self.given is not None:
            return self.given
        found = load(self.places)
        return found if self.places.dev is None else as_dev(found, self.places, self.places.dev)

    @property
    def base(self) -> Path:
        """The folder that relative paths of the configuration count from."""
        return self.places.config.parent if self.places.config else Path.cwd()

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.places.data

    def make_data(self) -> None:
        """Make the data folder, if it is not there.

        Raises:
            Misconfigured: it cannot be made, or is no folder.
        """
        try:
            self.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(
                f"the data folder {self.data} cannot be made: {error.strerror}. Name another with --data"
            ) from error


def installation(context: typer.Context) -> Installation:
    """The installation of the command that is running."""
    return cast("Installation", context.obj)
