"""Make the first tables."""

from uuid import uuid4

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0001"
down_revision = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade(op: Operations) -> None:
    """Take the step."""
    _meta(op)
    _entries(op)
    _owners(op)
    _schedule(op)
    _effects(op)
    _contacts(op)
    _identities(op)
    _caps(op)


def _meta(op: Operations) -> None:
    meta = op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )
    op.bulk_insert(meta, [{"name": "store_id", "value": str(uuid4())}])


def _entries(op: Operations) -> None:
    op.create_table(
        "entries",
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("start_at", sa.BigInteger()),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("handler", name="pk_entries"),
    )


def _owners(op: Operations) -> None:
    op.create_table(
        "owners",
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("clean", sa.Boolean(), nullable=False),
        sa.Column("found_clean", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("handler", "topic", "partition", name="pk_owners"),
    )


def _schedule(op: Operations) -> None:
    op.create_table(
        "schedule",
        sa.Column("id", _SERIAL, nullable=False, autoincrement=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("slot", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("setter_offset", sa.BigInteger(), nullable=False),
        sa.Column("setter_id", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger()),
        sa.Column("firing", sa.Text()),
        sa.Column("platform", sa.Text()),
        sa.Column("conversation_id", sa.Text()),
        sa.Column("received_at", sa.BigInteger()),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schedule"),
        sa.CheckConstraint("state in ('set', 'fired', 'cancelled')", name="ck_schedule_state"),
        sa.CheckConstraint("state <> 'set' or (due is not null and firing is not null)", name="ck_schedule_set_is_due"),
    )
    place = ["handler", "topic", "partition"]
    _partial_index(op, "uq_schedule_timer", [*place, "slot"], "kind = 'timer'", unique=True)
    _partial_index(op, "ix_schedule_pending", [*place, "id"], "state = 'set'")
    _partial_index(op, "ix_schedule_firing", [*place, "firing"], "state = 'set'")
    _partial_index(op, "ix_schedule_settled", ["written_at"], "state <> 'set'")


def _partial_index(op: Operations, name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    clause = sa.text(where)
    op.create_index(name, "schedule", columns, unique=unique, sqlite_where=clause, postgresql_where=clause)


def _effects(op: Operations) -> None:
    op.create_table(
        "effects",
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("slot", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.Text()),
        sa.PrimaryKeyConstraint("handler", "slot", name="pk_effects"),
    )
    op.create_index("ix_effects_begun_at", "effects", ["begun_at"])


def _contacts(op: Operations) -> None:
    op.create_table(
        "contacts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("name_at", sa.BigInteger()),
        sa.Column("email", sa.Text()),
        sa.Column("email_at", sa.BigInteger()),
        sa.Column("phone", sa.Text()),
        sa.Column("phone_at", sa.BigInteger()),
        sa.Column("email_key", sa.Text()),
        sa.Column("email_key_at", sa.BigInteger()),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
    )
    verified = sa.text("email_key is not null")
    op.create_index(
        "uq_contacts_email_key",
        "contacts",
        ["email_key"],
        unique=True,
        sqlite_where=verified,
        postgresql_where=verified,
    )


def _identities(op: Operations) -> None:
    op.create_table(
        "identities",
        sa.Column("slot", sa.LargeBinary(), nullable=False),
        sa.Column("contact_id", sa.Text()),
        sa.Column("source", sa.Text()),
        sa.Column("platform", sa.Text()),
        sa.Column("identity", sa.Text()),
        sa.Column("seen_at", sa.BigInteger()),
        sa.Column("removed_at", sa.BigInteger()),
        sa.Column("former_id", sa.Text()),
        sa.PrimaryKeyConstraint("slot", name="pk_identities"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_identities_contact_id"),
    )
    op.create_index("ix_identities_contact_id", "identities", ["contact_id"])
    op.create_table(
        "former_contacts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("into_id", sa.Text()),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_former_contacts"),
        sa.ForeignKeyConstraint(["into_id"], ["contacts.id"], name="fk_former_contacts_into_id"),
    )
    op.create_index("ix_former_contacts_into_id", "former_contacts", ["into_id"])
    op.create_table(
        "unpublished",
        sa.Column("cause", sa.LargeBinary(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("cause", "contact_id", name="pk_unpublished"),
    )
    op.create_index("ix_unpublished_since", "unpublished", ["since"])


def _caps(op: Operations) -> None:
    window = ["handler", "slot", "window_start"]
    op.create_table(
        "caps",
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("slot", sa.LargeBinary(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*window, name="pk_caps"),
    )
    op.create_index("ix_caps_window_start", "caps", ["window_start"])
    op.create_table(
        "cap_uses",
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("slot", sa.LargeBinary(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(*window, "event", name="pk_cap_uses"),
        sa.ForeignKeyConstraint(
            window,
            [f"caps.{name}" for name in window],
            name="fk_cap_uses_caps",
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
    )
