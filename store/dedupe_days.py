"""The tables of `dedupe.py`: one per day of expiry, and a catalogue of them with their numbers of rows.

The statements are text: they run for every batch of deliveries, and compiling hundreds of parameters would cost more
than running them. All that is put into the text is a day, as eight digits.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from store.columns import micros

PREFIX = "dedupe_"
"""How the names of these tables begin."""

# SQLite parses and plans a statement anew for every number of hashes; these few it keeps.
_SIZES = (8, 32, 128, 500)
# One number per purpose: see `migrations`.
_LOCK = int.from_bytes(b"hl-dedup", "big") >> 1

_CATALOGUE = "CREATE TABLE IF NOT EXISTS dedupe_days (day INTEGER PRIMARY KEY, rows BIGINT NOT NULL)"
_TABLE = {
    "sqlite": "CREATE TABLE IF NOT EXISTS {} (hash BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID",
    "postgresql": "CREATE TABLE IF NOT EXISTS {} (hash BYTEA PRIMARY KEY, expires BIGINT NOT NULL)",
}


async def make_catalogue(connection: AsyncConnection) -> None:
    """Make the catalogue if there is none."""
    await _lock_ddl(connection)
    await connection.exec_driver_sql(_CATALOGUE)


async def row_counts(connection: AsyncConnection) -> dict[date, int]:
    """Day → ids in its table, about: an id that was written twice counts twice."""
    found = await connection.exec_driver_sql("SELECT day, rows FROM dedupe_days")
    return {date.fromordinal(row["day"]): row["rows"] for row in found.mappings()}


async def write(connection: AsyncConnection, day: date, entries: Mapping[bytes, datetime]) -> None:
    """Put hashes into a day's table, making it if needed. Of two times of expiry the later stays."""
    await _hold(connection, day)
    table = _name(day)
    # In one order everywhere: two processes with ids in common wait for each other instead of deadlocking.
    rows = sorted((each, micros(expires)) for each, expires in entries.items())
    later = f"ON CONFLICT (hash) DO UPDATE SET expires = excluded.expires WHERE excluded.expires > {table}.expires"
    if connection.dialect.name == "sqlite":
        result = await connection.exec_driver_sql(f"INSERT INTO {table} VALUES (?, ?) {later}", rows)  # noqa: S608 - a day
        await connection.exec_driver_sql(
            "UPDATE dedupe_days SET rows = rows + ? WHERE day = ?", (result.rowcount, day.toordinal())
        )
        return
    result = await connection.exec_driver_sql(
        f"INSERT INTO {table} SELECT * FROM unnest($1::bytea[], $2::bigint[]) {later}",  # noqa: S608 - a day
        ([each for each, _ in rows], [expires for _, expires in rows]),
    )
    await connection.exec_driver_sql(
        "UPDATE dedupe_days SET rows = rows + $1 WHERE day = $2", (result.rowcount, day.toordinal())
    )


async def drop(connection: AsyncConnection, day: date) -> bool:
    """Drop a day's table; returns whether it was there."""
    mark = _mark(connection)
    gone = await connection.exec_driver_sql(f"DELETE FROM dedupe_days WHERE day = {mark}", (day.toordinal(),))  # noqa: S608 - a mark
    if gone.rowcount == 0:
        return False
    await connection.exec_driver_sql(f"DROP TABLE IF EXISTS {_name(day)}")
    return True


async def _hold(connection: AsyncConnection, day: date) -> None:
    """Make a day's table if there is none, and keep others from dropping it until the commit."""
    mark, of = _mark(connection), (day.toordinal(),)
    lock = "" if connection.dialect.name == "sqlite" else " FOR UPDATE"
    held = f"SELECT 1 FROM dedupe_days WHERE day = {mark}{lock}"  # noqa: S608 - a mark
    if (await connection.exec_driver_sql(held, of)).first() is not None:
        return
    await _lock_ddl(connection)
    await connection.exec_driver_sql(_TABLE[connection.dialect.name].format(_name(day)))
    added = f"INSERT INTO dedupe_days VALUES ({mark}, 0) ON CONFLICT DO NOTHING"  # noqa: S608 - a mark
    await connection.exec_driver_sql(added, of)
    await connection.exec_driver_sql(held, of)


async def _lock_ddl(connection: AsyncConnection) -> None:
    # PostgreSQL's IF NOT EXISTS fails when two processes create at once; SQLite has one writer.
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql("SELECT pg_advisory_xact_lock($1)", (_LOCK,))


def look_up(
    *, postgres: bool, days: Iterable[date], hashes: Sequence[bytes], now: datetime
) -> tuple[str, tuple[object, ...]]:
    """The statement that tells which of the hashes are in a table and not expired, and its parameters.

    A NULL among its rows tells that there are other tables by now than those of `days`: read the catalogue again.
    """
    order = sorted(days)
    listed = ", ".join(str(day.toordinal()) for day in order)
    changed = f"SELECT NULL FROM dedupe_days WHERE day NOT IN ({listed or 0})"  # noqa: S608 - days
    if not order:
        return changed, ()
    if postgres:
        one = "SELECT hash FROM {} WHERE hash = ANY($1::bytea[]) AND expires > $2"
        return " UNION ALL ".join([*(one.format(_name(day)) for day in order), changed]), (list(hashes), micros(now))
    size = next((size for size in _SIZES if size >= len(hashes)), len(hashes))
    # Neighbours in order are neighbours in the tables: fewer pages to read.
    padded = sorted([*hashes, *[hashes[-1]] * (size - len(hashes))])
    wanted = f"WITH wanted (hash) AS (VALUES {', '.join(['(?)'] * size)}) "
    # CROSS JOIN keeps SQLite from walking through the day's table: https://www.sqlite.org/optoverview.html#crossjoin
    one = "SELECT wanted.hash FROM wanted CROSS JOIN {0} ON {0}.hash = wanted.hash WHERE expires > ?"
    arms = " UNION ALL ".join([*(one.format(_name(day)) for day in order), changed])
    return wanted + arms, (*padded, *[micros(now)] * len(order))


def _mark(connection: AsyncConnection) -> str:
    return "?" if connection.dialect.name == "sqlite" else "$1"


def _name(day: date) -> str:
    return f"{PREFIX}{day:%Y%m%d}"
