"""The table of deliveries in the quarantine that were dealt with."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from store.columns import Digest, Foreign, Instant
from store.tables import metadata

quarantine = Table(
    "quarantine",
    metadata,
    # Digest of what names the delivery: its place, and what it says of itself.
    Column("slot", Digest, primary_key=True),
    # The event log that place is in.
    Column("log", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("record_offset", BigInteger, nullable=False),
    # What its sender was told.
    Column("name", Foreign, nullable=False),
    # How many events of it were published by that; none where all of them were there.
    Column("events", Integer, nullable=False),
    Column("ended_at", Instant, nullable=False),
)
Index("ix_quarantine_place", quarantine.c.log, quarantine.c.topic, quarantine.c.partition, quarantine.c.record_offset)
Index("ix_quarantine_ended_at", quarantine.c.ended_at)
