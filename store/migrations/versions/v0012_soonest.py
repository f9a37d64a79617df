"""Find the timers that come due next."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0012"
down_revision = "0011"


def upgrade(op: Operations) -> None:
    """Take the step."""
    clause = sa.text("state = 'set'")
    place = ["handler", "log", "topic", "partition", "due", "id"]
    op.drop_index("ix_schedule_pending", table_name="schedule")
    op.create_index("ix_schedule_pending", "schedule", place, sqlite_where=clause, postgresql_where=clause)
