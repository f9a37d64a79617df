"""The few words SQLite and PostgreSQL spell alike and SQLAlchemy keeps apart."""

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def insert(dialect: str, table: Table) -> postgresql.Insert:
    """An INSERT that knows ON CONFLICT, for `connection.dialect.name`.

    Typed as PostgreSQL's; SQLite's has the same methods (https://www.sqlite.org/lang_upsert.html follows PostgreSQL).
    """
    made: Any = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    statement: postgresql.Insert = made
    return statement
