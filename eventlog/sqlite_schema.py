"""The embedded log's tables, and connections to them.

`topics` and `partitions` name what there is; `records` holds everything appended, a partition being one range of its
key (`sqlite_records.place`); `positions` and `leases` belong to groups; `latest` is what compaction knows of each key.
"""

import sqlite3
import time
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from eventlog.errors import LogMisconfigured
from eventlog.sqlite_errors import BUSY_SECONDS, is_busy, misconfigured, uncreated
from eventlog.sqlite_files import create, refuse_network

VERSION = 2
"""`PRAGMA user_version` of the schema below; a change of it needs a migration and a higher number."""

APPLICATION_ID = 0x686B6C67
"""`PRAGMA application_id` ("hklg"): tells our files from any other SQLite database."""

_SCHEMA = """
CREATE TABLE topics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    retention_ms INTEGER,                       -- NULL keeps all
    compact INTEGER NOT NULL
);
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    topic_id INTEGER NOT NULL REFERENCES topics (id),
    number INTEGER NOT NULL,
    first_offset INTEGER NOT NULL DEFAULT 0,    -- everything below was dropped by retention
    next_offset INTEGER NOT NULL DEFAULT 0,
    cleaned_offset INTEGER NOT NULL DEFAULT 0,  -- everything below was compacted
    UNIQUE (topic_id, number)
);
CREATE TABLE records (
    place INTEGER PRIMARY KEY,                  -- partition id and offset
    timestamp INTEGER NOT NULL,                 -- milliseconds since the epoch
    key BLOB,
    value BLOB,
    headers BLOB NOT NULL
);
CREATE TABLE positions (
    group_name TEXT NOT NULL,
    partition_id INTEGER NOT NULL REFERENCES partitions (id),
    next_offset INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    PRIMARY KEY (group_name, partition_id)
) WITHOUT ROWID;
CREATE TABLE leases (
    group_name TEXT NOT NULL PRIMARY KEY,
    token TEXT,                                 -- NULL when given back
    holder TEXT NOT NULL,                       -- for people: host and process
    boot TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,                -- of the boot-time clock
    lease_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE latest (
    partition_id INTEGER NOT NULL REFERENCES partitions (id),
    key BLOB NOT NULL,
    record_offset INTEGER NOT NULL,             -- of the key's latest record
    tombstone_ms INTEGER,                       -- wall clock when a tombstone was met
    PRIMARY KEY (partition_id, key)
) WITHOUT ROWID;
CREATE INDEX tombstones ON latest (tombstone_ms) WHERE tombstone_ms IS NOT NULL
"""

# Since version 2: what tells the file from every other log. One row.
_IDENTITY = "CREATE TABLE identity (uuid TEXT NOT NULL)"

# A WAL of 16 MiB before its pages go to the main file: pages written again and again go there once.
_PRAGMAS = """
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA journal_size_limit = 67108864;
PRAGMA temp_store = MEMORY;
PRAGMA trusted_schema = OFF;
"""


def prepare(path: Path) -> str:
    """Make the file ready for use: create it, or check that it is ours and bring it to the version we know.

    Returns:
        the uuid of the file.

    Raises:
        LogMisconfigured: no log can be kept there; the text says why.
    """
    refuse_network(path)
    try:
        create(path)
        connection = connect(path)
    except OSError as error:
        raise uncreated(error, path) from error
    except sqlite3.Error as error:
        raise misconfigured(error, path) from error
    try:
        return _initialise(connection, path)
    except sqlite3.Error as error:
        raise misconfigured(error, path) from error
    finally:
        connection.close()


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A new connection to an existing file, in autocommit mode.

    Raises:
        sqlite3.Error: the file is absent, or cannot be opened.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,  # closed by another thread than the one that uses it
        cached_statements=256,
    )
    connection.executescript(_PRAGMAS)
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def begin(connection: sqlite3.Connection) -> None:
    """Begin to write. Waits for other processes in small random steps: SQLite's own longer ones starve a writer.

    Raises:
        sqlite3.OperationalError: another process did not let go in time.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    deadline = time.monotonic() + BUSY_SECONDS
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
            else:
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")


_PAUSE = 0.0005


def _initialise(connection: sqlite3.Connection, path: Path) -> str:
    _check(connection, path)
    _use_wal(connection, path)
    begin(connection)
    try:
        version = _check(connection, path)
        if version == 0:  # nobody was quicker
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        if version < VERSION:
            connection.execute(_IDENTITY)
            connection.execute("INSERT INTO identity VALUES (?)", (str(uuid4()),))
            connection.execute(f"PRAGMA user_version = {VERSION}")
        [uuid] = connection.execute("SELECT uuid FROM identity").fetchone()
        connection.execute("COMMIT")
        return str(uuid)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _check(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the schema in the file, 0 when it is empty."""
    # In one statement: between two, another process may make the tables.
    version, application, tables = connection.execute(
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_user_version, pragma_application_id"
    ).fetchone()
    if application != APPLICATION_ID and (tables or version):
        raise LogMisconfigured(f"{path} is a SQLite database of another program: choose another file for the event log")
    if version > VERSION:
        raise LogMisconfigured(
            f"{path} was written by a newer hookline (schema {version}, this one knows {VERSION}): upgrade hookline"
        )
    return int(version)


def _use_wal(connection: sqlite3.Connection, path: Path) -> None:
    """Switch to WAL, which needs the file for ourselves for a moment; SQLite does not wait for that by itself."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
            continue
        if mode != "wal":
            raise LogMisconfigured(f"{path}: SQLite cannot use its write-ahead log there; put it on a local disk")
        return
