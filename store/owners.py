"""Who owns a partition: an epoch per handler entry, topic and partition.

The group protocol says who should own a partition, the store says who does. Whoever claims takes the next epoch, and
every later write of the owner is conditional on it: a worker that was frozen while its partition went to another can
write nothing any more.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import CursorResult, and_, false, literal, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.record import TopicPartition
from store.database import Database
from store.dialects import insert
from store.errors import NotOwned
from store.tables import owners


class Epoch(NamedTuple):
    """A turn of owning a partition."""

    value: int
    # Whether the owner before left in order. If not it crashed or was frozen, and some event may be the reason.
    clean: bool


class Owners:
    """Table `owners`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, handler: str, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Epoch]:
        """Take the next epoch of each partition, in one transaction. Nobody owned before: epoch 1, clean.

        Raises:
            StoreError: nothing is claimed, as far as one can know; claim again.
        """
        if not partitions:
            return {}
        # Sorted, so that two workers who claim at once wait for each other instead of deadlocking.
        rows = [
            {
                "handler": handler,
                "topic": at.topic,
                "partition": at.partition,
                "epoch": 1,
                "clean": False,
                "found_clean": True,
            }
            for at in sorted(partitions)
        ]

        async def work(connection: AsyncConnection) -> dict[TopicPartition, Epoch]:
            statement = insert(connection.dialect.name, owners).values(rows)
            statement = statement.on_conflict_do_update(
                index_elements=["handler", "topic", "partition"],
                set_={"epoch": owners.c.epoch + 1, "found_clean": owners.c.clean, "clean": false()},
            )
            found = await connection.execute(
                statement.returning(owners.c.topic, owners.c.partition, owners.c.epoch, owners.c.found_clean)
            )
            return {TopicPartition(topic, number): Epoch(epoch, clean) for topic, number, epoch, clean in found}

        return await self._database.write(work)

    async def release(self, handler: str, epochs: Mapping[TopicPartition, Epoch]) -> frozenset[TopicPartition]:
        """Say that these partitions were left in order. Returns those that were still ours to leave.

        Raises:
            StoreError: they may count as left by a crash; nothing is lost by that but speed.
        """
        if not epochs:
            return frozenset()
        mine = [(at.topic, at.partition, epoch.value) for at, epoch in sorted(epochs.items())]

        async def work(connection: AsyncConnection) -> frozenset[TopicPartition]:
            statement = update(owners).where(
                owners.c.handler == handler,
                tuple_(owners.c.topic, owners.c.partition, owners.c.epoch).in_(mine),
            )
            found = await connection.execute(
                statement.values(clean=true()).returning(owners.c.topic, owners.c.partition)
            )
            return frozenset(TopicPartition(topic, number) for topic, number in found)

        return await self._database.write(work)

    async def is_owned(self, handler: str, at: TopicPartition) -> bool:
        """Whether somebody claimed a partition and did not release it: an owner, or one that crashed.

        Raises:
            StoreError: the database failed.
        """
        statement = select(owners.c.clean).where(
            owners.c.handler == handler, owners.c.topic == at.topic, owners.c.partition == at.partition
        )

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(statement)).scalar() is False

        return await self._database.read(work)


async def hold(connection: AsyncConnection, handler: str, at: TopicPartition, epoch: Epoch) -> None:
    """Make sure, inside a transaction, that the partition is still owned, and keep it so until the commit.

    Raises:
        NotOwned: it is not.
    """
    # FOR SHARE lets one owner's writes run side by side and makes a claim wait for them. SQLite has one writer anyway.
    statement = (
        select(literal(1))
        .select_from(owners)
        .where(
            and_(
                owners.c.handler == handler,
                owners.c.topic == at.topic,
                owners.c.partition == at.partition,
                owners.c.epoch == epoch.value,
            )
        )
        .with_for_update(read=True)
    )
    if (await connection.execute(statement)).first() is None:
        raise NotOwned(handler, at, epoch.value)


def changed(result: CursorResult[object]) -> bool:
    """Whether a statement changed a row."""
    return result.rowcount > 0
