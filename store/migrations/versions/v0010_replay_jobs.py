"""Replay sets of events, and remember which name an entry had."""

import sqlalchemy as sa
from alembic.operations import Operations

from store.columns import Foreign
from store.digests import fingerprint

revision = "0010"
down_revision = "0009"


def upgrade(op: Operations) -> None:
    """Take the step."""
    op.create_table(
        "replay_jobs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("reads", sa.Text(), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("effects", sa.Text(), nullable=False),
        sa.Column("spacing", sa.BigInteger()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("skipped", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("held_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_replay_jobs"),
        sa.CheckConstraint("reads in ('dead', 'topics')", name="ck_replay_jobs_reads"),
        sa.CheckConstraint("effects in ('keep', 'redo')", name="ck_replay_jobs_effects"),
        sa.CheckConstraint("state in ('reading', 'read', 'cancelled')", name="ck_replay_jobs_state"),
        sa.CheckConstraint("(ended_at is null) = (state = 'reading')", name="ck_replay_jobs_open"),
    )
    op.create_table(
        "renames",
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("renamed_at", sa.BigInteger(), nullable=False),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("old", "renamed_at", name="pk_renames"),
    )
    op.add_column("replays", sa.Column("job", sa.BigInteger()))
    op.add_column("replays", sa.Column("event", sa.LargeBinary()))
    _name_events(op.get_bind())
    _partial_index(op, "ix_replay_jobs_reading", "replay_jobs", ["handler", "id"], "ended_at is null")
    _partial_index(op, "ix_replay_jobs_ended", "replay_jobs", ["ended_at"], "ended_at is not null")
    _partial_index(op, "ix_replays_job", "replays", ["job", "state"], "job is not null")
    op.create_index("ix_replays_event", "replays", ["handler", "event"])


def _name_events(connection: sa.Connection) -> None:
    """Decisions are looked up by the event from now on."""
    replays = sa.table(
        "replays",
        sa.column("id"),
        sa.column("source", Foreign()),
        sa.column("event_id", Foreign()),
        sa.column("event", sa.LargeBinary()),
    )
    for number, source, event_id in connection.execute(
        sa.select(replays.c.id, replays.c.source, replays.c.event_id)
    ).all():
        named = sa.update(replays).where(replays.c.id == number).values(event=fingerprint(source, event_id))
        connection.execute(named)


def _partial_index(op: Operations, name: str, table: str, columns: list[str], where: str) -> None:
    clause = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=clause, postgresql_where=clause)
