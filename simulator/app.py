"""The simulator as an application, and as a server that can be started and stopped."""

import errno
from collections.abc import AsyncIterator, Sequence
from typing import Self

from aiohttp import web

from simulator.clock import Clock
from simulator.control import Control, explain
from simulator.deliveries import Delivery, RetryPolicy
from simulator.demo import Demo
from simulator.errors import AddressTakenError, SimulatorError
from simulator.faults import Fault
from simulator.outbound import HttpPost
from simulator.platforms import Received
from simulator.script import Performance, Script
from simulator.world import World, build_world

DELIVERY_TIMEOUT = 3.0
"""Seconds a receiver has to answer; MyGPTAssistants names none, this is the tightest of the senders we know."""

MAX_BODY = 8 * 1024 * 1024
"""Bytes of a request to /_control; the platforms have smaller bounds of their own."""


def build_app(world: World, post: HttpPost) -> web.Application:
    """Return the application over `world`: every platform under its name, and `/_control`.

    The application opens and closes `post` and ends what runs in `world` when it shuts down.
    """
    app = web.Application(client_max_size=MAX_BODY)
    for name, endpoints in world.endpoints.items():
        middlewares = [world.edge.middleware(endpoints), *endpoints.middlewares()]
        mounted = web.Application(middlewares=middlewares)
        mounted.add_routes(endpoints.routes())
        app.add_subapp(f"/{name}", mounted)
    control = web.Application(middlewares=[explain])
    control.add_routes(Control(world).routes())
    app.add_subapp("/_control", control)

    async def connections(_: web.Application) -> AsyncIterator[None]:
        await post.open()
        yield
        await world.close()
        await post.close()

    async def release(_: web.Application) -> None:
        world.edge.release()

    app.cleanup_ctx.append(connections)
    # before aiohttp waits for open requests: those held half-open would keep it waiting
    app.on_shutdown.append(release)
    return app


class Simulator:
    """The platforms on localhost. `await start()`, use, `await stop()`; or `async with`.

    Args:
        host: where to listen.
        port: 0 takes a free one; `url` tells which.
        clock: the time, the machine's by default; `simulator.clock.ManualClock` for tests.
        seed: makes ids and small talk the same in every run. For tests only: receivers drop ids they have seen.
        retry: how webhook deliveries are repeated.
        delivery_timeout: seconds a receiver has to answer.
        limits: whether the platforms enforce their rate limits.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        clock: Clock | None = None,
        seed: int | None = None,
        retry: RetryPolicy | None = None,
        delivery_timeout: float = DELIVERY_TIMEOUT,
        limits: bool = True,
    ) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._seed = seed
        self._retry = retry
        self._delivery_timeout = delivery_timeout
        self._limits = limits
        self._runner: web.AppRunner | None = None
        self._world: World | None = None
        self._demos: list[Demo] = []

    async def start(self) -> None:
        """Listen; returns when requests are answered.

        Raises:
            AddressTakenError: another process has the port.
        """
        post = HttpPost(timeout=self._delivery_timeout)
        world = build_world(post=post, clock=self._clock, seed=self._seed, retry=self._retry, limits=self._limits)
        runner = web.AppRunner(build_app(world, post), handler_cancellation=True, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise AddressTakenError(self._host, self._port) from error
            raise
        self._world, self._runner = world, runner

    async def stop(self) -> None:
        """Stop demos, scripts and deliveries, close all connections; a second call changes nothing."""
        demos, self._demos = self._demos, []
        for demo in demos:
            await demo.stop()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:8790`, without a slash at the end."""
        if self._runner is None:
            raise SimulatorError("the simulator is not started; await start() first")
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def base_url(self, platform: str = "mygptassistants") -> str:
        """Return the base URL a client of `platform` is configured with."""
        self.world.platform(platform)
        return f"{self.url}/{platform}{self.world.endpoints[platform].base_path}"

    @property
    def world(self) -> World:
        """Everything inside, for tests; SimulatorError before `start`."""
        if self._world is None:
            raise SimulatorError("the simulator is not started; await start() first")
        return self._world

    async def connect_webhook(
        self, *, platform: str, url: str, secret: str, events: Sequence[str] | None = None
    ) -> str:
        """Register a webhook (all events by default) and return its id. Raises ControlError."""
        return self.world.connect(platform=platform, url=url, secret=secret, events=events).id

    async def disconnect_webhook(self, webhook_id: str) -> None:
        """Unregister a webhook; what is pending for it is abandoned."""
        await self.world.around.sender.unsubscribe(webhook_id)

    def demo(
        self, *, platform: str = "mygptassistants", pace: float = 4.0, line_gap: float = 2.0, crowd: int = 10
    ) -> Demo:
        """Start the demo's visitors now; `Demo.stop` or `stop` ends them. `Demo` explains the arguments."""
        around = self.world.around
        demo = Demo(
            self.world.platform(platform),
            clock=around.clock,
            random=around.random,
            pace=pace,
            line_gap=line_gap,
            crowd=crowd,
        )
        demo.start()
        self._demos.append(demo)
        return demo

    def play(self, script: Script, *, platform: str = "mygptassistants") -> Performance:
        """Start a scripted conversation; the answer tells how far it is. Raises ControlError."""
        return self.world.play(platform, script)

    def misbehave(self, fault: Fault) -> None:
        """Put a fault in force."""
        self.world.faults.add(fault)

    def behave(self) -> None:
        """End all faults, breaking off the requests held half-open."""
        self.world.faults.clear()
        self.world.edge.release()

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """The latest webhook deliveries, oldest first."""
        return self.world.around.sender.deliveries

    @property
    def received(self) -> tuple[Received, ...]:
        """The latest messages that came in through the platforms' APIs, oldest first."""
        return tuple(self.world.around.received)

    async def settled(self) -> None:
        """Return when no delivery is pending; give it a deadline when the receiver may be dead."""
        await self.world.around.sender.settled()
