"""Remember which deliveries of the quarantine were dealt with."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0011"
down_revision = "0010"


def upgrade(op: Operations) -> None:
    """Take the step."""
    op.create_table(
        "quarantine",
        sa.Column("slot", sa.LargeBinary(), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slot", name="pk_quarantine"),
    )
    op.create_index("ix_quarantine_place", "quarantine", ["log", "topic", "partition", "record_offset"])
    op.create_index("ix_quarantine_ended_at", "quarantine", ["ended_at"])
