"""The producer in use, and its replacement: whatever goes wrong with one, another is started.

A producer is left after its first error or missed deadline. Batches on their way through it may still arrive for a
moment; then it is abandoned, and a new one is tried every quarter of a second until Kafka is back.
"""

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any, Protocol

import structlog

from eventlog.errors import LogMisconfigured
from eventlog.kafka_causes import CONNECTING, Cause, cause_of
from eventlog.kafka_client import Cluster
from eventlog.kafka_generation import Generation
from eventlog.kafka_identity import Identity
from eventlog.kafka_probe import probe
from eventlog.log import Health

log = structlog.get_logger()

# Seconds between two attempts to connect, and when the credentials or certificates are refused: brokers count those.
RETRY = 0.25
RETRY_HOPELESS = 5.0
# Seconds a producer must have lived to be replaced without a pause.
LIVED = 1.0
# Seconds that batches of other partitions get on a producer that is left. A healthy broker answers in milliseconds, and
# what is late is written later still: the sooner a producer is gone, the less it writes behind its successor.
GRACE = 0.5
# Seconds between two inquiries into why Kafka is away.
ASK_AGAIN = 10.0
# Seconds a missed acknowledgement casts doubt on a log that lets us connect.
DOUBT = 10.0


class User(Protocol):
    """Who sends through the producer in use."""

    async def prepare(self, generation: Generation) -> None:
        """A new producer is connected: let it learn what it must know, within the time to connect.

        Raises:
            KafkaError, NotImplementedError, OSError: this producer is no good.
        """

    def renewed(self) -> None:
        """The new producer is in use."""


class Producers:
    """Always one producer, or the reason why there is none."""

    def __init__(self, cluster: Cluster, identity: Identity) -> None:
        self._cluster = cluster
        self._identity = identity
        self._user: User | None = None
        self._numbers = itertools.count(1)
        self._turns = itertools.count()
        self._connecting: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._asked = float("-inf")
        self._leaving: set[asyncio.Task[None]] = set()
        self._doubted: tuple[float, str] | None = None
        self._stopped = False
        self._lost = False
        # The producer to use now; None while there is none.
        self.current: Generation | None = None
        # Why Kafka is away; None while it is not known to be.
        self.away: Cause | None = Cause("not connected yet")

    async def start(self, user: User) -> None:
        """Try to connect once; when that fails it goes on in the background.

        Raises:
            LogMisconfigured: waiting would not help.
        """
        self._user = user
        try:
            self._install(await self._connect())
        except CONNECTING as error:
            await self._note_lost(error)
            if self.away is not None and self.away.hopeless:
                raise LogMisconfigured(f"Kafka cannot be used: {self.away.text}") from error
            self._begin(self._reconnect(RETRY))

    async def stop(self) -> None:
        """Leave the producer and end every task; nothing waits for Kafka."""
        self._stopped = True
        tasks = [task for task in (self._connecting, self._asking, *self._leaving) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.current is not None:
            await self.current.abandon("the log was stopped")
            self.current = None

    def retire(self, generation: Generation, reason: str) -> None:
        """Leave a producer after an error or a missed deadline, and get another one."""
        if generation.retired or self._stopped:
            return
        generation.retired = True
        leaving = asyncio.create_task(self._leave(generation, reason), name="kafka-leave")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        if generation is self.current:
            self.current = None
            self._begin(self._replace(generation, reason))

    def doubt(self, reason: str) -> None:
        """An acknowledgement did not come in time."""
        self._doubted = (_now(), reason)

    def trust(self) -> None:
        """An acknowledgement came."""
        self._doubted = None

    def health(self, now: float) -> Health:
        """Whether Kafka answers now."""
        if self.away is not None:
            return Health(ok=False, detail=f"Kafka is away: {self.away.text}")
        if self._doubted is not None and now - self._doubted[0] < DOUBT:
            return Health(ok=False, detail=f"Kafka lets us connect, but {self._doubted[1]}")
        return Health(ok=True)

    def _begin(self, connecting: Coroutine[Any, Any, None]) -> None:
        self._connecting = asyncio.create_task(connecting, name="kafka-connect")
        self._connecting.add_done_callback(self._connecting_ended)

    def _connecting_ended(self, task: asyncio.Task[None]) -> None:
        """Whatever ended the search for a producer, it goes on."""
        if task.cancelled() or self._stopped:
            return
        if error := task.exception():
            self.away = Cause(f"connecting failed in a way nobody thought of ({error!r})")
            log.error("log.lost", log="kafka", servers=str(self._cluster), cause=self.away.text, exc_info=error)
            self._begin(self._reconnect(RETRY_HOPELESS))

    async def _replace(self, old: Generation, reason: str) -> None:
        began = _now()
        await self._reconnect(0 if began - old.born > LIVED else RETRY)
        if self.current is not None:
            took = round(_now() - began, 3)
            log.warning("producer.replaced", reason=reason, left=old.number, new=self.current.number, seconds=took)

    async def _reconnect(self, pause: float) -> None:
        while not self._stopped:
            await asyncio.sleep(pause)
            try:
                generation = await self._connect()
            except CONNECTING as error:
                self._look_into(error)
                pause = RETRY_HOPELESS if self.away and self.away.hopeless else RETRY
            else:
                self._install(generation)
                return

    async def _connect(self) -> Generation:
        return await Generation.connect(next(self._numbers), self._cluster, next(self._turns), self._prepare)

    async def _prepare(self, generation: Generation) -> None:
        if self._user is None:
            raise RuntimeError("start comes first")
        self._identity.meet(await generation.cluster())
        await self._user.prepare(generation)

    def _install(self, generation: Generation) -> None:
        self.current = generation
        if self.away is not None:
            self._doubted = None
            log.info("log.connected", log="kafka", servers=str(self._cluster))
        self.away, self._lost, self._asked = None, False, float("-inf")
        if self._user is not None:
            self._user.renewed()

    async def _leave(self, generation: Generation, reason: str) -> None:
        try:
            await generation.idle(GRACE)
        finally:
            await generation.abandon(reason)

    def _look_into(self, error: BaseException) -> None:
        """Ask why Kafka is away, in the background, so that the next attempt to connect need not wait for it."""
        if self.away is None:
            self.away = Cause(f"{self._cluster}: no broker lets us connect")
        if _now() - self._asked >= ASK_AGAIN and (self._asking is None or self._asking.done()):
            self._asked = _now()
            self._asking = asyncio.create_task(self._note_lost(error), name="kafka-probe")

    async def _note_lost(self, error: BaseException) -> None:
        found = await probe(self._cluster, self._cluster.settings.connect_timeout / 2)
        if self.current is not None:
            return
        self.away = found or cause_of(error, self._cluster, self._cluster.settings)
        if not self._lost:
            self._lost = True
            log.error("log.lost", log="kafka", servers=str(self._cluster), cause=self.away.text)


def _now() -> float:
    return asyncio.get_running_loop().time()
