"""Reading the url of a store."""

from pathlib import Path

import pytest

from store.addresses import PostgresAddress, SqliteAddress, address
from store.errors import StoreMisconfigured


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///state.db", "state.db"),
        ("sqlite:////var/lib/state.db", "/var/lib/state.db"),
        ("sqlite+aiosqlite:////var/lib/state.db", "/var/lib/state.db"),
        ("sqlite:///a folder/50%20#1.db", "a folder/50%20#1.db"),
    ],
)
def test_a_sqlite_path_is_taken_as_it_stands(url: str, path: str) -> None:
    """Nothing in it is decoded."""
    assert address(url) == SqliteAddress(Path(path))


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite://host/x.db", "sqlite:///:memory:", "sqlite:///x?a=b", "sqlite:///x/"]
)
def test_a_sqlite_url_needs_a_file(url: str) -> None:
    """Memory is not shared between connections, and parameters would be dropped."""
    with pytest.raises(StoreMisconfigured, match="names no SQLite file"):
        address(url)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg", "PostgreSQL"])
def test_every_common_word_for_postgresql_is_read(scheme: str) -> None:
    """All else goes to the driver untouched."""
    found = address(f"{scheme}://ann:s%40cret@db:5433/hook?sslmode=verify-full")
    assert found == PostgresAddress(
        dsn="postgresql://ann:s%40cret@db:5433/hook?sslmode=verify-full", shown="postgresql://db:5433/hook"
    )


def test_several_hosts_are_shown() -> None:
    """As libpq writes them."""
    assert address("postgresql://u@a:1,b:2/hook").shown == "postgresql://a:1,b:2/hook"


def test_no_password_is_shown() -> None:
    """Neither in the text for messages nor in the repr."""
    found = address("postgresql://ann:s3cret@db/hook?password=s3cret")
    assert "s3cret" not in found.shown + repr(found)


@pytest.mark.parametrize("url", ["mysql://u:s3cret@db/hook", "state.db", "", "s3cret"])
def test_another_database_is_refused(url: str) -> None:
    """With what to write, and without what was written."""
    with pytest.raises(StoreMisconfigured, match="SQLite or PostgreSQL") as caught:
        address(url)
    assert "s3cret" not in str(caught.value)


def test_a_broken_url_is_not_repeated() -> None:
    """It may hold a password."""
    with pytest.raises(StoreMisconfigured, match="cannot be read") as caught:
        address("postgresql://u:s3cret[@db/hook")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("localhost/db", r"has no scheme: did you mean postgresql://localhost/db\?"),
        ("localhost:5432/db", r"has no scheme: did you mean postgresql://localhost:5432/db\?"),
        ("me:secret@localhost/db", "has no scheme: write postgresql:// before it"),
    ],
)
def test_a_server_without_a_scheme_is_told_how_it_is_written(url: str, says: str) -> None:
    """Without the password that may stand in it."""
    with pytest.raises(StoreMisconfigured, match=says) as refusal:
        address(url)
    assert "secret" not in str(refusal.value)
