"""Everything a running simulator holds, wired together."""

import random as chance
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from simulator.clock import Clock, SystemClock
from simulator.customgpt import CustomGPT
from simulator.customgpt_api import CustomGPTApi
from simulator.deliveries import Post, RetryPolicy, Subscription
from simulator.edge import FaultyEdge
from simulator.errors import ControlError
from simulator.faults import Faults
from simulator.gptbots import GPTBots
from simulator.gptbots_api import GPTBotsApi
from simulator.ids import Ids
from simulator.mygptassistants import MyGPTAssistants
from simulator.mygptassistants_api import MyGPTAssistantsApi
from simulator.platforms import Endpoints, Platform, Received, Surroundings, TriesOut
from simulator.recent import Recent
from simulator.script import Performance, Script, perform
from simulator.stage import Stage
from simulator.webhooks import WebhookSender
from simulator.yourgpt import YourGPT
from simulator.yourgpt_api import YourGPTApi

MAX_WEBHOOKS = 100
MAX_RUNNING_SCRIPTS = 1_000


@dataclass(slots=True)
class World:
    """The platforms and what they share. Lives in one event loop; `close` ends its tasks."""

    around: Surroundings
    faults: Faults
    edge: FaultyEdge
    endpoints: Mapping[str, Endpoints]
    performances: Recent[Performance] = field(default_factory=lambda: Recent(max_items=1_000, max_weight=1_000_000))

    def platform(self, name: str) -> Platform:
        """Return a platform by its name.

        Raises:
            ControlError: there is none of this name (404).
        """
        if name not in self.endpoints:
            known = ", ".join(self.endpoints)
            raise ControlError(f"unknown platform {name!r}; there are: {known}", status=404)
        return self.endpoints[name].platform

    def connect(self, *, platform: str, url: str, secret: str, events: Sequence[str] | None = None) -> Subscription:
        """Register a webhook; `events` None means all.

        Raises:
            ControlError: unknown platform or event, a URL that is not http(s), or too many webhooks.
        """
        known = self.platform(platform).events
        if unknown := sorted(set(events or ()) - set(known)):
            raise ControlError(f"{platform} sends no {', '.join(unknown)}; it sends {', '.join(known) or 'nothing'}")
        _check_target(url, secret)
        if len(self.around.sender.subscriptions) >= MAX_WEBHOOKS:
            raise ControlError(f"there are {MAX_WEBHOOKS} webhooks already; unregister one first")
        chosen = None if events is None else frozenset(events)
        subscription = Subscription(self.around.ids.new("hook"), platform, url, secret, chosen)
        self.around.sender.subscribe(subscription)
        if isinstance(stands_behind := self.platform(platform), TriesOut):
            stands_behind.connected(subscription)
        return subscription

    def play(self, platform: str, script: Script) -> Performance:
        """Start a scripted conversation on the stage.

        Raises:
            ControlError: unknown platform, or too many conversations run already.
        """
        stands_on = self.platform(platform)
        if self.around.stage.running >= MAX_RUNNING_SCRIPTS:
            raise ControlError(f"{MAX_RUNNING_SCRIPTS} scripted conversations run already; wait for one to end")
        performance = Performance(script, platform)
        self.performances.append(performance, weight=sum(len(line) for line in script.says))
        self.around.stage.start(perform(performance, stands_on, self.around.clock), name=f"script {platform}")
        return performance

    async def reset(self, *, webhooks: bool) -> None:
        """Forget all state, stop scripts, behave; with `webhooks` also forget where to deliver."""
        self.faults.clear()
        self.edge.release()
        await self.around.stage.close()
        await self.around.sender.clear()
        if webhooks:
            for subscription in self.around.sender.subscriptions:
                await self.around.sender.unsubscribe(subscription.id)
        for endpoints in self.endpoints.values():
            endpoints.platform.reset()
            endpoints.forget_limits()
        self.around.received.clear()
        self.performances.clear()

    async def close(self) -> None:
        """End everything that runs."""
        self.edge.release()
        await self.around.stage.close()
        await self.around.sender.close()


def _check_target(url: str, secret: str) -> None:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        url.encode()
        secret.encode()
    except ValueError:
        # a port out of range, a broken IPv6 address, or text that is not Unicode
        fits = False
    if not fits or not secret:
        raise ControlError("a webhook needs a url like http://127.0.0.1:8787/in/support and a secret")


def build_world(
    *,
    post: Post,
    clock: Clock | None = None,
    seed: int | None = None,
    retry: RetryPolicy | None = None,
    limits: bool = True,
) -> World:
    """Wire a world; needs a running event loop.

    Args:
        post: makes one POST to a webhook.
        clock: the time; the machine's by default.
        seed: for tests. Without one ids differ from run to run, as they must: a receiver drops ids it has seen.
        retry: how deliveries are repeated.
        limits: whether the platforms enforce their rate limits.
    """
    clock = clock or SystemClock()
    random = chance.Random(seed)  # noqa: S311  # ids and small talk, no secrets
    faults = Faults()
    sender = WebhookSender(clock=clock, random=random, faults=faults, post=post, retry=retry or RetryPolicy())
    received = Recent[Received](max_items=5_000, max_weight=32 * 1024 * 1024)
    around = Surroundings(clock, random, Ids(random), sender, received, Stage())
    platforms = (
        MyGPTAssistantsApi(MyGPTAssistants(around), limits=limits),
        GPTBotsApi(GPTBots(around), limits=limits),
        YourGPTApi(YourGPT(around)),
        CustomGPTApi(CustomGPT(around), limits=limits),
    )
    endpoints = MappingProxyType({item.platform.name: item for item in platforms})
    return World(around, faults, FaultyEdge(faults, clock), endpoints)
