"""A PostgreSQL that lets nobody in: the text says why, and what to do."""

import secrets

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no types
import pytest
from sqlalchemy.engine import URL, make_url

from store.errors import StoreError, StoreMisconfigured, StoreUnavailable
from store.migrations import migrate

CASES = {
    "database": (StoreMisconfigured, "the database does not exist: create it"),
    "port": (StoreUnavailable, "nothing listens there; is the server running"),
    "host": (StoreUnavailable, "its name cannot be resolved: check the host"),
    "tls": (StoreMisconfigured, "it takes no TLS: take sslmode out of the url"),
    "parameter": (StoreMisconfigured, "the part of the url after `?` cannot be used"),
}


def wrong(url: URL, what: str) -> URL:
    match what:
        case "database":
            return url.set(database="nobody_made_it")
        case "port":
            return url.set(port=1)
        case "host":
            return url.set(host="nobody.invalid")
        case "tls":
            return url.update_query_dict({"sslmode": "require"})
        case _:
            return url.update_query_dict({"sslmode": "perhaps"})


@pytest.mark.parametrize("what", CASES)
async def test_why_nothing_can_be_kept_there_is_told(postgres_url: str, what: str) -> None:
    """By the server's own answer."""
    url = wrong(make_url(postgres_url).set(drivername="postgresql"), what)
    kind, says = CASES[what]
    with pytest.raises(StoreError) as caught:
        await migrate(url.render_as_string(hide_password=False))
    assert type(caught.value) is kind, caught.value
    assert says in str(caught.value)


async def test_a_user_without_rights_is_told_what_it_needs(postgres_url: str) -> None:
    """Nobody may make tables in a database since PostgreSQL 15 but its owner."""
    url = make_url(postgres_url).set(drivername="postgresql")
    name, password = f"hookline_{secrets.token_hex(4)}", secrets.token_hex(8)
    owner = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        await owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        await owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        with pytest.raises(StoreMisconfigured, match="has not the rights it needs: GRANT CREATE, USAGE ON SCHEMA"):
            await migrate(url.set(username=name, password=password).render_as_string(hide_password=False))
    finally:
        await owner.execute(f"DROP ROLE {name}")
        await owner.close()
