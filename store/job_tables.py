"""The tables of replays of many events at once, and of entries that were given another name."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text

from store.columns import Foreign, Instant, Serial
from store.tables import metadata, partial, replays

# Sets of events that an entry is to be given again. A worker reads them and writes rows of `replays`.
replay_jobs = Table(
    "replay_jobs",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    # The entry that is given the events.
    Column("handler", Text, nullable=False),
    # The event log that is read: the cursor means something in that one only.
    Column("log", Text, nullable=False),
    # dead: the dead letters. topics: the topics the entry reads.
    Column("reads", Text, nullable=False),
    # JSON: which of the events are meant.
    Column("filters", Foreign, nullable=False),
    # Of `once`: keep or redo.
    Column("effects", Text, nullable=False),
    # Microseconds between two events; NULL: as fast as the entry is.
    Column("spacing", BigInteger),
    # reading, read or cancelled.
    Column("state", Text, nullable=False),
    # JSON: how far each partition was read, and where to stop.
    Column("cursor", Foreign, nullable=False),
    # Events that are meant, so far, and those of them that were left out: somebody had decided on them.
    Column("found", BigInteger, nullable=False),
    Column("skipped", BigInteger, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", Foreign, nullable=False),
    # Read to its end, or cancelled.
    Column("ended_at", Instant),
    # When the next event may be given.
    Column("next_at", Instant, nullable=False),
    # The process that reads, and until when it may; NULL: nobody.
    Column("holder", Text),
    Column("held_until", Instant),
    CheckConstraint("reads in ('dead', 'topics')", name="reads"),
    CheckConstraint("effects in ('keep', 'redo')", name="effects"),
    CheckConstraint("state in ('reading', 'read', 'cancelled')", name="state"),
    CheckConstraint("(ended_at is null) = (state = 'reading')", name="open"),
)
IS_READING = replay_jobs.c.ended_at.is_(None)
partial("ix_replay_jobs_reading", IS_READING, replay_jobs.c.handler, replay_jobs.c.id)
partial("ix_replay_jobs_ended", replay_jobs.c.ended_at.is_not(None), replay_jobs.c.ended_at)
partial("ix_replays_job", replays.c.job.is_not(None), replays.c.job, replays.c.state)
Index("ix_replays_event", replays.c.handler, replays.c.event)

# Names that entries had: dead letters of that time keep them.
renames = Table(
    "renames",
    metadata,
    Column("old", Text, primary_key=True),
    Column("renamed_at", Instant, primary_key=True),
    # The entry it is now.
    Column("handler", Text, nullable=False),
)
