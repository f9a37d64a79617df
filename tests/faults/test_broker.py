"""A broker that is absent, killed, frozen, cut off or deaf while platforms send, before a receiver and a worker.

Times are measured by the senders. They are threads of a test run on a machine that does other things, so a second is
allowed on top of the three that are promised.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import Role, status, wait_for
from tests.faults.auditor import Answer, verdict
from tests.faults.books import received
from tests.faults.senders import Senders
from tests.faults.spawner import Spawner
from tests.faults.workshop import Workshop, workshop
from tests.servers.broker import PrivateBroker
from tests.servers.plugin import MakeBroker
from tests.servers.proxy import FaultProxy

pytestmark = pytest.mark.kafka

ANSWERED_WITHIN = 3.0 + 1.0
GOOD_AGAIN_WITHIN = 10.0
# Its group has to find the coordinator and form again.
WORKS_AGAIN_WITHIN = 30.0
FINISHED_WITHIN = 40.0
LASTS = 5.0
CONVERSATIONS = 12
EVERY = 0.3
"""Seconds from one event of a conversation to the next: 40 events a second in all."""


class Trial:
    """A receiver and a worker under load, and what is demanded of them whatever happens to the broker."""

    def __init__(self, shop: Workshop, roles: list[Role], senders: Senders) -> None:
        self.shop = shop
        self.receiver, self.worker = roles
        self.senders = senders

    def goes_on(self, since: float) -> float:
        """Wait until each conversation has one more event accepted; the seconds that took since a moment."""

        def going() -> set[str]:
            return {one.conversation for one in list(self.senders.auditor.sent) if (one.accepted or 0) > since}

        wait_for(lambda: len(going()) == CONVERSATIONS, seconds=20, what="an acceptance in each conversation")
        return time.monotonic() - since

    def works_on(self, since: float) -> float:
        """Wait until an event that was accepted after a moment is handled; the seconds that took since it."""

        def handled() -> bool:
            new = {one.event_id for one in list(self.senders.auditor.sent) if (one.accepted or 0) > since}
            return not new.isdisjoint(self.shop.lines())

        wait_for(handled, seconds=40, what="an event handled")
        return time.monotonic() - since

    def unready(self) -> None:
        """Wait until the receiver says of itself that it can take nothing, and that it lives."""
        door = self.shop.door
        wait_for(lambda: door.health(self.receiver) == 503, seconds=15, what="a receiver that says it is not ready")
        assert status(f"{door.url}/livez") == 200

    def recovers(self) -> None:
        """From now on it is good again within seconds."""
        now = time.monotonic()
        taking, working = self.goes_on(now), self.works_on(now)
        print(f"good again: receiver {taking:.2f} s, worker {working:.2f} s")
        assert taking < GOOD_AGAIN_WITHIN
        assert working < WORKS_AGAIN_WITHIN
        assert self.shop.door.wait_ready(self.receiver) < GOOD_AGAIN_WITHIN

    def judge(self, *, hurt_at: float, healed_at: float) -> None:
        """Every answer came in time and was 202 or 503, and 503 only because of the fault; nothing is lost."""
        answers = self.senders.answers()
        print(f"slowest answer: {max(answer.seconds for answer in answers):.2f} s of {len(answers)}")
        assert {answer.status for answer in answers} == {202, 503}
        assert slow(answers) == []
        first, last = hurt_at - ANSWERED_WITHIN, healed_at + GOOD_AGAIN_WITHIN
        assert [answer for answer in answers if answer.status == 503 and not first <= answer.at <= last] == []
        self.shop.finished(seconds=FINISHED_WITHIN)
        assert [role.stop() for role in (self.worker, self.receiver)] == [0, 0]
        records, deliveries = (self.shop.door.at.records(topic) for topic in ("conversations", "deliveries"))
        assert verdict(self.senders.auditor.sent, received(records), deliveries) == {}


def slow(answers: list[Answer]) -> list[Answer]:
    """The answers that came late, or not at all."""
    return [answer for answer in answers if answer.status is None or answer.seconds > ANSWERED_WITHIN]


@contextmanager
def under_load(shop: Workshop, receiver: Role) -> Iterator[Trial]:
    """Twelve platforms that send all the while; at the end each sees its last event accepted."""
    worker = shop.work()
    with Senders(shop.door.auditor, conversations=CONVERSATIONS, every=EVERY, pause=0.2) as senders:
        yield Trial(shop, [receiver, worker], senders)


def endure(shop: Workshop, hurt: Callable[[], None], heal: Callable[[], None]) -> None:
    """Hurt the broker for five seconds under load; `heal` returns when it is ready."""
    receiver = shop.door.open()
    shop.door.wait_ready(receiver)
    with under_load(shop, receiver) as trial:
        began = time.monotonic()
        trial.goes_on(began)
        trial.works_on(began)
        hurt()
        hurt_at = time.monotonic()
        trial.unready()
        time.sleep(max(0.0, hurt_at + LASTS - time.monotonic()))
        heal()
        healed_at = time.monotonic()
        trial.recovers()
    trial.judge(hurt_at=hurt_at, healed_at=healed_at)


async def hurt_for_a_while(
    broker: PrivateBroker, spawner: Spawner, folder: Path, hurt: Callable[[], None], heal: Callable[[], None]
) -> None:
    """Endure a fault, in a thread beside the event loop: a proxy lives on that."""
    loop = asyncio.get_running_loop()

    async def hurting() -> None:
        hurt()

    async def healing() -> None:
        heal()
        await broker.wait_ready()

    def call(what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(what(), loop).result(40)

    def run() -> None:
        with workshop(folder / "shop", spawner, eventlog=f"kafka://{broker.bootstrap}") as shop:
            endure(shop, lambda: call(hurting), lambda: call(healing))

    await asyncio.to_thread(run)


async def test_a_killed_broker(kafka_private: MakeBroker, tmp_path: Path, spawner: Spawner) -> None:
    """SIGKILL under load, and a start after five seconds."""
    broker = await kafka_private()
    await hurt_for_a_while(broker, spawner, tmp_path, broker.kill, broker.start)


async def test_a_frozen_broker(kafka_private: MakeBroker, tmp_path: Path, spawner: Spawner) -> None:
    """SIGSTOP for five seconds: connections stay open, and what was refused may be written later."""
    broker = await kafka_private()
    await hurt_for_a_while(broker, spawner, tmp_path, broker.stop, broker.cont)


async def test_a_network_that_carries_nothing(kafka_private: MakeBroker, tmp_path: Path, spawner: Spawner) -> None:
    """The broker is well, no byte passes either way for five seconds, and no connection breaks."""
    broker = await kafka_private(proxied=True)
    proxy = proxy_of(broker)
    await hurt_for_a_while(broker, spawner, tmp_path, proxy.freeze, proxy.thaw)


async def test_a_network_that_loses_the_answers(kafka_private: MakeBroker, tmp_path: Path, spawner: Spawner) -> None:
    """Everything is written and nobody hears of it: refusals are no proof, so each event has one id on every try."""
    broker = await kafka_private(proxied=True)
    proxy = proxy_of(broker)
    await hurt_for_a_while(broker, spawner, tmp_path, proxy.drop_answers, lambda: proxy.drop_answers(on=False))


def proxy_of(broker: PrivateBroker) -> FaultProxy:
    """The proxy before it."""
    assert broker.proxy is not None
    return broker.proxy


async def test_an_absent_broker(kafka_private: MakeBroker, tmp_path: Path, spawner: Spawner) -> None:
    """No broker at the start: both roles wait for it, the receiver refuses, and both are good seconds after it came."""
    broker = await kafka_private()
    loop = asyncio.get_running_loop()

    def run() -> None:
        with workshop(tmp_path / "shop", spawner, eventlog=f"kafka://{broker.bootstrap}") as shop:
            broker.kill()
            began = time.monotonic()
            receiver = shop.door.open()
            wait_for(lambda: shop.door.health(receiver) == 503, seconds=10, what="a receiver that listens")
            with under_load(shop, receiver) as trial:
                wait_for(lambda: len(trial.senders.answers()) > 50, seconds=10, what="refusals")
                broker.start()
                asyncio.run_coroutine_threadsafe(broker.wait_ready(), loop).result(40)
                ready_at = time.monotonic()
                trial.recovers()
            trial.judge(hurt_at=began, healed_at=ready_at)

    await asyncio.to_thread(run)


async def test_a_new_broker_without_topics(kafka_private: MakeBroker, tmp_path: Path, spawner: Spawner) -> None:
    """The receiver refuses until somebody has made the topics, and takes everything seconds later."""
    broker = await kafka_private(started=False)
    loop = asyncio.get_running_loop()

    def run() -> None:
        with workshop(tmp_path / "shop", spawner, eventlog=f"kafka://{broker.bootstrap}", prepared=False) as shop:
            door = shop.door
            receiver = door.open()
            broker.start()
            asyncio.run_coroutine_threadsafe(broker.wait_ready(), loop).result(40)
            with Senders(door.auditor, conversations=CONVERSATIONS, every=EVERY, pause=0.2) as senders:
                wait_for(lambda: len(senders.answers()) > 50, seconds=10, what="refusals")
                assert {answer.status for answer in senders.answers()} == {503}
                door.at.prepare()
                made_at = time.monotonic()
                senders.accepted_since(made_at, CONVERSATIONS)
                door.wait_ready(receiver)
            assert senders.recovered(made_at) < GOOD_AGAIN_WITHIN
            assert slow(senders.answers()) == []
            assert receiver.stop() == 0
            assert door.wrong() == {}

    await asyncio.to_thread(run)
