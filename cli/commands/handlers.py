"""`hookline handlers list`: which handlers there are, and which run."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli.base import installation
from cli.output import listing
from cli.plugins import Plugins, loaded
from schemas.events import Timer

app = typer.Typer(no_args_is_help=True, help="The handlers of this configuration.")


@app.callback()
def group() -> None:
    """The handlers of this configuration."""


@app.command("list")
def list_(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="A JSON line an entry.")] = False
) -> int:
    """Show every entry, what it is given, where it comes from and whether it runs. Ends with 1 when one is broken."""
    plugins = loaded(installation(context))
    listing(_rows(plugins), ("entry", "state", "on", "about"), as_json=as_json, empty="there are no handlers")
    return 1 if plugins.problems else 0


def _rows(plugins: Plugins) -> Iterator[dict[str, Any]]:
    for entry in plugins.plan.entries:
        on = [data.event_type for data in entry.handler.on if data is not Timer]
        yield {
            "entry": entry.name,
            "state": "runs",
            "on": ", ".join(on),
            "about": entry.handler.doc,
            "handler": entry.handler.name,
            "origin": plugins.registry.handlers[entry.handler.name].origin,
            "sources": sorted(entry.sources) if entry.sources is not None else None,
        }
    for name in plugins.plan.disabled:
        yield {"entry": name, "state": "disabled", "about": "enabled = false"}
    for name in plugins.plan.unconfigured:
        yield {"entry": name, "state": "not configured", "about": f"needs a section [handlers.{name}]"}
    for problem in plugins.problems:
        yield {"entry": "", "state": "broken", "about": problem}
