"""`hookline schemas export`: the JSON Schemas of the events."""

import typer

app = typer.Typer(no_args_is_help=True, help="The published contract.")
