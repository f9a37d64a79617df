"""PostgreSQL killed, frozen or absent: deliveries are accepted without it, the work waits for it and goes on."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from receiver.lookups import Key, Lookups
from store.dedupe import Dedupe
from tests.e2e.processes import status, wait_for
from tests.e2e.site import site
from tests.faults.auditor import Answer, Sent
from tests.faults.door import Door
from tests.faults.senders import Senders
from tests.faults.spawner import Spawner
from tests.faults.workshop import workshop
from tests.servers.plugin import MakePostgres, MakeProxy
from tests.servers.postgres import PostgresServer, PrivatePostgres

pytestmark = pytest.mark.postgres

ANSWERED_WITHIN = 3.0 + 1.0
LASTS = 3.0
FINISHED_WITHIN = 40.0
KNOWN_AGAIN_WITHIN = 20.0


class Store:
    """A PostgreSQL of the test's own, called from beside the event loop."""

    def __init__(self, server: PrivatePostgres) -> None:
        self.server = server
        self.url = server.url_of("postgres").replace("postgresql+asyncpg://", "postgresql://")
        self._loop = asyncio.get_running_loop()

    def ready(self) -> None:
        """Wait until it answers."""
        self.run(self.server.wait_ready)

    def run(self, what: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run something of it on the event loop; what that returned."""
        return asyncio.run_coroutine_threadsafe(what(), self._loop).result(40)


FAULTS = {
    "killed": (PrivatePostgres.kill, PrivatePostgres.start),
    "frozen": (PrivatePostgres.stop, PrivatePostgres.cont),
}


@pytest.fixture(params=sorted(FAULTS))
def fault(request: pytest.FixtureRequest) -> str:
    """What happens to it."""
    return str(request.param)


@contextmanager
def doors(folder: Path, store: Store, spawner: Spawner, port: int) -> Iterator[Door]:
    """A door whose ids are kept in PostgreSQL and whose events are in a file."""
    with site(folder, store=store.url, simulated=False, launch=spawner) as at:
        at.prepare()
        yield Door(at, port, spawner)


def only_accepted(answers: list[Answer]) -> list[Answer]:
    """The answers that are no acceptance in time."""
    return [answer for answer in answers if answer.status != 202 or answer.seconds > ANSWERED_WITHIN]


async def kept(url: str, told: Sequence[Sent]) -> set[str]:
    """Those of the events whose ids are in the store."""
    dedupe = Dedupe.open(url)
    await dedupe.start()
    try:
        found = await dedupe.known([("support", one.event_id) for one in told], datetime.now(UTC))
    finally:
        await dedupe.stop()
    return {event_id for _, event_id in found}


def known_again(door: Door, told: Sequence[Sent]) -> bool:
    """Whether events that come again are known: but for a few, for a look-up has 50 ms, on whatever machine."""
    missed = 0
    for one in told:
        if not door.auditor.again(one).duplicate:
            missed += 1
            wait_for(lambda: door.check("dedupe") == "ok", seconds=KNOWN_AGAIN_WITHIN, what="a store in use")
    return missed <= 2 + len(told) // 10


async def test_a_receiver_accepts_without_its_store(
    postgres_private: MakePostgres, fault: str, tmp_path: Path, free_port: int, spawner: Spawner
) -> None:
    """202 for every delivery, degraded and still ready; what was accepted meanwhile is known when the store is back."""
    store = Store(await postgres_private())
    hurt, heal = FAULTS[fault]

    def run() -> None:
        with doors(tmp_path, store, spawner, free_port) as door:
            role = door.open()
            door.wait_ready(role)
            with Senders(door.auditor, every=0.05) as senders:
                senders.accepted_since(time.monotonic(), 20)
                hurt(store.server)
                hurt_at = time.monotonic()
                wait_for(lambda: door.check("dedupe") == "degraded", seconds=5, what="a receiver that owns up to it")
                time.sleep(max(0.0, hurt_at + LASTS - time.monotonic()))
                assert door.health(role) == 200
                during = senders.answers(hurt_at)
                heal(store.server)
                store.ready()
                wait_for(lambda: door.check("dedupe") == "ok", seconds=KNOWN_AGAIN_WITHIN, what="a store in use again")
            assert len(during) > 30
            assert only_accepted(senders.answers()) == []
            told = [one for one in door.auditor.sent if one.answers[0].at > hurt_at]
            assert told

            assert known_again(door, told)
            assert role.stop() == 0
            assert store.run(lambda: kept(store.url, told)) == {one.event_id for one in told}
            role = door.open()
            door.wait_ready(role)
            assert known_again(door, told)
            assert role.stop() == 0
            assert door.wrong() == {}

    await asyncio.to_thread(run)


async def test_a_receiver_starts_without_its_store(
    postgres_private: MakePostgres, tmp_path: Path, free_port: int, spawner: Spawner
) -> None:
    """An absent PostgreSQL delays the start by seconds, not more, and is used as soon as it is there."""
    store = Store(await postgres_private())

    def run() -> None:
        with doors(tmp_path, store, spawner, free_port) as door:
            store.server.kill()
            role = door.open()
            assert door.wait_ready(role) < 15.0
            with Senders(door.auditor, every=0.05) as senders:
                senders.accepted_since(time.monotonic(), 20)
                store.server.start()
                store.ready()
                wait_for(lambda: door.check("dedupe") == "ok", seconds=KNOWN_AGAIN_WITHIN, what="a store in use")
            assert only_accepted(senders.answers()) == []
            assert [one.id for one in senders.last() if not door.auditor.again(one).duplicate] == []
            assert role.stop() == 0
            assert door.wrong() == {}

    await asyncio.to_thread(run)


async def test_the_work_waits_for_its_store(
    postgres_private: MakePostgres, fault: str, tmp_path: Path, spawner: Spawner
) -> None:
    """Nothing is begun without the store, nothing is lost or done twice, and it goes on without a restart."""
    store = Store(await postgres_private())
    hurt, heal = FAULTS[fault]

    def run() -> None:
        with workshop(tmp_path / "shop", spawner, store=store.url) as shop:
            receiver, worker = shop.door.open(), shop.work()
            shop.door.wait_ready(receiver)
            with Senders(shop.door.auditor, every=0.2) as senders:
                shop.writes_on()
                ready = shop.door.at.at.address(worker, kind="admin") + "/readyz"
                hurt(store.server)
                hurt_at = time.monotonic()
                wait_for(
                    lambda: len(senders.answers(hurt_at)) > 20, seconds=20, what="deliveries while the store is away"
                )
                time.sleep(max(0.0, hurt_at + LASTS - time.monotonic()))
                wait_for(lambda: status(ready) == 503, seconds=15, what="a worker that owns up to it")
                effects = sum(shop.world.effects.values())
                time.sleep(1)
                assert sum(shop.world.effects.values()) == effects
                heal(store.server)
                store.ready()
                shop.writes_on()
                wait_for(lambda: status(ready) == 200, seconds=10, what="a worker that is ready again")
            assert only_accepted(senders.answers()) == []
            shop.finished(seconds=FINISHED_WITHIN)
            assert [role.stop() for role in (worker, receiver)] == [0, 0]

    await asyncio.to_thread(run)


async def test_a_look_up_that_is_given_up_opens_its_connection(
    postgres: PostgresServer, postgres_url: str, fault_proxy: MakeProxy
) -> None:
    """A server that takes longer to let anybody in than a delivery waits is reached all the same."""
    proxy = await fault_proxy((str(postgres.url.host), postgres.url.port or 5432))
    through = make_url(postgres_url).set(host="127.0.0.1", port=proxy.port)
    dedupe = Dedupe.open(through.render_as_string(hide_password=False))
    await dedupe.start()
    await dedupe.remember([("support", "a", datetime.now(UTC) + timedelta(days=1))], datetime.now(UTC))
    # The connections of before are dead, and a round trip alone takes longer than the patience.
    proxy.reset()
    proxy.delay(0.03)
    opened = proxy.accepted
    over = asyncio.Event()

    async def known(keys: Sequence[Key], now: datetime) -> set[Key]:
        try:
            return await dedupe.known(keys, now)
        finally:
            over.set()

    lookups = Lookups(known, clock=lambda: datetime.now(UTC))
    assert await lookups.known([("support", "a")]) == set()
    async with asyncio.timeout(20):
        await over.wait()
    proxy.delay(0)
    assert await dedupe.known([("support", "a")], datetime.now(UTC)) == {("support", "a")}
    assert proxy.accepted == opened + 1
    await lookups.stop()
    await dedupe.stop()
