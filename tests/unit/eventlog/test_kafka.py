"""What a Kafka log says before it is started, and of the client it runs on."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from eventlog.errors import LogMisconfigured, LogUnavailable
from eventlog.kafka import KafkaEventLog, warn_if_slow
from eventlog.log import Health
from schemas.record import Record


def test_an_address_that_is_none_is_refused() -> None:
    """Before anything connects."""
    with pytest.raises(LogMisconfigured):
        KafkaEventLog("kafka:port")


async def test_a_log_that_was_not_started_takes_nothing() -> None:
    """It says so, and stopping it is no error."""
    log = KafkaEventLog("kafka:9092")
    assert log.health() == Health(ok=False, detail="the log is not started, or was stopped")
    with pytest.raises(LogUnavailable, match="not started"):
        log.append(Record(topic="t", key=None, value=b"v", timestamp=1))
    await log.stop(timedelta(seconds=1))


@pytest.mark.parametrize(
    ("builder", "events"),
    [
        ("aiokafka.record._crecords.default_records", []),
        ("aiokafka.record.default_records", ["log.slow"]),
    ],
)
def test_a_client_without_its_c_extensions_is_warned_of(builder: str, events: list[str]) -> None:
    """A batch costs many times the CPU then, and nothing else would tell."""
    with capture_logs() as lines:
        warn_if_slow(builder)
    assert [line["event"] for line in lines] == events
