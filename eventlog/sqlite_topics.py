"""Creating topics in the embedded log, and changing how they are kept. Both run inside a transaction of the writer."""

import sqlite3
from collections.abc import Mapping
from datetime import timedelta

from eventlog.sqlite_watch import Snapshot, look
from schemas.topics import TopicSettings


def create(connection: sqlite3.Connection, topics: Mapping[str, TopicSettings]) -> Snapshot:
    """Create those that do not exist; returns what there is now."""
    for name, settings in topics.items():
        done = connection.execute(
            "INSERT OR IGNORE INTO topics (name, retention_ms, compact) VALUES (?, ?, ?)",
            (name, _milliseconds(settings.retention), settings.compact),
        )
        if done.rowcount == 1:
            connection.executemany(
                "INSERT INTO partitions (topic_id, number) VALUES (?, ?)",
                [(done.lastrowid, number) for number in range(settings.partitions)],
            )
    return look(connection)


def apply(connection: sqlite3.Connection, topics: Mapping[str, TopicSettings]) -> None:
    """Keep existing topics as these settings say from now on; partitions stay as they are."""
    connection.executemany(
        "UPDATE topics SET retention_ms = ?, compact = ? WHERE name = ?",
        [(_milliseconds(settings.retention), settings.compact, name) for name, settings in topics.items()],
    )


def _milliseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else round(duration / timedelta(milliseconds=1))
