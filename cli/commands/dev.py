"""`hookline dev`: everything in one process, with the platforms simulated."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cli import demo, invocation, process
from cli.base import Installation, installation
from cli.errors import CommandFailed
from cli.roles import Roles, Serving, serving
from cli.screen import Screen
from cli.wiring import log_url, opened_log, store_errors_explained, store_url
from eventlog.errors import EventLogError
from simulator.app import Simulator
from simulator.errors import SimulatorError
from store.migrations import migrate

# Seconds between two visitors of the demo.
PACE = 8.0


def dev(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="The receiver's port; default 8787.")] = None,
    admin_port: Annotated[int | None, typer.Option(help="The port of metrics and health; default 8788.")] = None,
    simulator_port: Annotated[int, typer.Option(help="The simulator's port.")] = demo.SIMULATOR_PORT,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep nothing: a data folder for this run.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No demo conversations: send your own.")] = False,
) -> int:
    """Run everything in one process with simulated platforms, and print what happens. Ctrl-C ends it."""
    with _data(installation(context), ephemeral=ephemeral) as here:
        screen = Screen(invocation.again(here.places))
        roles = Roles(
            name="dev",
            receive=True,
            work=True,
            port=port,
            admin_port=admin_port,
            strict=False,
            reports=(screen.arrived,),
            observers=(screen.happened,),
        )
        simulator = Simulator(demo.HOST, simulator_port)
        return process.run(lambda stopping: _dev(here, roles, simulator, screen, stopping, quiet=quiet))


@contextmanager
def _data(here: Installation, *, ephemeral: bool) -> Iterator[Installation]:
    if not ephemeral:
        yield here
        return
    with tempfile.TemporaryDirectory(prefix="hookline-") as folder:
        yield replace(here, places=replace(here.places, data=Path(folder)))


async def _dev(
    here: Installation, roles: Roles, simulator: Simulator, screen: Screen, stopping: asyncio.Event, *, quiet: bool
) -> int:
    try:
        await simulator.start()
    except SimulatorError as error:
        raise CommandFailed(f"{error}; name another port with --simulator-port") from error
    try:
        here = _redirected(here, simulator)
        await _prepare(here)
        async with serving(here, roles) as running:
            await _connect(here, running, simulator)
            _greet(here, running, simulator, screen)
            for platform in () if quiet else simulator.world.endpoints:
                simulator.demo(platform=platform, pace=PACE)
            await stopping.wait()
            screen.say("stopping", "dim")
    finally:
        await simulator.stop()
    return 0


def _redirected(here: Installation, simulator: Simulator) -> Installation:
    """The same configuration with every account sent to the simulator: simulated visitors must not reach real ones."""
    simulated = simulator.world.endpoints
    accounts = {
        name: account.model_copy(update={"base_url": simulator.base_url(account.platform), "allow_private": True})
        if account.platform in simulated
        else account
        for name, account in here.settings.accounts.items()
    }
    return replace(here, given=here.settings.model_copy(update={"accounts": accounts}))


async def _prepare(here: Installation) -> None:
    """Make tables and topics, which production leaves to `migrate` and `topics apply`."""
    here.make_data()
    with store_errors_explained():
        await migrate(store_url(here))
    async with opened_log(here) as log:
        try:
            async with asyncio.timeout(30):
                await log.create(here.settings.topics.topics().all())
        except TimeoutError as error:
            raise CommandFailed(f"the event log {log_url(here)} does not answer within 30 s") from error
        except EventLogError as error:
            raise CommandFailed(f"the event log {log_url(here)} cannot be used: {error}") from error


async def _connect(here: Installation, running: Serving, simulator: Simulator) -> None:
    for name, source in here.settings.sources.items():
        if source.platform in simulator.world.endpoints and source.secrets:
            token = f"/{source.token.get_secret_value()}" if source.token else ""
            await simulator.connect_webhook(
                platform=source.platform,
                url=f"{running.receiver_url}/in/{name}{token}",
                secret=source.secrets[0].get_secret_value(),
            )


def _greet(here: Installation, running: Serving, simulator: Simulator, screen: Screen) -> None:
    entries = [entry.name for entry in running.plugins.plan.entries] if running.plugins else []
    screen.say("hookline dev", "bold")
    for name, source in here.settings.sources.items():
        screen.say(f"  source     {running.receiver_url}/in/{name}  ({source.platform})")
    screen.say(f"  handlers   {', '.join(entries) or 'none'}")
    screen.say(f"  platforms  {simulator.url}, simulated; every account is sent there")
    screen.say(f"  event log  {log_url(here)}")
    screen.say(f"  admin      {running.admin.url if running.admin else ''}/metrics")
    if here.places.config is None:
        screen.say(f"  secret     {demo.kept_secret(here.data)}  (the demo's, kept in {here.data / 'demo.json'})")
    for problem in running.plugins.problems if running.plugins else ():
        screen.say(f"  broken     {problem}", "red")
    first = next(iter(here.settings.sources), "support")
    screen.say(f"send one yourself: hookline send {first} message.created    look at them: hookline tail", "dim")
    screen.say("")
