"""A process that writes to a store until it is killed, and says after each write what is durable now."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from schemas.contacts import Identity
from schemas.record import TopicPartition
from store.effects import EffectKey
from store.owners import Epoch
from store.schedule import TimerSet
from store.store import Store
from tests.contract.stores import LOG

HANDLER = "h"
AT = TopicPartition("hookline.conversations", 0)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PEOPLE = 7


def effect(number: int) -> EffectKey:
    """The effect of the event of that number."""
    return EffectKey(handler=HANDLER, source="support", event_id=str(number), name="ask")


def identity(number: int) -> Identity:
    """One of few people, each known to two sources."""
    source = "support" if number % 2 else "newsletter"
    return Identity(source=source, platform="mygptassistants", id=str(number % PEOPLE))


async def write(store: Store, epoch: Epoch, number: int) -> None:
    """What handling one event writes."""
    now = NOON + timedelta(seconds=number)
    address = f"{number % PEOPLE}@x.org" if number > 2 * PEOPLE else None
    saved = await store.contacts.save(
        identity(number), at=now, now=now, attributes={str(number): number}, email=address, email_verified=True
    )
    told("contact", number, saved.contact.id, saved.contact.version)
    await store.effects.begin(effect(number), at=AT, epoch=epoch, now=now)
    told("begun", number)
    await store.effects.finish(effect(number), str(number), at=AT, epoch=epoch)
    told("finished", number)
    timer = TimerSet(
        source="support",
        key=str(number % 50),
        name="ask",
        due=now,
        platform="mygptassistants",
        conversation_id=None,
        received_at=now,
    )
    await store.schedule.settle(HANDLER, AT, epoch, offset=number, event_id=str(number), now=now, set=[timer])
    told("timer", number)
    if number % 11 == 0:
        await store.contacts.delete(identity(number), at=now, now=now)
        told("deleted", number)


def told(what: str, *details: int | str) -> None:
    """Say on stdout what is durable."""
    print(json.dumps([what, *details]), flush=True)


async def main(url: str) -> None:
    """Write until killed."""
    store = Store.open(url)
    await store.start()
    epoch = (await store.owners.claim(HANDLER, [AT], LOG))[AT]
    told("claimed", epoch.value)
    number = 0
    while True:
        await write(store, epoch, number)
        number += 1


def run(url: str) -> None:
    """Be the process."""
    asyncio.run(main(url))
