"""The tables of the store. `migrations/` makes them; a test holds both against each other.

Texts a platform chose (ids, keys, names) may be of any length, and PostgreSQL indexes at most about 2,700 bytes, so
unique indexes are over 16-byte digests of them (`columns.Digest`), with the texts beside them for people.
"""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, MetaData, Table, Text

from store.columns import Digest, Foreign, Instant, Serial

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

# One row, `store_id`: the uuid by which a worker finds that it talks to the store its group works with.
meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

# When each handler entry started, and where. Written once.
entries = Table(
    "entries",
    metadata,
    Column("handler", Text, primary_key=True),
    # NULL: the earliest record there is.
    Column("start_at", Instant),
    Column("registered_at", Instant, nullable=False),
)

owners = Table(
    "owners",
    metadata,
    Column("handler", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    # Released in order; false while owned.
    Column("clean", Boolean, nullable=False),
    # What `clean` was when the present epoch was taken.
    Column("found_clean", Boolean, nullable=False),
)

schedule = Table(
    "schedule",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    # `timer` today; parked events will be rows of another kind.
    Column("kind", Text, nullable=False),
    Column("handler", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    # Digest of source, key and name.
    Column("slot", Digest, nullable=False),
    Column("source", Foreign, nullable=False),
    Column("key", Foreign, nullable=False),
    Column("name", Foreign, nullable=False),
    # set, fired or cancelled.
    Column("state", Text, nullable=False),
    # The event that wrote the row last: its place in the log and its id.
    Column("setter_offset", BigInteger, nullable=False),
    Column("setter_id", Foreign, nullable=False),
    # These are NULL when a timer was cancelled before it was ever set.
    Column("due", Instant),
    # The id of the firing, the same on every retry.
    Column("firing", Text),
    Column("platform", Foreign),
    Column("conversation_id", Foreign),
    Column("received_at", Instant),
    # When the row was written, for throwing old ones away.
    Column("written_at", Instant, nullable=False),
    CheckConstraint("state in ('set', 'fired', 'cancelled')", name="state"),
    CheckConstraint("state <> 'set' or (due is not null and firing is not null)", name="set_is_due"),
)
Index(
    "uq_schedule_timer",
    *(schedule.c[name] for name in ("handler", "topic", "partition", "slot")),
    unique=True,
    sqlite_where=schedule.c.kind == "timer",
    postgresql_where=schedule.c.kind == "timer",
)
Index(
    "ix_schedule_pending",
    *(schedule.c[name] for name in ("handler", "topic", "partition", "id")),
    sqlite_where=schedule.c.state == "set",
    postgresql_where=schedule.c.state == "set",
)
Index(
    "ix_schedule_settled",
    schedule.c.written_at,
    sqlite_where=schedule.c.state != "set",
    postgresql_where=schedule.c.state != "set",
)

effects = Table(
    "effects",
    metadata,
    Column("handler", Text, primary_key=True),
    # Digest of source, event id and name.
    Column("slot", Digest, primary_key=True),
    Column("source", Foreign, nullable=False),
    Column("event_id", Foreign, nullable=False),
    Column("name", Foreign, nullable=False),
    # Tells a begin whose answer was lost from one that somebody acted on.
    Column("token", Text, nullable=False),
    Column("begun_at", Instant, nullable=False),
    # JSON; NULL until the effect is known to have happened.
    Column("result", Foreign),
)
Index("ix_effects_begun_at", effects.c.begun_at)
