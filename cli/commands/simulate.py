"""`hookline simulate`: the platforms on localhost."""

import asyncio
from typing import Annotated

import typer

from cli import demo, process
from cli.errors import CommandFailed
from cli.output import stdout
from simulator.app import Simulator
from simulator.errors import SimulatorError


def simulate(
    host: Annotated[str, typer.Option(help="Where to listen.")] = demo.HOST,
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = demo.SIMULATOR_PORT,
    limits: Annotated[bool, typer.Option("--limits/--no-limits", help="Keep the platforms' rate limits.")] = True,
) -> int:
    """Serve the platforms' documented APIs, with their limits and errors, and post their webhooks when told to."""
    return process.run(lambda stopping: _simulate(Simulator(host, port, limits=limits), stopping))


async def _simulate(simulator: Simulator, stopping: asyncio.Event) -> int:
    try:
        await simulator.start()
    except SimulatorError as error:
        raise CommandFailed(str(error)) from error
    try:
        stdout().print(f"the platforms are simulated at {simulator.url}")
        for platform in simulator.world.endpoints:
            stdout().print(f"  {platform}: {simulator.base_url(platform)}")
        await stopping.wait()
    finally:
        await simulator.stop()
    return 0
