"""`hookline migrate`: the state store's tables, and what was in another store."""

import asyncio
from typing import Annotated

import typer

from cli import process
from cli.base import Installation, installation
from cli.errors import Misconfigured
from cli.idle import require_no_roles
from cli.new_store import LOST, taken_over
from cli.output import stdout
from cli.wiring import store_errors_explained, store_url
from store.addresses import address
from store.copying import copy
from store.migrations import migrate as apply_steps
from store.migrations import pending


def migrate(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Only tell; ends with 1 when something is to do.")] = False,
    new_store: Annotated[
        bool,
        typer.Option("--new-store", help="The former store is lost: go on with this one. Tells what that loses."),
    ] = False,
    copy_from: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Copy all that another store holds into this one, which must be empty."),
    ] = None,
) -> int:
    """Bring the state store's tables up to date."""
    if check + new_store + (copy_from is not None) > 1:
        raise Misconfigured(
            "--check only looks, --new-store changes the handlers' positions, --copy-from fills the store: give one"
        )
    here = installation(context)
    if copy_from is not None:
        return process.run(lambda _stopping: _copy(here, copy_from))
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


async def _copy(here: Installation, source: str) -> int:
    require_no_roles(here)
    here.make_data()
    with store_errors_explained():
        # Ended by a signal it is undone whole.
        counts = await copy(source, store_url(here))
        shown = address(source).shown
    for table, count in counts.items():
        if count:
            stdout().print(f"{table}: {count}")
    stdout().print(f"{sum(counts.values())} rows were copied; {shown} is used no more, and may be kept as a backup")
    return 0


async def _go_on(here: Installation) -> None:
    taken = {entry: count for entry, count in (await taken_over(here)).items() if count}
    for entry, count in taken.items():
        stdout().print(f"{entry} goes on with this store, in {count} partition(s)")
    stdout().print(LOST if taken else "no handler's positions belong to another store: nothing was changed")
