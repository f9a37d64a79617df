"""Which cluster a process works with."""

import pytest

from eventlog.kafka_causes import cause_of
from eventlog.kafka_identity import AnotherClusterError, Identity
from eventlog.kafka_settings import KafkaSettings


def test_the_cluster_that_answers_first_is_the_log() -> None:
    """As often as it is asked, and whoever connects."""
    identity = Identity()
    assert [identity.meet("abc"), identity.meet("abc")] == ["kafka:abc", "kafka:abc"]


def test_another_cluster_is_an_error() -> None:
    """Until the first one is back; what to do is told."""
    identity = Identity()
    identity.meet("abc")
    with pytest.raises(AnotherClusterError) as caught:
        identity.meet("xyz")
    assert identity.meet("abc") == "kafka:abc"
    cause = cause_of(caught.value, "k1:9092", KafkaSettings())
    assert cause.hopeless
    assert "k1:9092 is another cluster than this process began with" in cause.text
    assert "its cluster id is 'xyz', it was 'abc'" in cause.text
    assert "restart every role" in cause.text


def test_a_broker_without_a_cluster_id_is_a_log_too() -> None:
    """Some servers that speak Kafka's protocol have none."""
    assert Identity().meet("") == "kafka:"
