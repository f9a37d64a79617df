"""Remember which version of each contact the log has."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0009"
down_revision = "0008"


def upgrade(op: Operations) -> None:
    """Take the step."""
    op.create_table(
        "snapshots",
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name="pk_snapshots"),
    )
    op.create_table(
        "appends",
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("cause", sa.LargeBinary(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "cause", name="pk_appends"),
    )
    op.create_index("ix_appends_since", "appends", ["since"])
    # Of those that are there the log may have any version, or none.
    for known in ("contacts", "former_contacts"):
        op.execute(f"INSERT INTO snapshots (contact_id, version) SELECT id, 0 FROM {known}")  # noqa: S608 - our own names
