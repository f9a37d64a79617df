"""`hookline schemas export`: the published contract as files."""

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import CommandFailed
from schemas.export import write

app = typer.Typer(no_args_is_help=True, help="The published contract.")


@app.callback()
def group() -> None:
    """The published contract."""


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where to write; files of types that are no more are removed.")] = Path(
        "hookline-schemas"
    ),
) -> int:
    """Write the JSON Schema (2020-12) of each event type."""
    try:
        files = write(folder)
    except OSError as error:
        raise CommandFailed(f"{folder} cannot be written: {error.strerror}. Name another folder") from error
    typer.echo(f"wrote {len(files)} schemas to {folder}")
    return 0
