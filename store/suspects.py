"""What was under way in partitions whose worker crashed before: one of it may be what ends the process.

An attempt in such a partition is noted before it begins, and the note goes when it has ended by itself. So the notes
that the next owner finds are of attempts that were under way at another crash, with the number of those crashes.
"""

from collections.abc import Mapping

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.record import TopicPartition
from store.database import Database
from store.dialects import insert
from store.owners import Epoch, held
from store.tables import suspects


def whereabouts(at: TopicPartition, item: str) -> str:
    """What names an item among those of all partitions."""
    return f"{at.topic}/{at.partition} {item}"


class Suspects:
    """Table `suspects`. Every write is conditional on owning the partition."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def found(
        self, handler: str, epochs: Mapping[TopicPartition, Epoch]
    ) -> Mapping[TopicPartition, Mapping[str, int]]:
        """What was under way in each partition: item → how often the process ended while it was attempted.

        Raises:
            StoreError: the database failed.
        """
        places = [(epoch.log, at.topic, at.partition) for at, epoch in sorted(epochs.items())]
        columns = (suspects.c.topic, suspects.c.partition, suspects.c.item, suspects.c.crashes)
        here = tuple_(suspects.c.log, suspects.c.topic, suspects.c.partition).in_(places)
        statement = select(*columns).where(suspects.c.handler == handler, here)

        async def work(connection: AsyncConnection) -> Mapping[TopicPartition, Mapping[str, int]]:
            items: dict[TopicPartition, dict[str, int]] = {at: {} for at in epochs}
            for topic, partition, item, crashes in await connection.execute(statement):
                items[TopicPartition(topic, partition)][item] = crashes
            return items

        return await self._database.read(work) if epochs else {}

    async def all(self, log: str) -> Mapping[str, Mapping[str, int]]:
        """Handler → item with its partition → how often the process ended while it was attempted, if it ends now too.

        Args:
            log: the identity of the event log.

        Raises:
            StoreError: the database failed.
        """
        columns = (suspects.c.handler, suspects.c.topic, suspects.c.partition, suspects.c.item, suspects.c.crashes)
        statement = select(*columns).where(suspects.c.log == log)

        async def work(connection: AsyncConnection) -> Mapping[str, Mapping[str, int]]:
            noted: dict[str, dict[str, int]] = {}
            for handler, topic, partition, item, crashes in await connection.execute(statement):
                noted.setdefault(handler, {})[whereabouts(TopicPartition(topic, partition), item)] = crashes
            return noted

        return await self._database.read(work)

    async def note(
        self,
        handler: str,
        epochs: Mapping[TopicPartition, Epoch],
        notes: Mapping[TopicPartition, Mapping[str, int | None]],
    ) -> frozenset[TopicPartition]:
        """Note what begins and take back what has ended, in one transaction. May be repeated.

        Args:
            handler: the entry.
            epochs: under which the partitions are owned.
            notes: partition → item → its crashes, this one included, if it begins; None if it has ended.

        Returns:
            Those of the partitions that are still ours; nothing was written of the others.

        Raises:
            StoreError: the database failed.
        """

        async def work(connection: AsyncConnection) -> frozenset[TopicPartition]:
            ours = await held(connection, handler, {at: epochs[at] for at in notes})
            begun, ended = _rows(handler, {at: epochs[at] for at in ours}, notes)
            if ended:
                these = tuple_(suspects.c.log, suspects.c.topic, suspects.c.partition, suspects.c.item).in_(ended)
                await connection.execute(delete(suspects).where(suspects.c.handler == handler, these))
            if begun:
                statement = insert(connection.dialect.name, suspects).values(begun)
                statement = statement.on_conflict_do_update(
                    index_elements=[*suspects.primary_key.columns], set_={"crashes": statement.excluded.crashes}
                )
                await connection.execute(statement)
            return ours

        return await self._database.write(work)


def _rows(
    handler: str, epochs: Mapping[TopicPartition, Epoch], notes: Mapping[TopicPartition, Mapping[str, int | None]]
) -> tuple[list[dict[str, object]], list[tuple[str, str, int, str]]]:
    """The rows that are to be there, and the names of those that are to go."""
    begun: list[dict[str, object]] = []
    ended: list[tuple[str, str, int, str]] = []
    for at, epoch in sorted(epochs.items()):
        for item, crashes in sorted(notes[at].items()):
            if crashes is None:
                ended.append((epoch.log, *at, item))
            else:
                place = {"handler": handler, "log": epoch.log, "topic": at.topic, "partition": at.partition}
                begun.append({**place, "item": item, "crashes": crashes})
    return begun, ended
