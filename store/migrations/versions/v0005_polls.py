"""Keep how far platforms were asked for news."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0005"
down_revision = "0004"


def upgrade(op: Operations) -> None:
    """Take the step."""
    op.create_table(
        "polls",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("held_until", sa.BigInteger()),
        sa.Column("cursor", sa.Text()),
        sa.Column("polled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("source", name="pk_polls"),
    )
    op.create_table(
        "poll_conversations",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text()),
        sa.Column("mark", sa.BigInteger()),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.Column("active_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("source", "number", name="pk_poll_conversations"),
    )
    waiting = sa.text("pending IS true")
    op.create_index(
        "ix_poll_conversations_waiting",
        "poll_conversations",
        ["source", "number"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index("ix_poll_conversations_active", "poll_conversations", ["source", "active_at"])
    op.create_index("ix_poll_conversations_age", "poll_conversations", ["active_at"])
