"""Keep which entries are to stand still."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0006"
down_revision = "0005"


def upgrade(op: Operations) -> None:
    """Take the step."""
    op.create_table(
        "stops",
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("handler", name="pk_stops"),
        sa.CheckConstraint("reason in ('paused', 'dead-letters')", name="ck_stops_reason"),
    )
