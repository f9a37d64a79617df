"""Appends to Kafka: one open batch and one on its way per partition, in the order of the calls.

A batch leaves when the one before it is acknowledged, so batches grow with the load by themselves. Everything that
waits is bounded, and every batch is acknowledged or failed by its deadline, whatever Kafka does.
"""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any

from aiokafka.errors import KafkaError

from eventlog.errors import EventLogError, LogFull, LogUnavailable, RecordRefused
from eventlog.kafka_causes import CONNECTING, is_of_topic, verdict
from eventlog.kafka_generation import AbandonedError, Generation
from eventlog.kafka_lane import DIVIDED_FOR, Batch, Lane, Limits
from eventlog.kafka_producer import Producers
from eventlog.kafka_settings import KafkaSettings
from eventlog.kafka_topics import Rules, Topics
from eventlog.log import Appending
from schemas.record import Record, TopicPartition

# A deadline whose timer fired so late was missed by us, not by Kafka: acknowledgements may lie unread in the socket.
LATE = 0.2
# Seconds between two look-ups of a topic that is not there.
LOOK_AGAIN = 0.25


class Batcher:
    """All partitions of one connection."""

    def __init__(self, settings: KafkaSettings, topics: Topics, producers: Producers) -> None:
        self._settings = settings
        self._timeout = settings.append_timeout.total_seconds()
        self._linger = settings.linger.total_seconds()
        self._topics = topics
        self._producers = producers
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[TopicPartition, Lane] = {}
        # Lanes that have something to send and nothing on its way, in the order they got so.
        self._ready: dict[Lane, None] = {}
        self._sending: asyncio.Task[None] | None = None
        self._looking: dict[str, asyncio.Task[None]] = {}
        # Topics whose batches failed: their configuration may have changed.
        self._stale: set[str] = set()
        self._records = 0
        self._bytes = 0

    @property
    def waiting(self) -> tuple[int, int]:
        """Records, and bytes, that are not acknowledged yet."""
        return self._records, self._bytes

    def used(self) -> set[str]:
        """The topics that were appended to."""
        return {at.topic for at in self._lanes}

    def append(self, record: Record, partition: int | None) -> Appending:
        """Take a record; see `EventLog.append`."""
        now, size = self._loop.time(), record.size
        if not self._topics.known(record.topic):
            self._check_room(size)
            self.look_up(record.topic)
        self._topics.check(record, size, now)
        self._check_room(size)
        at = TopicPartition(record.topic, self._topics.partition(record, partition))
        lane = self._lanes.get(at) or self._new_lane(at)
        batch, index = lane.add(record, size, now)
        self._records += 1
        self._bytes += size
        if lane.deadline is None:
            lane.deadline = self._loop.call_at(batch.born + self._timeout, self._overdue, lane)
        if lane.sending is None:
            self._offer(lane, now)
        return Appending(batch.durable, index, at)

    async def prepare(self, generation: Generation) -> None:
        """Let a new producer know our topics; the first one lists all there are."""
        if not self._topics.listed:
            self._topics.learn(await generation.look_up(None), None, self._loop.time())
        if self._lanes:
            used = self.used()
            self._topics.learn(await generation.track(used), used, self._loop.time())

    def renewed(self) -> None:
        """There is a new producer: whatever waits may go."""
        for task in self._looking.values():
            task.cancel()  # it asks the old one
        self._looking.clear()
        for topic in self._stale:
            self.look_up(topic)
        self._stale.clear()
        self._offer_all()

    def _offer_all(self) -> None:
        for lane in self._lanes.values():
            if lane.waiting and lane.sending is None:
                self._ready[lane] = None
        self._wake()

    async def drain(self, within: float) -> None:
        """Wait until everything is settled, at most so many seconds."""
        self._linger = 0.0
        self._offer_all()
        batches = [batch.durable for lane in self._lanes.values() for batch in lane.batches()]
        if batches:
            await asyncio.wait(batches, timeout=within)

    async def stop(self) -> None:
        """Fail what is not settled, and end every task."""
        for lane in self._lanes.values():
            self._fail(lane.empty(), LogUnavailable("the log was stopped before Kafka acknowledged the record"))
            for timer in (lane.deadline, lane.linger):
                if timer is not None:
                    timer.cancel()
        tasks = [task for task in (self._sending, *self._looking.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def look_up(self, topic: str) -> None:
        """Ask Kafka for a topic, once at a time; a producer is needed."""
        generation = self._producers.current
        if generation is not None and topic not in self._looking:
            self._looking[topic] = asyncio.create_task(self._look_up(topic, generation), name="kafka-topic")

    def _check_room(self, size: int) -> None:
        settings = self._settings
        if self._records >= settings.max_waiting_records or self._bytes + size > settings.max_waiting_bytes:
            raise LogFull(
                f"{self._records} records ({self._bytes} bytes) wait for Kafka already: it is slower than what comes, "
                "or away"
            )
        if (away := self._producers.away) is not None:
            raise LogUnavailable(f"Kafka is away: {away.text}")

    def _new_lane(self, at: TopicPartition) -> Lane:
        lane = self._lanes[at] = Lane(at, self._limits(at.topic), self._loop.create_future)
        return lane

    def _limits(self, topic: str) -> Limits:
        settings = self._settings
        size = min(settings.max_batch_bytes, self._topics.rules(topic).max_bytes)
        return Limits(bytes=size, records=settings.max_batch_records, age=self._timeout / 4)

    def _offer(self, lane: Lane, now: float) -> None:
        """Send a lane's next batch as soon as its turn comes."""
        due = lane.waiting[0].born + self._linger
        if len(lane.waiting) == 1 and now < due:
            lane.linger = lane.linger or self._loop.call_at(due, self._lingered, lane)
            return
        self._ready[lane] = None
        self._wake()

    def _lingered(self, lane: Lane) -> None:
        lane.linger = None
        if lane.waiting and lane.sending is None:
            self._ready[lane] = None
            self._wake()

    def _wake(self) -> None:
        if self._ready and self._producers.current is not None and (self._sending is None or self._sending.done()):
            self._sending = asyncio.create_task(self._send_ready(), name="kafka-send")
            self._sending.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        generation = self._producers.current
        if not task.cancelled() and (error := task.exception()) is not None and generation is not None:
            self._producers.retire(generation, f"sending failed in a way nobody thought of ({error!r})")

    async def _send_ready(self) -> None:
        """Hand over the next batch of every ready lane, in one go, so that they share a request."""
        while self._ready and (generation := self._producers.current) is not None:
            lane = next(iter(self._ready))
            del self._ready[lane]
            if lane.sending is not None or not lane.waiting:
                continue
            if generation.knows(lane.at):
                await self._send(lane, generation)
            else:
                self.look_up(lane.at.topic)

    async def _send(self, lane: Lane, generation: Generation) -> None:
        batch = lane.take()
        self._topics.next_turn(*lane.at)
        try:
            future = await generation.send(batch.builder, lane.at)
        except KafkaError as error:
            if lane.sending is batch:  # it was not handed over, so the next producer may have it
                lane.put_back()
            self._producers.retire(generation, f"it takes no batch: {error}")
        else:
            lane.sent = (generation, future)
            future.add_done_callback(partial(self._settled, lane, batch, generation))

    def _settled(self, lane: Lane, batch: Batch, generation: Generation, future: asyncio.Future[Any]) -> None:
        """Kafka answered, or the producer gave up."""
        generation.pending.discard(future)
        error = AbandonedError("cancelled") if future.cancelled() else future.exception()
        if lane.sending is not batch:  # its deadline was missed before
            return
        if error is None:
            self._release([lane.settle()])
            batch.resolve(future.result().offset)
            self._producers.trust()
            if lane.waiting:
                self._offer(lane, self._loop.time())
        else:
            self._judge(lane, batch, error)
            self._producers.retire(generation, f"a batch for {lane.at.topic}-{lane.at.partition} failed: {error}")

    def _judge(self, lane: Lane, batch: Batch, error: BaseException) -> None:
        """Tell a failed batch's records what became of them, and what that means for those behind."""
        topic = lane.at.topic
        match verdict(error, batch.records):
            case "refused":
                self._fail([lane.settle()], RecordRefused(f"Kafka refuses the record: {error}", topic=topic))
                if is_of_topic(error):
                    self._topics.deny(topic, f"{topic} refuses us: {error}", self._loop.time())
            case "divide":
                lane.divided_until = self._loop.time() + DIVIDED_FOR
                self._fail(lane.empty(), LogUnavailable(f"a record beside this one is refused ({error}): try again"))
            case "away":
                text = f"Kafka did not keep the record ({error}); it may still be written"
                self._fail(lane.empty(), LogUnavailable(text))
        self._stale.add(topic)

    def _overdue(self, lane: Lane) -> None:
        """The timer of a lane: its oldest batch has missed its deadline, or was settled meanwhile."""
        lane.deadline = None
        oldest = lane.oldest()
        if oldest is None:
            return
        late = self._loop.time() - oldest.born - self._timeout
        if late < 0 or (late > LATE and not oldest.spared):
            oldest.spared = late > LATE
            due = oldest.born + self._timeout if late < 0 else self._loop.time() + LATE / 2
            lane.deadline = self._loop.call_at(due, self._overdue, lane)
            return
        text = f"Kafka did not acknowledge within {self._timeout:g} s"
        if lane.sent is not None:
            generation, future = lane.sent
            generation.pending.discard(future)
            self._producers.doubt(f"did not acknowledge an append within {self._timeout:g} s")
            self._producers.retire(generation, text)
        # What waits behind would overtake what is tried again: it fails with it.
        cause = f" ({self._producers.away.text})" if self._producers.away else ""
        self._fail(lane.empty(), LogUnavailable(f"{text}{cause}; the record may still be written"))

    def _fail(self, batches: Iterable[Batch], error: EventLogError) -> None:
        batches = list(batches)
        self._release(batches)
        for batch in batches:
            batch.fail(error)

    def _release(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            self._records -= batch.records
            self._bytes -= batch.bytes

    async def _look_up(self, topic: str, generation: Generation) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                self._topics.learn(await generation.track([topic]), [topic], self._loop.time())
                if generation.knows(TopicPartition(topic, 0)):
                    await self._learn_rules(topic, generation)
                else:
                    await asyncio.sleep(LOOK_AGAIN)
        except CONNECTING as error:
            self._producers.retire(generation, f"looking up {topic} failed: {error!r}")
        finally:
            if self._looking.get(topic) is asyncio.current_task():
                del self._looking[topic]
        self._offer_all()

    async def _learn_rules(self, topic: str, generation: Generation) -> None:
        try:
            configs = await generation.configs(topic)
        except KafkaError:  # no right to ask, or a cluster that cannot tell: it will refuse what it does not take
            return
        self._topics.learn_rules(topic, Rules.of(configs, self._settings.max_message_bytes))
        for lane in self._lanes.values():
            if lane.at.topic == topic:
                lane.limit(self._limits(topic))
