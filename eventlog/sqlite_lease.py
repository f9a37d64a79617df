"""Who reads for a group: one member, by a lease it renews, and every commit is conditional on its token.

All of these run inside a transaction of the writer.
"""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from eventlog.sqlite_clock import Moment

# Moments are read one after the other; only an expiry further ahead than this is from another boot.
_SLACK_MS = 60_000


class Held(NamedTuple):
    """A lease as it stands in the file."""

    # None when it was given back.
    token: str | None
    # For people: host and process.
    holder: str
    boot: str
    expires_ms: int
    lease_ms: int


class Position(NamedTuple):
    """A commit as it is stored."""

    partition_id: int
    next_offset: int
    metadata: str


def is_free(held: Held | None, now: Moment) -> bool:
    """Whether another member may take the group.

    An expiry further ahead than a lease lasts was written before a boot that has no id to tell it by.
    """
    if held is None or held.token is None or held.boot != now.boot:
        return True
    return held.expires_ms <= now.ms or held.expires_ms - held.lease_ms > now.ms + _SLACK_MS


def remaining(held: Held | None, now: Moment) -> timedelta:
    """How long a lease lasts unless it is renewed."""
    if held is None or is_free(held, now):
        return timedelta()
    return timedelta(milliseconds=held.expires_ms - now.ms)


def held_by(connection: sqlite3.Connection, group: str) -> Held | None:
    """The group's lease; None when nobody ever had one."""
    row = connection.execute(
        "SELECT token, holder, boot, expires_ms, lease_ms FROM leases WHERE group_name = ?", (group,)
    ).fetchone()
    return None if row is None else Held(*row)


def acquire(connection: sqlite3.Connection, group: str, token: str, holder: str, lease_ms: int, now: Moment) -> bool:
    """Take the group if it is free; tells whether it is ours. Asking again with the same token does no harm."""
    held = held_by(connection, group)
    if not is_free(held, now) and (held is None or held.token != token):
        return False
    connection.execute(
        "INSERT OR REPLACE INTO leases (group_name, token, holder, boot, expires_ms, lease_ms)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (group, token, holder, now.boot, now.ms + lease_ms, lease_ms),
    )
    return True


def renew(connection: sqlite3.Connection, group: str, token: str, now: Moment) -> bool:
    """Prolong a lease; False when another member has the group. One that ran out is prolonged if nobody took it."""
    done = connection.execute(
        "UPDATE leases SET boot = ?, expires_ms = ? + lease_ms WHERE group_name = ? AND token = ?",
        (now.boot, now.ms, group, token),
    )
    return done.rowcount == 1


def release(connection: sqlite3.Connection, group: str, token: str) -> None:
    """Give a lease back, if it is still ours."""
    connection.execute("UPDATE leases SET token = NULL WHERE group_name = ? AND token = ?", (group, token))


def commit(connection: sqlite3.Connection, group: str, token: str, positions: Sequence[Position]) -> bool:
    """Store positions if the lease is still ours; False, and nothing is stored, when it is not."""
    held = held_by(connection, group)
    if held is None or held.token != token:
        return False
    connection.executemany(
        "INSERT INTO positions (group_name, partition_id, next_offset, metadata) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (group_name, partition_id)"
        " DO UPDATE SET next_offset = excluded.next_offset, metadata = excluded.metadata",
        [(group, *position) for position in positions],
    )
    return True


def forget(connection: sqlite3.Connection, group: str, now: Moment) -> bool:
    """Drop a group with its positions; False, and nothing is dropped, while a member holds it."""
    if not is_free(held_by(connection, group), now):
        return False
    connection.execute("DELETE FROM positions WHERE group_name = ?", (group,))
    connection.execute("DELETE FROM leases WHERE group_name = ?", (group,))
    return True
