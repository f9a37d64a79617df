"""Keep records of lanes that wait long."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0007"
down_revision = "0006"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_HOME = ("handler", "log", "topic", "partition")


def upgrade(op: Operations) -> None:
    """Take the step."""
    op.create_table(
        "parked",
        sa.Column("id", _SERIAL, nullable=False, autoincrement=True),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.LargeBinary(), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("free", sa.Integer(), nullable=False),
        sa.Column("first_failed_at", sa.BigInteger()),
        sa.Column("held_up_since", sa.BigInteger()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("parked_at", sa.BigInteger(), nullable=False),
        sa.Column("record_log", sa.Text(), nullable=False),
        sa.Column("record_partition", sa.Integer(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.LargeBinary()),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name="pk_parked"),
    )
    op.create_index("uq_parked_record", "parked", [*_HOME, "position", "identity"], unique=True)
    op.create_index("ix_parked_lane", "parked", [*_HOME, "slot", "position", "id"])
