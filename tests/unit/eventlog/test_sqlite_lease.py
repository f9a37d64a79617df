"""Who reads for a group."""

import sqlite3
from datetime import timedelta

import pytest

from eventlog import sqlite_lease as lease
from eventlog.sqlite_clock import Moment
from eventlog.sqlite_lease import Held, Position, is_free, remaining

BOOT = "b1"
LEASE = 10_000


def at(ms: int, boot: str = BOOT) -> Moment:
    return Moment(boot, ms)


def held(expires_ms: int, *, token: str | None = "t", boot: str = BOOT) -> Held:
    return Held(token, "host:1", boot, expires_ms, LEASE)


@pytest.mark.parametrize(
    ("one", "free"),
    [
        (None, True),
        (held(15_000, token=None), True),
        (held(15_000), False),
        (held(10_001), False),
        (held(10_000), True),
        (held(9_000), True),
        (held(15_000, boot="b0"), True),
    ],
    ids=["nobody", "given back", "running", "last millisecond", "expired", "long expired", "another boot"],
)
def test_is_free_at_ten_seconds(one: Held | None, free: bool) -> None:
    """A group is free when its lease was given back, has run out, or is of another boot."""
    assert is_free(one, at(10_000)) is free


def test_an_expiry_too_far_ahead_is_of_another_boot() -> None:
    """Where the system names no boot, no lease can begin in the future."""
    assert is_free(held(5_000_000, boot=""), Moment("", 10_000))
    assert not is_free(held(20_000, boot=""), Moment("", 10_000))


def test_remaining() -> None:
    """How long somebody who stands by has to wait."""
    assert remaining(held(12_500), at(10_000)) == timedelta(seconds=2.5)
    assert remaining(held(9_000), at(10_000)) == timedelta()
    assert remaining(None, at(10_000)) == timedelta()


def test_one_member_at_a_time(connection: sqlite3.Connection) -> None:
    """While a lease runs nobody else gets the group; when it ran out, the next who asks."""
    assert lease.acquire(connection, "g", "one", "host:1", LEASE, at(0))
    assert not lease.acquire(connection, "g", "two", "host:2", LEASE, at(9_999))
    assert lease.acquire(connection, "g", "two", "host:2", LEASE, at(10_000))


def test_asking_twice_does_no_harm(connection: sqlite3.Connection) -> None:
    """A member that missed the answer gets the group by asking again."""
    assert lease.acquire(connection, "g", "one", "host:1", LEASE, at(0))
    assert lease.acquire(connection, "g", "one", "host:1", LEASE, at(1))


def test_groups_have_leases_of_their_own(connection: sqlite3.Connection) -> None:
    """Holding one group holds no other."""
    assert lease.acquire(connection, "g", "one", "host:1", LEASE, at(0))
    assert lease.acquire(connection, "h", "two", "host:1", LEASE, at(0))


def test_renewing_prolongs(connection: sqlite3.Connection) -> None:
    """A heartbeat lets the lease begin anew."""
    lease.acquire(connection, "g", "one", "host:1", LEASE, at(0))
    assert lease.renew(connection, "g", "one", at(8_000))
    assert not lease.acquire(connection, "g", "two", "host:2", LEASE, at(17_999))
    assert lease.acquire(connection, "g", "two", "host:2", LEASE, at(18_000))


def test_a_late_heartbeat_keeps_what_nobody_took(connection: sqlite3.Connection) -> None:
    """A lease that ran out is still its owner's until somebody takes it."""
    lease.acquire(connection, "g", "one", "host:1", LEASE, at(0))
    assert lease.renew(connection, "g", "one", at(60_000))
    assert not lease.acquire(connection, "g", "two", "host:2", LEASE, at(60_001))


def test_a_lost_lease_is_not_renewed(connection: sqlite3.Connection) -> None:
    """The frozen owner learns by its next heartbeat that another has the group."""
    lease.acquire(connection, "g", "one", "host:1", LEASE, at(0))
    lease.acquire(connection, "g", "two", "host:2", LEASE, at(10_000))
    assert not lease.renew(connection, "g", "one", at(10_001))
    assert lease.renew(connection, "g", "two", at(10_001))


def test_giving_back_frees_at_once(connection: sqlite3.Connection) -> None:
    """After an orderly stop nobody waits for the lease to run out."""
    lease.acquire(connection, "g", "one", "host:1", LEASE, at(0))
    lease.release(connection, "g", "one")
    assert lease.acquire(connection, "g", "two", "host:2", LEASE, at(1))


def test_only_the_owner_gives_back(connection: sqlite3.Connection) -> None:
    """A former owner that stops late does not take the group from its successor."""
    lease.acquire(connection, "g", "one", "host:1", LEASE, at(0))
    lease.acquire(connection, "g", "two", "host:2", LEASE, at(10_000))
    lease.release(connection, "g", "one")
    assert not lease.acquire(connection, "g", "three", "host:3", LEASE, at(10_001))


def committed(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT group_name, partition_id, next_offset, metadata FROM positions").fetchall()


def test_the_owner_commits(connection: sqlite3.Connection) -> None:
    """The newest position and metadata count."""
    lease.acquire(connection, "g", "one", "host:1", LEASE, at(0))
    assert lease.commit(connection, "g", "one", [Position(1, 5, "a"), Position(2, 6, "")])
    assert lease.commit(connection, "g", "one", [Position(1, 4, "b")])
    assert committed(connection) == [("g", 1, 4, "b"), ("g", 2, 6, "")]


@pytest.mark.parametrize("token", ["one", ""], ids=["former owner", "nobody"])
def test_nobody_else_commits(connection: sqlite3.Connection, token: str) -> None:
    """A commit with another token than the lease's stores nothing."""
    lease.acquire(connection, "g", "one", "host:1", LEASE, at(0))
    lease.acquire(connection, "g", "two", "host:2", LEASE, at(10_000))
    assert not lease.commit(connection, "g", token, [Position(1, 5, "")])
    assert committed(connection) == []


def test_a_lease_given_back_commits_nothing(connection: sqlite3.Connection) -> None:
    """Not even with the token it had."""
    lease.acquire(connection, "g", "one", "host:1", LEASE, at(0))
    lease.release(connection, "g", "one")
    assert not lease.commit(connection, "g", "one", [Position(1, 5, "")])


def test_forgetting_a_group(connection: sqlite3.Connection) -> None:
    """Its positions are gone, those of others stay; while a member holds it nothing happens."""
    for group, token in (("g", "one"), ("h", "two")):
        lease.acquire(connection, group, token, "host:1", LEASE, at(0))
        lease.commit(connection, group, token, [Position(1, 5, "")])
    assert not lease.forget(connection, "g", at(5_000))
    assert lease.forget(connection, "g", at(10_000))
    assert committed(connection) == [("h", 1, 5, "")]
