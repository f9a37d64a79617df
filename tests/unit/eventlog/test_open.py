"""Which event log a URL means."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from eventlog.errors import LogMisconfigured
from eventlog.kafka import KafkaEventLog
from eventlog.open import EventLogSettings, open_log, sqlite_path
from eventlog.sqlite import SqliteEventLog


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///data/events.db", "data/events.db"),
        ("sqlite:////var/lib/hookline/events.db", "/var/lib/hookline/events.db"),
        ("sqlite:////var/my%20data/events.db", "/var/my data/events.db"),
        ("/var/lib/hookline/events.db", "/var/lib/hookline/events.db"),
        ("events.db", "events.db"),
        ("./100% mine.db", "100% mine.db"),
        ("./localhost:9092", "localhost:9092"),
        ("at 10:30 o'clock.db", "at 10:30 o'clock.db"),
    ],
)
def test_the_file_of_a_url(url: str, path: str) -> None:
    """Three slashes are relative and four absolute, as SQLAlchemy reads them; a plain path is taken as it is."""
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "'' is no event log: write kafka://host:9092,host:9092 or the path of a file"),
        ("redis://h", "'redis://h' is no event log: write kafka://host:9092,host:9092 or the path of a file"),
        (
            "h:9092",
            "'h:9092' looks like a broker's address: did you mean kafka://h:9092? A file of this name is ./h:9092",
        ),
        (
            "a:1,b:2",
            "'a:1,b:2' looks like a broker's address: did you mean kafka://a:1,b:2? A file of this name is ./a:1,b:2",
        ),
        ("sqlite://", "'sqlite://' names no file: write sqlite:///path/events.db, or the path alone"),
        ("sqlite:///", "'sqlite:///' names no file: write sqlite:///path/events.db, or the path alone"),
        ("sqlite://host/a", "'sqlite://host/a' names no file: write sqlite:///path/events.db, or the path alone"),
    ],
)
def test_urls_that_mean_no_log(url: str, why: str) -> None:
    """The text shows what to write instead."""
    with pytest.raises(LogMisconfigured) as refusal:
        open_log(url, EventLogSettings())
    assert str(refusal.value) == why


@pytest.mark.parametrize("url", ["kafka://", "kafka:///", "kafka://h:9092/topic", "kafka://me:secret@h:9092"])
def test_a_kafka_url_is_brokers_alone(url: str) -> None:
    """Credentials in a URL would end in logs; the refusal does not repeat them."""
    with pytest.raises(LogMisconfigured) as refusal:
        open_log(url, EventLogSettings())
    assert str(refusal.value) == (
        "a Kafka URL names brokers and nothing else: kafka://host:9092,host:9092; credentials go to [eventlog.kafka]"
    )


def test_a_file_opens_the_embedded_log(tmp_path: Path) -> None:
    """Nothing is made before the log is started."""
    log = open_log(f"sqlite:///{tmp_path}/events.db", EventLogSettings())
    assert isinstance(log, SqliteEventLog)
    assert (log.kind, list(tmp_path.iterdir())) == ("sqlite", [])


def test_brokers_open_kafka() -> None:
    """With the settings of [eventlog.kafka]."""
    log = open_log("kafka://h1:9092,h2:9092", EventLogSettings())
    assert isinstance(log, KafkaEventLog)
    assert log.kind == "kafka"


def test_the_embedded_log_does_not_load_kafkas_client() -> None:
    """Its import costs time and memory that only Kafka's users pay."""
    program = "import sys, eventlog.open; print(sorted(name for name in sys.modules if name.startswith('aiokafka')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_settings_have_defaults() -> None:
    """Without a section the log is the file in the data folder, of 10 GiB at most."""
    settings = EventLogSettings()
    assert (settings.url, settings.max_bytes) == (None, 10 * 1024**3)
    assert settings.kafka.append_timeout == timedelta(seconds=2.5)


@pytest.mark.parametrize("wrong", [{"max_bytes": 1000}, {"urls": "x"}, {"kafka": {"client": "x"}}])
def test_settings_are_checked(wrong: dict[str, object]) -> None:
    """A bound too small to work with and unknown names are errors."""
    with pytest.raises(ValidationError):
        EventLogSettings.model_validate(wrong)


def test_only_a_group_of_kafkas_gives_up_waiting() -> None:
    """The embedded log's lease is renewed while partitions are given back."""
    kafka = {"rebalance_timeout": "90s"}
    of = {url: EventLogSettings.model_validate({"url": url, "kafka": kafka}) for url in ("kafka://h:1", "events.db")}
    assert {url: settings.rebalance_timeout for url, settings in of.items()} == {
        "kafka://h:1": timedelta(seconds=90),
        "events.db": None,
    }
    assert EventLogSettings(url="kafka://h:1").rebalance_timeout is None
