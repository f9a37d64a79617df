"""What one writes by hand on aiokafka: `plain_loop.py BOOTSTRAP TOPIC EVENTS WAIT WORKERS`.

It fetches a batch, handles it, one by one or so many at once, and commits. Nothing is retried, one failure loses a
batch or stops it all, and with several at once the events of a key overtake each other.
"""

import asyncio
import sys

import uvloop
from aiokafka import AIOKafkaConsumer
from measured import Measured
from pydantic import BaseModel


class MessageCreated(BaseModel):
    """The fields that the handler is given."""

    message_id: str
    conversation_id: str
    role: str
    content: str


async def main(bootstrap: str, topic: str, events: int, wait: float, workers: int) -> None:
    """Consume until all events were handled."""
    measured = Measured(events, wait)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=f"{topic}.plain.{workers}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    slots = asyncio.Semaphore(workers)

    async def handle(value: bytes) -> None:
        message = MessageCreated.model_validate_json(value)
        async with slots:
            await measured.handle(message.conversation_id, int(message.message_id[1:]))

    while not measured.done.is_set():
        found = await consumer.getmany(timeout_ms=500, max_records=500)
        values = [record.value for records in found.values() for record in records]
        if workers == 1:
            for value in values:
                await handle(value)
        else:
            await asyncio.gather(*(handle(value) for value in values))
        if values:
            await consumer.commit()
    measured.print()
    await consumer.stop()


if __name__ == "__main__":
    _, bootstrap, topic, events, wait, workers = sys.argv
    uvloop.run(main(bootstrap, topic, int(events), float(wait), int(workers)))
