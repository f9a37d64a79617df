"""`[eventlog.kafka]`: the defaults hold together, and what cannot work is refused with the setting's name."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from eventlog.kafka_settings import KafkaSettings

SASL = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "hook", "sasl_password": "s3cret"}


def test_the_defaults_fit_a_receiver_that_answers_in_three_seconds() -> None:
    """An append fails before the sender's patience ends."""
    settings = KafkaSettings()
    assert settings.append_timeout == timedelta(seconds=2.5)
    assert settings.max_message_bytes == 2 * 1024**2 + 64 * 1024


def test_the_heartbeat_follows_the_session() -> None:
    """A tenth of the session, unless it is given."""
    assert KafkaSettings().heartbeat == timedelta(seconds=3)
    assert KafkaSettings(session_timeout=timedelta(seconds=2)).heartbeat == timedelta(seconds=0.2)
    assert KafkaSettings(heartbeat_interval=timedelta(seconds=10)).heartbeat == timedelta(seconds=10)


def test_durations_are_written_as_people_do() -> None:
    """`"1.5s"` is a duration."""
    assert KafkaSettings.model_validate({"append_timeout": "1.5s"}).append_timeout == timedelta(seconds=1.5)


def test_the_password_is_never_shown() -> None:
    """Neither printed nor dumped."""
    settings = KafkaSettings.model_validate({"security_protocol": "SASL_SSL", **SASL})
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"security_protocol": "SASL_SSL"}, "needs sasl_mechanism"),
        ({"security_protocol": "SASL_SSL", **SASL, "sasl_password": None}, "sasl_password"),
        (SASL, "sasl_mechanism has no effect"),
        ({"ssl_cafile": "ca.pem"}, "ssl_cafile has no effect"),
        ({"security_protocol": "SSL", "ssl_keyfile": "key.pem"}, "needs ssl_certfile"),
        ({"rebalance_timeout": "0s"}, "rebalance_timeout\n.*must be longer"),
        ({"heartbeat_interval": "11s"}, "a third of session_timeout"),
        ({"heartbeat_interval": "0s", "session_timeout": "0s"}, "session_timeout\n.*must be longer"),
        ({"append_timeout": "0s"}, "append_timeout\n.*must be longer"),
        ({"linger": "1.25s"}, "linger must be shorter"),
        ({"max_batch_bytes": 3 * 1024**2}, "max_batch_bytes must not exceed"),
        ({"max_waiting_bytes": 97 * 1024**2}, "below 96 MiB"),
        ({"max_waiting_bytes": 3 * 1024**2}, "hold two records"),
        ({"replication_factor": 1, "min_insync_replicas": 2}, "min_insync_replicas must not exceed"),
        ({"acks": "1"}, "Extra inputs"),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, Any], named: str) -> None:
    """Each contradiction is an error that names a setting."""
    with pytest.raises(ValidationError, match=named):
        KafkaSettings.model_validate(given)
