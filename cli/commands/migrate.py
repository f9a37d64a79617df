"""`hookline migrate [--check]`: the state store's tables."""

import asyncio
from typing import Annotated

import typer

from cli import process
from cli.base import Installation, installation
from cli.output import stdout
from cli.wiring import store_errors_explained, store_url
from store.migrations import migrate as apply_steps
from store.migrations import pending


def migrate(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Only tell; ends with 1 when something is to do.")] = False,
) -> int:
    """Bring the state store's tables up to date."""
    here = installation(context)
    return process.run(lambda _stopping: _migrate(here, check=check))


async def _migrate(here: Installation, *, check: bool) -> int:
    here.make_data()
    url = store_url(here)
    with store_errors_explained():
        steps = await asyncio.shield(pending(url) if check else apply_steps(url))
    for step in steps:
        stdout().print(f"{'to do' if check else 'done'}: {step}")
    if not steps:
        stdout().print("the state store is up to date")
    return 1 if check and steps else 0
