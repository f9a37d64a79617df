"""`hookline dev`: everything in one process, with the platforms simulated."""

import asyncio
import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli import demo, invocation, logs, process
from cli.base import Installation, installation
from cli.commands.roles import Only
from cli.errors import CommandFailed
from cli.greeting import greet
from cli.places import Dev
from cli.ports import Wanted, chosen, listening, refuse_equal
from cli.reloading import Reloading
from cli.roles import Roles, Serving, listening_ports, serving
from cli.screen import Screen
from cli.settings import Settings
from cli.tasks import background
from cli.wiring import log_url, opened_log, store_errors_explained, store_url
from clients.settings import AccountSettings, CustomGPTSettings, MyGPTAssistantsSettings, YourGPTSettings
from eventlog.errors import EventLogError
from simulator import customgpt
from simulator.app import Simulator
from simulator.errors import SimulatorError
from simulator.mygptassistants import DEFAULT_BOT
from simulator.yourgpt import DEFAULT_PROJECT
from store.migrations import migrate

# Seconds between two visitors of the demo.
PACE = 24.0


def dev(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="The receiver's port; default 8787.")] = None,
    admin_port: Annotated[int | None, typer.Option(help="The port of metrics and health; default 8788.")] = None,
    simulator_port: Annotated[int | None, typer.Option(help="The simulator's port; default 8789.")] = None,
    only: Only = None,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep nothing: a data folder for this run.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No demo conversations: send your own.")] = False,
    configured: Annotated[
        bool,
        typer.Option("--configured", help="Use the log and the store of hookline.toml, not files of its own."),
    ] = False,
) -> int:
    """Run everything in one process with simulated platforms, and print what happens. Ctrl-C ends it.

    It keeps what it has in a folder of its own, `dev` in the data folder. Where the default port of the simulator or of
    metrics is taken, it listens on a free one.
    """
    sys.dont_write_bytecode = True  # for `Reloading`
    found = installation(context)
    found = replace(found, places=found.places.of_dev(Dev(configured=configured)))
    with _data(found, ephemeral=ephemeral) as here:
        screen = Screen(invocation.again(here.places), since=datetime.now(UTC))
        logs.configure(here.log_format, level=here.log_level, onlooker=screen.logged)
        roles = Roles(
            name="dev",
            receive=True,
            work=True,
            poll=True,
            only=tuple(only or ()),
            polled=screen.polled,
            port=port,
            admin_port=admin_port,
            strict=False,
            dead_limit=math.inf,
            reports=(screen.arrived,),
            observers=(screen.happened,),
        )
        return process.run(
            lambda stopping: _dev(here, roles, simulator_port, screen, stopping, quiet=quiet), plugins=True
        )


@contextmanager
def _data(here: Installation, *, ephemeral: bool) -> Iterator[Installation]:
    if not ephemeral:
        yield here
        return
    with tempfile.TemporaryDirectory(prefix="hookline-") as folder:
        yield replace(here, places=replace(here.places, data=Path(folder) / "dev"))


async def _dev(
    here: Installation,
    roles: Roles,
    simulator_port: int | None,
    screen: Screen,
    stopping: asyncio.Event,
    *,
    quiet: bool,
) -> int:
    wanted = _wanted(here, roles, simulator_port)
    refuse_equal({option: one.port for option, one in wanted.items()})
    named = {"--port", *(["--admin-port"] if roles.admin_port is not None else [])}
    ports = chosen(wanted, named | ({"--simulator-port"} if simulator_port is not None else set()), here.places.root)
    roles, simulator_port = replace(roles, admin_port=ports["--admin-port"]), ports["--simulator-port"]
    simulator = Simulator(demo.HOST, simulator_port)
    try:
        await simulator.start()
    except (SimulatorError, OSError) as error:
        raise listening(
            error, port=simulator_port, what="simulated platforms", option="--simulator-port", root=here.places.root
        ) from error
    try:
        roles = replace(roles, simulator=simulator.url)
        here = replace(here, given=redirected(here.settings, simulator))
        await _prepare(here)
        async with serving(here, roles, stopping) as running:
            if running is None:
                return 0
            await _connect(here, running, simulator)
            greet(here, roles, running, screen, {one for one in wanted if ports[one] != wanted[one].port})
            for platform in () if quiet else visited(here.settings, simulator):
                simulator.demo(platform=platform, pace=PACE)
            async with background(reloading(here, roles, running, screen)):
                await stopping.wait()
            screen.say("stopping", "dim")
    finally:
        await simulator.stop()
    screen.say("stopped", "dim")
    return running.status


async def reloading(here: Installation, roles: Roles, running: Serving, screen: Screen) -> None:
    """Load plugins anew when their files change, as long as it runs."""
    if running.dispatcher is not None and running.plugins is not None:
        await Reloading(
            here=here, dispatcher=running.dispatcher, plugins=running.plugins, say=screen.say, runs=roles.runs
        ).run()


def _wanted(here: Installation, roles: Roles, simulator_port: int | None) -> dict[str, Wanted]:
    """Where its three servers are to listen, by the options that name other ports."""
    ports, settings = listening_ports(here, roles), here.settings
    return {
        "--port": Wanted("receiver", settings.receiver.host, ports["--port"]),
        "--admin-port": Wanted("admin port", settings.console.host, ports["--admin-port"]),
        "--simulator-port": Wanted(
            "simulated platforms", demo.HOST, demo.SIMULATOR_PORT if simulator_port is None else simulator_port
        ),
    }


def redirected(settings: Settings, simulator: Simulator) -> Settings:
    """The same configuration with every account sent to the simulator: simulated visitors must not reach real ones."""
    simulated = simulator.world.endpoints
    accounts = {}
    for name, account in settings.accounts.items():
        # A platform that is not simulated is answered 404.
        url = simulator.base_url(account.platform) if account.platform in simulated else simulator.url
        accounts[name] = account.moved(url).model_copy(update=_visited(account))
    return settings.model_copy(update={"accounts": accounts})


def _visited(account: AccountSettings) -> dict[str, str]:
    """What an account must say to mean the bot or project that the visitors talk to."""
    if isinstance(account, MyGPTAssistantsSettings):
        return {"bot_id": DEFAULT_BOT}
    if isinstance(account, YourGPTSettings):
        return {"project_uid" if account.widget_uid is None else "widget_uid": DEFAULT_PROJECT}
    if isinstance(account, CustomGPTSettings):
        return {"project_id": customgpt.DEFAULT_PROJECT}
    return {}


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


def visited(settings: Settings, simulator: Simulator) -> list[str]:
    """The simulated platforms of which a source hears; visitors of the others would be seen by nobody."""
    heard = {source.platform for source in settings.sources.values()}
    return [platform for platform in simulator.world.endpoints if platform in heard]


async def _connect(here: Installation, running: Serving, simulator: Simulator) -> None:
    for name, source in here.settings.sources.items():
        # Some platforms post nothing: they are polled.
        if source.platform in simulator.world.endpoints and simulator.world.platform(source.platform).events:
            token = f"/{source.token.get_secret_value()}" if source.token else ""
            await simulator.connect_webhook(
                platform=source.platform,
                url=f"{running.receiver_url}/in/{name}{token}",
                # A source without one has a token, or verifies nothing.
                secret=source.secrets[0].get_secret_value() if source.secrets else "unused",
            )
