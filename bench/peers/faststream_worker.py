"""A FastStream subscriber, typed: `faststream_worker.py BOOTSTRAP TOPIC EVENTS WAIT WORKERS POLICY`.

Policies: `default` (acknowledged before it is handled: at most once) and `after` (acknowledged after: at least once).
"""

import sys

import uvloop
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from measured import Measured
from pydantic import BaseModel


class MessageCreated(BaseModel):
    """The fields that the handler is given."""

    message_id: str
    conversation_id: str
    role: str
    content: str


async def main(bootstrap: str, topic: str, events: int, wait: float, workers: int, policy: str) -> None:
    """Subscribe until all events were handled."""
    measured = Measured(events, wait)
    broker = KafkaBroker(bootstrap, logger=None)
    options = {"ack_policy": AckPolicy.NACK_ON_ERROR} if policy == "after" else {}

    group = f"{topic}.faststream.{policy}.{workers}"

    @broker.subscriber(topic, group_id=group, auto_offset_reset="earliest", max_workers=workers, **options)
    async def handle(message: MessageCreated) -> None:
        await measured.handle(message.conversation_id, int(message.message_id[1:]))

    await broker.start()
    await measured.done.wait()
    measured.print()
    await broker.stop()


if __name__ == "__main__":
    _, bootstrap, topic, events, wait, workers, policy = sys.argv
    uvloop.run(main(bootstrap, topic, int(events), float(wait), int(workers), policy))
