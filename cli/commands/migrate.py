"""`hookline migrate [--check]`: the state store's tables."""

import asyncio
from typing import Annotated

import typer

from cli import process
from cli.base import Installation, installation
from cli.errors import Misconfigured
from cli.new_store import LOST, taken_over
from cli.output import stdout
from cli.wiring import store_errors_explained, store_url
from store.migrations import migrate as apply_steps
from store.migrations import pending


def migrate(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Only tell; ends with 1 when something is to do.")] = False,
    new_store: Annotated[
        bool,
        typer.Option("--new-store", help="The former store is lost: go on with this one. Tells what that loses."),
    ] = False,
) -> int:
    """Bring the state store's tables up to date."""
    if check and new_store:
        raise Misconfigured("--check only looks, --new-store changes the handlers' positions: give one of them")
    here = installation(context)
    return process.run(lambda _stopping: _migrate(here, check=check, new_store=new_store))


async def _migrate(here: Installation, *, check: bool, new_store: bool) -> int:
    here.make_data()
    url = store_url(here)
    with store_errors_explained():
        steps = await asyncio.shield(pending(url) if check else apply_steps(url))
    for step in steps:
        stdout().print(f"{'to do' if check else 'done'}: {step}")
    if not steps:
        stdout().print("the state store is up to date")
    if new_store:
        await _go_on(here)
    return 1 if check and steps else 0


async def _go_on(here: Installation) -> None:
    taken = {entry: count for entry, count in (await taken_over(here)).items() if count}
    for entry, count in taken.items():
        stdout().print(f"{entry} goes on with this store, in {count} partition(s)")
    stdout().print(LOST if taken else "no handler's positions belong to another store: nothing was changed")
