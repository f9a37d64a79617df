"""Find the effects that were begun and have no result."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0004"
down_revision = "0003"


def upgrade(op: Operations) -> None:
    """Take the step."""
    clause = sa.text("result is null")
    op.create_index("ix_effects_unfinished", "effects", ["handler"], sqlite_where=clause, postgresql_where=clause)
