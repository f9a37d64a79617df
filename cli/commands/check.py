"""`hookline check`: whether the configuration can work, without connecting to anything."""

from collections.abc import Iterator
from typing import Annotated

import typer

from cli.base import Installation, installation
from cli.errors import CommandFailed
from cli.findings import Finding, show
from cli.plugins import loaded
from receiver.errors import SourceMisconfigured
from receiver.sources.opening import open_sources


def check(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="A JSON line a finding.")] = False
) -> int:
    """Check the configuration: keys, secrets, sources, accounts, plugins. Ends with 2 when something cannot work."""
    here = installation(context)
    return 0 if show(list(findings(here)), as_json=as_json) else 2


def findings(here: Installation) -> Iterator[Finding]:
    """What is right and wrong with a configuration."""
    try:
        settings = here.settings
    except CommandFailed as error:
        yield Finding("configuration", "failing", str(error))
        return
    where = str(here.places.config or "the built-in demo")
    yield Finding("configuration", "ok", where)
    yield from _sources(here)
    accounts = ", ".join(f"{name} ({one.platform})" for name, one in settings.accounts.items())
    yield Finding("accounts", "ok" if accounts else "degraded", accounts or "none: handlers cannot answer anybody")
    yield from _handlers(here)


def _sources(here: Installation) -> Iterator[Finding]:
    settings = here.settings
    try:
        sources = open_sources(settings.sources, settings.receiver)
    except SourceMisconfigured as error:
        yield from (Finding("sources", "failing", problem) for problem in error.problems)
        return
    if not sources:
        yield Finding("sources", "degraded", "none: add a section [sources.NAME] to receive anything")
    for name, source in sources.items():
        if source.signs_nothing:
            yield Finding(f"source {name}", "degraded", 'verify = "none": anybody may post there')
        else:
            yield Finding(f"source {name}", "ok", f"{source.platform.name}, POST /in/{name}")


def _handlers(here: Installation) -> Iterator[Finding]:
    plugins = loaded(here)
    yield from (Finding("handlers", "failing", problem) for problem in plugins.problems)
    for entry in plugins.plan.entries:
        yield Finding(f"handler {entry.name}", "ok", entry.handler.doc)
    for name in plugins.plan.disabled:
        yield Finding(f"handler {name}", "ok", "disabled")
    for name in plugins.plan.unconfigured:
        yield Finding(f"handler {name}", "ok", f"does not run: it needs a section [handlers.{name}]")
