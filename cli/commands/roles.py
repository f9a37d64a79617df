"""`hookline receive`, `work` and `run`: the roles of production, as one process or as several."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import structlog
import typer

from cli import process
from cli.base import Installation, installation
from cli.errors import Misconfigured
from cli.overlay import ignored
from cli.roles import Roles, serve, serve_until_empty
from cli.settings import Settings, blame
from cli.stranded import LeaveBehind

log = structlog.get_logger()

Host = Annotated[str | None, typer.Option(help="Where the receiver listens; default 127.0.0.1.")]
Port = Annotated[int | None, typer.Option(help="The receiver's port; default 8787, 0 takes a free one.")]
AdminPort = Annotated[int | None, typer.Option(help="The port of metrics and health; default 8788.")]
Only = Annotated[list[str] | None, typer.Option(help="Run only this entry; may be repeated.")]


def receive(context: typer.Context, host: Host = None, port: Port = None, admin_port: AdminPort = None) -> int:
    """Receive webhooks and keep them in the event log."""
    return _serve(context, Roles(name="receive", receive=True, host=host, port=port, admin_port=admin_port))


def work(
    context: typer.Context,
    only: Only = None,
    admin_port: AdminPort = None,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End when all is handled, and tell what could not be.")
    ] = False,
    leave_behind: LeaveBehind = False,
) -> int:
    """Run the handlers on what the event log holds."""
    roles = Roles(name="work", work=True, only=tuple(only or ()), admin_port=admin_port, leave_behind=leave_behind)
    return _serve(context, roles, serve_until_empty if until_empty else serve)


def run(
    context: typer.Context,
    host: Host = None,
    port: Port = None,
    admin_port: AdminPort = None,
    leave_behind: LeaveBehind = False,
) -> int:
    """Run all roles in one process, for production on one machine."""
    roles = Roles(
        name="run",
        receive=True,
        work=True,
        poll=True,
        host=host,
        port=port,
        admin_port=admin_port,
        leave_behind=leave_behind,
    )
    return _serve(context, roles)


def _serve(
    context: typer.Context,
    roles: Roles,
    by: Callable[[Installation, Roles, asyncio.Event], Coroutine[Any, Any, int]] = serve,
) -> int:
    here = installation(context)
    _require_configuration(here, roles.name)
    for variable, meant in ignored(here.places.environ, Settings.model_fields, blame(here.places).file).items():
        log.warning("setting.ignored", variable=variable, meant=meant)
    return process.run(lambda stopping: by(here, roles, stopping), plugins=True)


def _require_configuration(here: Installation, role: str) -> None:
    if here.places.config is None:
        raise Misconfigured(
            f"`hookline {role}` needs a configuration: write hookline.toml here, or name one with --config. "
            "The built-in demo is `hookline dev`"
        )
