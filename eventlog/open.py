"""Which event log a URL means, and `[eventlog]` of the configuration.

`sqlite:///path/events.db` or a plain path is the embedded log, `kafka://host:9092,host:9092` a Kafka cluster.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, field_validator

from eventlog.errors import LogMisconfigured
from eventlog.kafka_settings import KafkaSettings
from eventlog.log import EventLog
from eventlog.sqlite import SqliteEventLog
from schemas.hosts import endpoint_problem
from schemas.topics import TopicSettings

# The scheme was forgotten: `host:9092`, and several of these.
_LIKE_BROKERS = re.compile(r"[^/\\]*[^/\\:]:[0-9]{1,5}")
_SQLITE, _KAFKA = "sqlite://", "kafka://"


class EventLogSettings(BaseModel):
    """Where events are kept: `[eventlog]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = Field(
        default=None, description="kafka://host:9092,… or a file; none is events.db in the data folder."
    )
    max_bytes: int = Field(
        default=10 * 1024**3, ge=1024**2, description="Size of the embedded log at which appends are refused."
    )
    kafka: KafkaSettings = Field(
        default_factory=KafkaSettings, description="TLS, SASL and deadlines, for kafka:// only."
    )

    @property
    def rebalance_timeout(self) -> timedelta | None:
        """How long partitions may take to be given back, where that is bounded and set."""
        return self.kafka.rebalance_timeout if (self.url or "").startswith(_KAFKA) else None

    @field_validator("url")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            read = _brokers if value.startswith(_KAFKA) else sqlite_path
            try:
                read(value)
            except LogMisconfigured as error:
                raise ValueError(str(error)) from error
        return value


def open_log(url: str, settings: EventLogSettings, *, topics: Mapping[str, TopicSettings] | None = None) -> EventLog:
    """The event log at a URL, not yet started.

    Args:
        url: as in the module's docstring; a relative path counts from the working directory.
        settings: the rest of `[eventlog]`; its `url` is not looked at.
        topics: full name → how it is kept now, for the embedded log: it is its own broker.

    Raises:
        LogMisconfigured: no log is meant by such a URL.
    """
    if url.startswith(_KAFKA):
        from eventlog.kafka import KafkaEventLog  # noqa: PLC0415 - users of SQLite do not pay for aiokafka

        return KafkaEventLog(_brokers(url), settings.kafka)
    return SqliteEventLog(sqlite_path(url), topics=topics or {}, max_bytes=settings.max_bytes)


def sqlite_path(url: str) -> Path:
    """The file of an embedded log. `sqlite:///a` is relative and `sqlite:////a` absolute, as SQLAlchemy reads them.

    Raises:
        LogMisconfigured: the URL is neither a path nor one of sqlite's.
    """
    if url.startswith(_SQLITE):
        host, slash, path = url.removeprefix(_SQLITE).partition("/")
        if host or not slash or not path:
            raise LogMisconfigured(f"{url!r} names no file: write sqlite:///path/events.db, or the path alone")
        return Path(unquote(path))
    if "://" in url or not url:
        raise LogMisconfigured(f"{url!r} is no event log: write kafka://host:9092,host:9092 or the path of a file")
    if _LIKE_BROKERS.fullmatch(url):
        raise LogMisconfigured(
            f"{url!r} looks like a broker's address: did you mean kafka://{url}? A file of this name is ./{url}"
        )
    return Path(url)


def _brokers(url: str) -> str:
    brokers = url.removeprefix(_KAFKA).rstrip("/")
    if not brokers or "/" in brokers or "@" in brokers:
        raise LogMisconfigured(
            "a Kafka URL names brokers and nothing else: kafka://host:9092,host:9092;"
            " credentials go to [eventlog.kafka]"
        )
    for broker in brokers.split(","):
        if problem := endpoint_problem(broker.strip()):
            raise LogMisconfigured(
                f"the broker {broker!r} cannot be reached: {problem}. Write kafka://host:9092,host:9092"
            )
    return ",".join(broker.strip() for broker in brokers.split(","))
