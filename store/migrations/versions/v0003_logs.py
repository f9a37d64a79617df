"""Tell event logs apart, and give a timer's data a column."""

import json

import sqlalchemy as sa
from alembic.operations import Operations

from store.columns import Foreign

revision = "0003"
down_revision = "0002"

_PLACE = ["handler", "log", "topic", "partition"]
# How a timer's data stood in the column of its conversation: this, and a JSON list of the two.
_PACKED = "\x1etimer:"
_START = "hookline.start"


def upgrade(op: Operations) -> None:
    """Take the step. Which log older rows belong to nobody wrote down: they count as another one's than today's."""
    _owners(op)
    _schedule(op)
    op.add_column("replays", sa.Column("log", sa.Text(), nullable=False, server_default=""))
    effects = sa.table("effects", sa.column("name"))
    op.get_bind().execute(sa.delete(effects).where(effects.c.name == _START))


def _owners(op: Operations) -> None:
    """Epochs begin anew, since they are of a log from now on."""
    op.drop_table("owners")
    op.create_table(
        "owners",
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("clean", sa.Boolean(), nullable=False),
        sa.Column("found_clean", sa.Boolean(), nullable=False),
        sa.Column("started", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(*_PLACE, name="pk_owners"),
    )


def _schedule(op: Operations) -> None:
    op.add_column("schedule", sa.Column("log", sa.Text(), nullable=False, server_default=""))
    op.add_column("schedule", sa.Column("data", sa.Text()))
    for name in ("uq_schedule_timer", "ix_schedule_pending", "ix_schedule_firing"):
        op.drop_index(name, "schedule")
    _partial_index(op, "uq_schedule_timer", [*_PLACE, "slot"], "kind = 'timer'", unique=True)
    _partial_index(op, "ix_schedule_pending", [*_PLACE, "id"], "state = 'set'")
    _partial_index(op, "ix_schedule_firing", ["handler", "firing"], "state = 'set'")
    _unpack(op.get_bind())


def _partial_index(op: Operations, name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    clause = sa.text(where)
    op.create_index(name, "schedule", columns, unique=unique, sqlite_where=clause, postgresql_where=clause)


def _unpack(connection: sa.Connection) -> None:
    schedule = sa.table("schedule", sa.column("id"), sa.column("conversation_id", Foreign()), sa.column("data"))
    packed = sa.select(schedule.c.id, schedule.c.conversation_id).where(
        schedule.c.conversation_id.startswith(_PACKED, autoescape=True)
    )
    for number, text in connection.execute(packed).all():
        conversation_id, data = json.loads(text.removeprefix(_PACKED))
        values = {"conversation_id": conversation_id, "data": json.dumps(data, separators=(",", ":")) if data else None}
        connection.execute(sa.update(schedule).where(schedule.c.id == number).values(values))
