"""The tables of the store, but for those of contacts. `migrations/` makes them; a test holds both against each other.

Texts a platform chose (ids, keys, names) may be of any length, and PostgreSQL indexes at most about 2,700 bytes, so
unique indexes are over 16-byte digests of them (`columns.Digest`), with the texts beside them for people.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

from store.columns import Digest, Foreign, Instant, Packed, Serial

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

COPIED_TO = "copied_to"
"""The row of `meta` that says which store goes on in place of this one."""

# `store_id`: the uuid by which a worker finds that it talks to the store its group works with. And `COPIED_TO`.
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
    # `EventLog.identity`: places and offsets mean something in one log only.
    Column("log", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    # Released in order; false while owned.
    Column("clean", Boolean, nullable=False),
    # What `clean` was when the present epoch was taken.
    Column("found_clean", Boolean, nullable=False),
    # Where the entry starts was committed to the log: a position that is missing from then on is lost.
    Column("started", Boolean, nullable=False),
)

schedule = Table(
    "schedule",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    # `timer`.
    Column("kind", Text, nullable=False),
    Column("handler", Text, nullable=False),
    # The event log in which topic, partition and offset stand; empty in rows of before logs were told apart.
    Column("log", Text, nullable=False, server_default=""),
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
    # JSON: what the handler gave the timer.
    Column("data", Text),
    Column("received_at", Instant),
    # When the row was written, for throwing old ones away.
    Column("written_at", Instant, nullable=False),
    CheckConstraint("state in ('set', 'fired', 'cancelled')", name="state"),
    CheckConstraint("state <> 'set' or (due is not null and firing is not null)", name="set_is_due"),
)
# Literals, here and in the queries: with a parameter in its place a database may not see that a partial index will do.
IS_TIMER = schedule.c.kind == literal_column("'timer'")
IS_PENDING = schedule.c.state == literal_column("'set'")
IS_OVER = schedule.c.state != literal_column("'set'")


def partial(name: str, where: ColumnElement[bool], *columns: Column[Any], unique: bool = False) -> Index:
    """An index over some rows only."""
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


_PLACE = (schedule.c.handler, schedule.c.log, schedule.c.topic, schedule.c.partition)
partial("uq_schedule_timer", IS_TIMER, *_PLACE, schedule.c.slot, unique=True)
partial("ix_schedule_pending", IS_PENDING, *_PLACE, schedule.c.due, schedule.c.id)
partial("ix_schedule_firing", IS_PENDING, schedule.c.handler, schedule.c.firing)
partial("ix_schedule_settled", IS_OVER, schedule.c.written_at)

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
# Few: those under way, and those that nobody will ever know of.
IS_UNFINISHED = effects.c.result.is_(None)
partial("ix_effects_unfinished", IS_UNFINISHED, effects.c.handler)

# A cap's window, and how much of it is used.
caps = Table(
    "caps",
    metadata,
    Column("handler", Text, primary_key=True),
    # Digest of name and key.
    Column("slot", Digest, primary_key=True),
    Column("window_start", Instant, primary_key=True),
    Column("name", Foreign, nullable=False),
    Column("key", Foreign, nullable=False),
    Column("used", BigInteger, nullable=False),
)
Index("ix_caps_window_start", caps.c.window_start)

# The events counted in a window.
cap_uses = Table(
    "cap_uses",
    metadata,
    Column("handler", Text, primary_key=True),
    Column("slot", Digest, primary_key=True),
    Column("window_start", Instant, primary_key=True),
    # Digest of source and event id.
    Column("event", Digest, primary_key=True),
    ForeignKeyConstraint(
        ["handler", "slot", "window_start"],
        ["caps.handler", "caps.slot", "caps.window_start"],
        ondelete="CASCADE",
        onupdate="CASCADE",
        name="fk_cap_uses_caps",
    ),
)

# The attempts under way where a worker crashed before: what is found here later did not end by itself.
suspects = Table(
    "suspects",
    metadata,
    Column("handler", Text, primary_key=True),
    Column("log", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    # What was attempted: the offset of a record, the firing of a timer, the number of a replay.
    Column("item", Text, primary_key=True),
    # How often the process ended while it was attempted, if it ends now too.
    Column("crashes", Integer, nullable=False),
)

# Records of lanes that wait long. One is here until it is settled; its offset in the log is settled from the beginning.
parked = Table(
    "parked",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("handler", Text, nullable=False),
    # The partition that runs it, and its place among the records of that one: of the same log, or taken over.
    Column("log", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    # Digest of what names its lane.
    Column("slot", Digest, nullable=False),
    # Digest of what is the same in every copy of the event, and its id for people.
    Column("identity", Digest, nullable=False),
    Column("event_id", Foreign, nullable=False),
    # When it is tried next, and what came of the attempts so far.
    Column("due", Instant, nullable=False),
    Column("made", Integer, nullable=False),
    Column("free", Integer, nullable=False),
    Column("first_failed_at", Instant),
    Column("held_up_since", Instant),
    Column("detail", Foreign, nullable=False),
    Column("parked_at", Instant, nullable=False),
    # The record: its first place, and all of it. The lane's source as it stands in a header.
    Column("record_log", Text, nullable=False),
    Column("record_partition", Integer, nullable=False),
    Column("record_offset", BigInteger, nullable=False),
    Column("source", LargeBinary, nullable=False),
    Column("key", LargeBinary),
    Column("timestamp", BigInteger, nullable=False),
    Column("headers", Packed, nullable=False),
    Column("value", LargeBinary),
)
_HOME = (parked.c.handler, parked.c.log, parked.c.topic, parked.c.partition)
Index("uq_parked_record", *_HOME, parked.c.position, parked.c.identity, unique=True)
Index("ix_parked_lane", *_HOME, parked.c.slot, parked.c.position, parked.c.id)

# Dead letters that somebody decided on: replayed or discarded. And events that are replayed out of their topics.
replays = Table(
    "replays",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    # The entry that could not handle the event, and handles it in a replay.
    Column("handler", Text, nullable=False),
    # Digest of what names the letter: its place in the log, and what it says of itself.
    Column("slot", Digest, nullable=False),
    Column("letter_topic", Text, nullable=False),
    Column("letter_partition", Integer, nullable=False),
    Column("letter_offset", BigInteger, nullable=False),
    Column("source", Foreign, nullable=False),
    Column("event_id", Foreign, nullable=False),
    Column("failed_at", Foreign, nullable=False),
    # waiting, running, done, dead, cancelled or discarded.
    Column("state", Text, nullable=False),
    # Of `once`: keep or redo.
    Column("effects", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("taken_at", Instant),
    Column("ended_at", Instant),
    # Why it died again.
    Column("reason", Text),
    Column("detail", Foreign),
    # The record as it was before it died: its first place, and, until the replay is over, all of it. The log that place
    # is in; empty in rows of before logs were told apart.
    Column("log", Text, nullable=False, server_default=""),
    Column("topic", Text),
    Column("partition", Integer),
    Column("record_offset", BigInteger),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    # Of the record, and what the letter says of its death.
    Column("headers", Packed),
    Column("timestamp", BigInteger),
    Column("death", Packed),
    # The set of events it was asked for with (`replay_jobs`); NULL: by itself.
    Column("job", BigInteger),
    # Digest of source and event id.
    Column("event", Digest),
    UniqueConstraint("handler", "slot"),
    CheckConstraint("state in ('waiting', 'running', 'done', 'dead', 'cancelled', 'discarded')", name="state"),
    CheckConstraint("effects in ('keep', 'redo')", name="effects"),
    CheckConstraint("(ended_at is null) = (state in ('waiting', 'running'))", name="open"),
    CheckConstraint(
        "ended_at is not null or (topic is not null and partition is not null and record_offset is not null"
        " and headers is not null and timestamp is not null and death is not null)",
        name="open_has_record",
    ),
)
IS_OPEN = replays.c.ended_at.is_(None)
IS_ENDED = replays.c.ended_at.is_not(None)
partial(
    "ix_replays_open",
    IS_OPEN,
    replays.c.handler,
    replays.c.topic,
    replays.c.partition,
    replays.c.record_offset,
    replays.c.id,
)
partial("ix_replays_ended", IS_ENDED, replays.c.ended_at)

# How far the platform of a source was asked for news, and who asks it now.
polls = Table(
    "polls",
    metadata,
    Column("source", Text, primary_key=True),
    # The process that asks, and until when it may; NULL: nobody.
    Column("holder", Text),
    Column("held_until", Instant),
    # JSON, the platform's own: what was read of its lists.
    Column("cursor", Text),
    # The end of the last round that went well.
    Column("polled_at", Instant),
)

# The conversations a poll has seen, and how far each was read.
poll_conversations = Table(
    "poll_conversations",
    metadata,
    Column("source", Text, primary_key=True),
    # The platform's number of it.
    Column("number", BigInteger, primary_key=True),
    # What paths call it; NULL: it was looked for and is not listed.
    Column("address", Foreign),
    # The newest message that is durable; NULL: none yet.
    Column("mark", BigInteger),
    # It has something new that was not read.
    Column("pending", Boolean, nullable=False),
    # When news of it was found last.
    Column("active_at", Instant),
)
IS_WAITING = poll_conversations.c.pending.is_(True)
partial("ix_poll_conversations_waiting", IS_WAITING, poll_conversations.c.source, poll_conversations.c.number)
Index("ix_poll_conversations_active", poll_conversations.c.source, poll_conversations.c.active_at)
Index("ix_poll_conversations_age", poll_conversations.c.active_at)

# Entries that are to stand still until the row is gone.
stops = Table(
    "stops",
    metadata,
    Column("handler", Text, primary_key=True),
    # paused: by an operator. dead-letters: too many of its events died.
    Column("reason", Text, nullable=False),
    # For people.
    Column("detail", Foreign, nullable=False),
    Column("by", Foreign, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("reason in ('paused', 'dead-letters')", name="reason"),
)
