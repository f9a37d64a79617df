"""Who owns a partition: an epoch per handler entry, event log, topic and partition.

The group protocol says who should own a partition, the store says who does. Whoever claims takes the next epoch, and
every later write of the owner is conditional on it: a worker that was frozen while its partition went to another can
write nothing any more.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, delete, false, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.record import TopicPartition
from store.database import Database
from store.dialects import insert
from store.errors import NotOwned
from store.tables import owners, suspects


class Epoch(NamedTuple):
    """A turn of owning a partition."""

    value: int
    # Whether the owner before left in order. If not it crashed or was frozen, and some event may be the reason.
    clean: bool
    # The event log the partition is in.
    log: str = ""
    # Where the entry starts there was committed, by whichever owner.
    started: bool = False


class Owners:
    """Table `owners`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, handler: str, partitions: Collection[TopicPartition], log: str
    ) -> dict[TopicPartition, Epoch]:
        """Take the next epoch of each partition, in one transaction. Nobody owned before: epoch 1, clean.

        Args:
            handler: the handler's entry.
            partitions: those it was assigned.
            log: the identity of the event log they are in.

        Raises:
            StoreError: nothing is claimed, as far as one can know; claim again.
        """
        if not partitions:
            return {}
        new = {"handler": handler, "log": log, "epoch": 1, "clean": False, "found_clean": True, "started": False}
        # Sorted, so that two workers who claim at once wait for each other instead of deadlocking.
        rows = [{**new, "topic": at.topic, "partition": at.partition} for at in sorted(partitions)]

        async def work(connection: AsyncConnection) -> dict[TopicPartition, Epoch]:
            statement = insert(connection.dialect.name, owners).values(rows)
            statement = statement.on_conflict_do_update(
                index_elements=["handler", "log", "topic", "partition"],
                set_={"epoch": owners.c.epoch + 1, "found_clean": owners.c.clean, "clean": false()},
            )
            columns = (owners.c.topic, owners.c.partition, owners.c.epoch, owners.c.found_clean, owners.c.started)
            found = await connection.execute(statement.returning(*columns))
            return {
                TopicPartition(topic, number): Epoch(epoch, clean, log, started)
                for topic, number, epoch, clean, started in found
            }

        return await self._database.write(work)

    async def started(self, handler: str, log: str) -> frozenset[TopicPartition]:
        """The partitions of a log in which an entry began, whether it owns them now or not.

        Raises:
            StoreError: the database failed.
        """
        these = select(owners.c.topic, owners.c.partition).where(
            owners.c.handler == handler, owners.c.log == log, owners.c.started
        )

        async def work(connection: AsyncConnection) -> frozenset[TopicPartition]:
            return frozenset(TopicPartition(topic, number) for topic, number in await connection.execute(these))

        return await self._database.read(work)

    async def begun(self, handler: str, epochs: Mapping[TopicPartition, Epoch]) -> None:
        """Keep in mind that where the entry starts in these partitions is committed. May be repeated.

        Raises:
            NotOwned: one of them has another owner; nothing was written.
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> None:
            changed = await _changed(connection, handler, epochs, started=True)
            for at, epoch in epochs.items():
                if at not in changed:
                    raise NotOwned(handler, at, epoch.value)

        if epochs:
            await self._database.write(work)

    async def release(self, handler: str, epochs: Mapping[TopicPartition, Epoch]) -> frozenset[TopicPartition]:
        """Say that these partitions were left in order. Returns those that were still ours to leave.

        Raises:
            StoreError: they may count as left by a crash; nothing is lost by that but speed.
        """

        async def work(connection: AsyncConnection) -> frozenset[TopicPartition]:
            released = await _changed(connection, handler, epochs, clean=True)
            places = [(epochs[at].log, *at) for at in sorted(released)]
            these = tuple_(suspects.c.log, suspects.c.topic, suspects.c.partition).in_(places)
            await connection.execute(delete(suspects).where(suspects.c.handler == handler, these))
            return released

        return await self._database.write(work) if epochs else frozenset()

    async def confirm(self, handler: str, at: TopicPartition, epoch: Epoch) -> None:
        """Make sure that a partition is ours now, before something that no transaction can take back.

        Raises:
            NotOwned: it has another owner.
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> bool:
            return (
                await connection.execute(select(literal(1)).where(_these(handler, {at: epoch})))
            ).first() is not None

        if not await self._database.read(work):
            raise NotOwned(handler, at, epoch.value)

    async def is_owned(self, handler: str, topic: str, log: str) -> bool:
        """Whether somebody claimed a partition of a topic and did not release it: an owner, or one that crashed.

        Raises:
            StoreError: the database failed.
        """
        statement = select(literal(1)).where(
            owners.c.handler == handler, owners.c.log == log, owners.c.topic == topic, owners.c.clean.is_(False)
        )

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(statement.limit(1))).first() is not None

        return await self._database.read(work)


# FOR SHARE lets one owner's writes run side by side and makes a claim wait for them. SQLite has one writer anyway.
# Built once, for it is a part of almost every transaction.
_HELD = (
    select(literal(1))
    .where(*(owners.c[name] == bindparam(name) for name in ("handler", "log", "topic", "partition", "epoch")))
    .with_for_update(read=True)
)


async def hold(connection: AsyncConnection, handler: str, at: TopicPartition, epoch: Epoch) -> None:
    """Make sure, inside a transaction, that the partition is still owned, and keep it so until the commit.

    Raises:
        NotOwned: it is not.
    """
    place = {"handler": handler, "log": epoch.log, "topic": at.topic, "partition": at.partition}
    if (await connection.execute(_HELD, {**place, "epoch": epoch.value})).first() is None:
        raise NotOwned(handler, at, epoch.value)


async def held(
    connection: AsyncConnection, handler: str, epochs: Mapping[TopicPartition, Epoch]
) -> frozenset[TopicPartition]:
    """Those of the partitions that are still owned, which they stay until the transaction's commit."""
    statement = select(owners.c.topic, owners.c.partition).where(_these(handler, epochs)).with_for_update(read=True)
    return frozenset(TopicPartition(topic, number) for topic, number in await connection.execute(statement))


async def dispossess(connection: AsyncConnection, handler: str, places: Collection[tuple[str, str, int]]) -> None:
    """Inside a transaction, take partitions of other event logs from whoever may still own them.

    Args:
        connection: of the transaction.
        handler: the handler's entry.
        places: log, topic and partition of each.
    """
    statement = update(owners).where(
        owners.c.handler == handler, tuple_(owners.c.log, owners.c.topic, owners.c.partition).in_(sorted(places))
    )
    await connection.execute(statement.values(epoch=owners.c.epoch + 1))


async def _changed(
    connection: AsyncConnection, handler: str, epochs: Mapping[TopicPartition, Epoch], **values: bool
) -> frozenset[TopicPartition]:
    """Change rows of partitions that are still owned under these epochs; returns which."""
    statement = update(owners).where(_these(handler, epochs)).values(**values)
    found = await connection.execute(statement.returning(owners.c.topic, owners.c.partition))
    return frozenset(TopicPartition(topic, number) for topic, number in found)


def _these(handler: str, epochs: Mapping[TopicPartition, Epoch]) -> ColumnElement[bool]:
    """The rows of partitions that are owned under these epochs."""
    mine = [(epoch.log, *at, epoch.value) for at, epoch in sorted(epochs.items())]
    return and_(
        owners.c.handler == handler,
        tuple_(owners.c.log, owners.c.topic, owners.c.partition, owners.c.epoch).in_(mine),
    )
