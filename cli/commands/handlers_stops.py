"""`hookline handlers pause` and `resume`: a row in the store, which every worker of the entry obeys within a second."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import process
from cli.base import Installation, installation
from cli.entry_states import told
from cli.errors import Misconfigured
from cli.explain import suggestion
from cli.output import printable, stdout
from cli.plugins import loaded
from cli.whoami import me
from cli.wiring import opened_store, store_errors_explained
from store.stops import Stop

Name = Annotated[str, typer.Argument(metavar="NAME", help="The entry, as `handlers list` shows it.")]
# Characters of a reason: it stands in logs and lists.
LONGEST = 500


def pause(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever finds it paused.")] = "",
) -> int:
    """Have an entry stand still: what runs ends, nothing more is begun or read, timers and position are kept.

    It holds on every machine and over restarts, until `handlers resume`.
    """
    here = installation(context)
    if len(reason) > LONGEST:
        raise Misconfigured(f"--reason has {len(reason)} characters: at most {LONGEST} are kept")

    async def paused() -> int:
        _require_known(here, name, ())
        wanted = Stop(handler=name, reason="paused", detail=reason, by=me(), at=datetime.now(UTC))
        async with opened_store(here) as store:
            with store_errors_explained():
                stop = await store.stops.stop(wanted)
        if stop.at == wanted.at and stop.by == wanted.by:
            stdout().print(f"{name} is paused: workers that run begin nothing more of it within a second")
        else:
            stdout().print(printable(f"{name} is {told(stop)}. Nothing was changed"))
        return 0

    return process.run(lambda _stopping: paused())


def resume(context: typer.Context, name: Name) -> int:
    """Let an entry go on where it was: one that was paused, or stopped because too many of its events died."""
    here = installation(context)

    async def resumed() -> int:
        async with opened_store(here) as store:
            with store_errors_explained():
                stop = await store.stops.resume(name)
                if stop is None:
                    _require_known(here, name, await store.stops.all())
        if stop is None:
            stdout().print(f"{name} was not paused")
        else:
            stdout().print(f"{name} goes on: workers that run begin with it within a second")
        return 0

    return process.run(lambda _stopping: resumed())


def _require_known(here: Installation, name: str, also: Collection[str]) -> None:
    plan = loaded(here).plan
    known = {*(entry.name for entry in plan.entries), *plan.disabled, *plan.unconfigured, *also}
    known |= {problem.entry for problem in plan.problems}
    if name not in known:
        raise Misconfigured(f"there is no entry {name}{suggestion(name, sorted(known))}")
