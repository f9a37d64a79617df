"""Delivers webhooks as a platform does: signed, in order per conversation, again with backoff until accepted.

Every (webhook, conversation) is a lane with a task of its own while it has work: a delivery that is being retried
holds back the later ones of its lane and nobody else. What is pending is bounded; beyond that, events are dropped.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable
from random import Random
from typing import Final

import structlog

from simulator.clock import Clock
from simulator.deliveries import Attempt, Delivery, HttpCall, OutgoingEvent, Post, RetryPolicy, Subscription
from simulator.errors import UndeliveredError
from simulator.faults import ATTEMPT_KINDS, Fault, Faults
from simulator.recent import Recent

log = structlog.get_logger()

IN_FLIGHT: Final = 16
"""How many POSTs to one webhook are open at once, over all its lanes."""

Lane = tuple[str, str]


class WebhookSender:
    """Owns the registered webhooks and everything on its way to them. One event loop, no threads."""

    def __init__(
        self,
        *,
        clock: Clock,
        random: Random,
        faults: Faults,
        post: Post,
        retry: RetryPolicy,
        max_pending_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self._clock = clock
        self._random = random
        self._faults = faults
        self._post = post
        self._retry = retry
        self._max_pending_bytes = max_pending_bytes
        self._pending_bytes = 0
        self._subscriptions: dict[str, Subscription] = {}
        self._lanes: dict[Lane, deque[Delivery]] = {}
        self._tasks: dict[Lane, asyncio.Task[None]] = {}
        # per webhook, so that a receiver that hangs does not slow the others down
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._log = Recent[Delivery](max_items=5_000, max_weight=max_pending_bytes)

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """The registered webhooks."""
        return tuple(self._subscriptions.values())

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """The latest deliveries, oldest first."""
        return tuple(self._log)

    def subscribe(self, subscription: Subscription) -> None:
        """Register a webhook for events from now on."""
        self._subscriptions[subscription.id] = subscription

    async def unsubscribe(self, subscription_id: str) -> bool:
        """Forget a webhook and what is pending for it; False if there is none of this id."""
        known = self._subscriptions.pop(subscription_id, None) is not None
        await self._abandon([lane for lane in self._lanes if lane[0] == subscription_id])
        self._slots.pop(subscription_id, None)
        return known

    def publish(self, event: OutgoingEvent) -> int:
        """Queue `event` for every webhook that wants it and return how many do. Never blocks."""
        wanting = [item for item in self._subscriptions.values() if item.wants(event.platform, event.type)]
        for subscription in wanting:
            self._enqueue(Delivery(subscription, event, self._clock.now()))
        return len(wanting)

    def send(self, subscription: Subscription, event: OutgoingEvent) -> None:
        """Queue `event` for an address that a caller named for it alone, and that is not registered. Never blocks."""
        self._enqueue(Delivery(subscription, event, self._clock.now()))

    async def settled(self) -> None:
        """Return when nothing is pending; with a dead receiver that takes as long as the retries."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def clear(self) -> None:
        """Abandon what is pending and forget all deliveries; the webhooks stay registered."""
        await self._abandon(list(self._lanes))
        self._log.clear()

    async def close(self) -> None:
        """Abandon what is pending."""
        await self._abandon(list(self._lanes))

    def _enqueue(self, delivery: Delivery) -> None:
        event = delivery.event
        self._log.append(delivery, len(event.body))
        if self._pending_bytes + len(event.body) > self._max_pending_bytes:
            delivery.state = "dropped"
            log.warning("webhook.abandoned", event_id=event.id, reason="too much is pending for dead receivers")
            return
        if self._faults.take(event.platform, "webhook", {"drop"}):
            delivery.state = "dropped"
            return
        self._pending_bytes += len(event.body)
        lane = (delivery.subscription.id, event.lane)
        self._lanes.setdefault(lane, deque()).append(delivery)
        task = self._tasks.get(lane)
        if task is None or task.done():
            self._tasks[lane] = asyncio.create_task(self._drain(lane), name=f"webhook lane {event.lane}")

    async def _drain(self, lane: Lane) -> None:
        queue = self._lanes[lane]
        held: Delivery | None = None
        while queue:
            if queue[0] is not held and (fault := self._taken(queue[0], "reorder")):
                held = queue[0]
                if len(queue) == 1:
                    await self._clock.sleep(fault.seconds)
                if len(queue) > 1:
                    queue[0], queue[1] = queue[1], queue[0]
            await self._deliver(queue[0])
            self._pending_bytes -= len(queue.popleft().event.body)
        # no await since the queue was found empty: nothing can have been appended in between
        del self._lanes[lane], self._tasks[lane]

    async def _deliver(self, delivery: Delivery) -> None:
        fault = self._taken(delivery, "duplicate")
        copies = fault.copies if fault else 0
        together = copies if fault and fault.together else 0
        async with asyncio.TaskGroup() as group:
            group.create_task(self._until_accepted(delivery))
            for _ in range(together):
                group.create_task(self._once(delivery, copy=True))
        for _ in range(copies - together):
            await self._once(delivery, copy=True)

    async def _until_accepted(self, delivery: Delivery) -> None:
        for number in itertools.count(1):
            attempt = await self._once(delivery)
            if attempt.accepted:
                delivery.state = "delivered"
                return
            pause = self._retry.pause(number, self._random.random())
            event_id, status, error = delivery.event.id, attempt.status, attempt.error
            if pause is None:
                delivery.state = "failed"
                log.warning("webhook.abandoned", event_id=event_id, reason=f"refused {number} times", status=status)
                return
            log.debug("webhook.refused", event_id=event_id, status=status, error=error, again_in=round(pause, 3))
            await self._clock.sleep(pause)

    async def _once(self, delivery: Delivery, *, copy: bool = False) -> Attempt:
        event = delivery.event
        latency = self._faults.take(event.platform, "webhook", {"latency"})
        fault = self._faults.take(event.platform, "webhook", ATTEMPT_KINDS)
        if latency is not None:
            await self._clock.sleep(latency.seconds)
        call = _call(event, delivery.subscription, fault)
        slots = self._slots.setdefault(delivery.subscription.id, asyncio.Semaphore(IN_FLIGHT))
        async with slots:
            at = self._clock.now()
            status, error = None, None
            try:
                status = await self._post(call)
            except UndeliveredError as reason:
                error = str(reason)
        took = round((self._clock.now() - at).total_seconds() * 1000)
        met = tuple(item.kind for item in (latency, fault) if item is not None) + (("copy",) if copy else ())
        attempt = Attempt(at=at, milliseconds=took, status=status, error=error, faults=met)
        delivery.attempts.append(attempt)
        return attempt

    def _taken(self, delivery: Delivery, kind: str) -> Fault | None:
        return self._faults.take(delivery.event.platform, "webhook", {kind})

    async def _abandon(self, lanes: Iterable[Lane]) -> None:
        stopped = [(self._tasks.pop(lane), self._lanes.pop(lane)) for lane in lanes]
        for task, _ in stopped:
            task.cancel()
        await asyncio.gather(*(task for task, _ in stopped), return_exceptions=True)
        for _, queue in stopped:
            for delivery in queue:
                self._pending_bytes -= len(delivery.event.body)
                delivery.state = "abandoned" if delivery.state == "pending" else delivery.state


def _call(event: OutgoingEvent, subscription: Subscription, fault: Fault | None) -> HttpCall:
    """Return the POST of one attempt, with what the fault does to it."""
    kind = fault.kind if fault else None
    secret = {"unsigned": None, "wrong_signature": f"not-{subscription.secret}"}.get(kind or "", subscription.secret)
    return HttpCall(
        url=subscription.url.rstrip("/") + event.suffix if event.suffix else subscription.url,
        body=event.body,
        headers=event.sign(event.body, secret),
        maim="half_open" if kind == "half_open" else "reset" if kind == "reset" else None,
    )
