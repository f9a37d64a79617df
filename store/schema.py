"""Which schema a database has, and which one this hookline was written for. What brings it there is `migrations`."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from store.errors import StoreMisconfigured

VERSION_TABLE = "hookline_schema"
"""Alembic's own table; its usual name would meet that of another program in the same database."""

OLDEST = 13
"""The oldest PostgreSQL: https://www.postgresql.org/support/versioning/."""

REVISIONS = tuple(
    sorted(path.name[1:5] for path in (Path(__file__).parent / "migrations" / "versions").glob("v[0-9]*.py"))
)
"""Every step of the schema's history, the oldest first: each script is named after its revision."""


def require_current(connection: Connection) -> None:
    """Check that the schema is the one this hookline was written for.

    Raises:
        StoreMisconfigured: it is older or newer.
    """
    stands_at = present(connection)
    missing = REVISIONS if stands_at is None else REVISIONS[REVISIONS.index(stands_at) + 1 :]
    if missing:
        raise StoreMisconfigured(
            f"The store's schema is behind this hookline by {len(missing)} step(s), from {missing[0]} on."
            " Run `hookline migrate`, then start again."
        )


def present(connection: Connection) -> str | None:
    """The last step that was taken; None when none was.

    Raises:
        StoreMisconfigured: this hookline does not know it, or the server is too old.
    """
    require_version(connection.dialect.name, connection.dialect.server_version_info)
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    stands_at = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - our own name
    if stands_at is not None and stands_at not in REVISIONS:
        raise StoreMisconfigured(
            f"The store's schema is newer than this hookline: it stands at {stands_at}, which this version does not"
            " know. Install the version that wrote it, or a later one."
        )
    return None if stands_at is None else str(stands_at)


def require_version(dialect: str, version: tuple[int | str, ...] | None) -> None:
    """Check that a server is not older than the oldest that is still maintained.

    Args:
        dialect: SQLAlchemy's name of it.
        version: of the server; None when it did not tell.

    Raises:
        StoreMisconfigured: it is.
    """
    if dialect == "postgresql" and version and int(version[0]) < OLDEST:
        raise StoreMisconfigured(
            f"The store's server is PostgreSQL {'.'.join(map(str, version))}, which is too old: hookline needs"
            f" {OLDEST} or later. Upgrade the server, or name another in [store] url."
        )
