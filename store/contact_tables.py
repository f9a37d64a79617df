"""The tables of contacts; see `tables.py`."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from store.columns import Digest, Foreign, Instant
from store.tables import metadata, partial

contacts = Table(
    "contacts",
    metadata,
    Column("id", Text, primary_key=True),
    # Grows by one with every change a reader can see.
    Column("version", BigInteger, nullable=False),
    # Grows by one with every write, also of times alone: what compare-and-swap compares.
    Column("revision", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # Each field with the time of the event that wrote it.
    Column("name", Foreign),
    Column("name_at", Instant),
    Column("email", Foreign),
    Column("email_at", Instant),
    Column("phone", Foreign),
    Column("phone_at", Instant),
    # The newest verified address, folded: at most one contact has it.
    Column("email_key", Foreign),
    Column("email_key_at", Instant),
    # JSON: name → [value, microseconds].
    Column("attributes", Text, nullable=False),
)
partial("uq_contacts_email_key", contacts.c.email_key.is_not(None), contacts.c.email_key, unique=True)

identities = Table(
    "identities",
    metadata,
    # Digest of source, platform and id.
    Column("slot", Digest, primary_key=True),
    # NULL: taken away at `removed_at`. The texts go with it, the digest stays so that older events change nothing.
    Column("contact_id", Text, ForeignKey("contacts.id")),
    Column("source", Foreign),
    Column("platform", Foreign),
    Column("identity", Foreign),
    # The newest event that named it.
    Column("seen_at", Instant),
    Column("removed_at", Instant),
    # Whose it was.
    Column("former_id", Text),
)
Index("ix_identities_contact_id", identities.c.contact_id)

# Ids that are no contact any more: merged into another, or deleted.
former_contacts = Table(
    "former_contacts",
    metadata,
    Column("id", Text, primary_key=True),
    # The living contact it leads to, never another former one; NULL: deleted.
    Column("into_id", Text, ForeignKey("contacts.id")),
    Column("version", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_former_contacts_into_id", former_contacts.c.into_id)

# Contacts an event changed whose snapshots it has not published yet.
unpublished = Table(
    "unpublished",
    metadata,
    Column("cause", Digest, primary_key=True),
    Column("contact_id", Text, primary_key=True),
    Column("since", Instant, nullable=False),
)
Index("ix_unpublished_since", unpublished.c.since)

# The latest version of each contact, alive or former, that the log has acknowledged.
snapshots = Table(
    "snapshots",
    metadata,
    Column("contact_id", Text, primary_key=True),
    # 0: it may have any, or none.
    Column("version", BigInteger, nullable=False),
)

# Appends that an event began and of which it is not known that they ended with the latest version.
appends = Table(
    "appends",
    metadata,
    Column("contact_id", Text, primary_key=True),
    Column("cause", Digest, primary_key=True),
    Column("since", Instant, nullable=False),
)
Index("ix_appends_since", appends.c.since)
