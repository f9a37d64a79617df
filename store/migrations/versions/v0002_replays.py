"""Add replays of dead letters."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0002"
down_revision = "0001"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATES = "'waiting', 'running', 'done', 'dead', 'cancelled', 'discarded'"


def upgrade(op: Operations) -> None:
    """Take the step."""
    op.create_table(
        "replays",
        sa.Column("id", _SERIAL, nullable=False, autoincrement=True),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("slot", sa.LargeBinary(), nullable=False),
        sa.Column("letter_topic", sa.Text(), nullable=False),
        sa.Column("letter_partition", sa.Integer(), nullable=False),
        sa.Column("letter_offset", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("failed_at", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("effects", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("topic", sa.Text()),
        sa.Column("partition", sa.Integer()),
        sa.Column("record_offset", sa.BigInteger()),
        sa.Column("key", sa.LargeBinary()),
        sa.Column("value", sa.LargeBinary()),
        sa.Column("headers", sa.Text()),
        sa.Column("timestamp", sa.BigInteger()),
        sa.Column("death", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_replays"),
        sa.UniqueConstraint("handler", "slot", name="uq_replays_handler_slot"),
        sa.CheckConstraint(f"state in ({_STATES})", name="ck_replays_state"),
        sa.CheckConstraint("effects in ('keep', 'redo')", name="ck_replays_effects"),
        sa.CheckConstraint("(ended_at is null) = (state in ('waiting', 'running'))", name="ck_replays_open"),
        sa.CheckConstraint(
            "ended_at is not null or (topic is not null and partition is not null and record_offset is not null"
            " and headers is not null and timestamp is not null and death is not null)",
            name="ck_replays_open_has_record",
        ),
    )
    _partial_index(op, "ix_replays_open", ["handler", "topic", "partition", "record_offset", "id"], "ended_at is null")
    _partial_index(op, "ix_replays_ended", ["ended_at"], "ended_at is not null")


def _partial_index(op: Operations, name: str, columns: list[str], where: str) -> None:
    clause = sa.text(where)
    op.create_index(name, "replays", columns, sqlite_where=clause, postgresql_where=clause)
