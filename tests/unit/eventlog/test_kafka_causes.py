"""Errors of aiokafka and of sockets, as people and as batches see them."""

import socket
import ssl

import pytest
from aiokafka import errors

from eventlog.kafka_causes import cause_of, is_of_topic, verdict
from eventlog.kafka_settings import KafkaSettings

SETTINGS = KafkaSettings.model_validate(
    {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_username": "hook",
        "sasl_password": "s3cret",
    }
)


@pytest.mark.parametrize(
    ("error", "hopeless", "text"),
    [
        (ConnectionRefusedError(111, "refused"), False, "nothing listens on h:1"),
        (socket.gaierror(-2, "Name or service not known"), False, "cannot be resolved (Name or service not known)"),
        (TimeoutError(), False, "h:1 does not answer in time"),
        (OSError(113, "No route to host"), False, "cannot be reached (No route to host)"),
        (ssl.SSLCertVerificationError("self-signed"), True, "is not trusted"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), True, "does that port speak TLS?"),
        (ConnectionResetError(), False, "closed the connection before it answered"),
        (errors.KafkaConnectionError("closed"), False, "speaks another protocol (security_protocol is SASL_SSL)"),
        (errors.SaslAuthenticationFailed("bad"), True, "refuses the user 'hook' (PLAIN)"),
        (errors.UnsupportedSaslMechanismError("no"), True, "does not take PLAIN with SASL_SSL"),
        (errors.IncompatibleBrokerVersion("old"), True, "speaks no version"),
        (errors.TopicAuthorizationFailedError("t"), True, "denies us a right"),
        (errors.InvalidSessionTimeoutError("no"), True, "check session_timeout"),
        (errors.RequestTimedOutError(), False, "RequestTimedOutError"),
    ],
)
def test_a_cause_says_what_and_what_to_do(error: Exception, hopeless: bool, text: str) -> None:
    """Each kind of failure has its own words, tells whether waiting helps, and names no password."""
    cause = cause_of(error, "h:1", SETTINGS)
    assert cause.hopeless is hopeless
    assert text in cause.text
    assert "s3cret" not in cause.text


@pytest.mark.parametrize(
    ("error", "alone", "in_company"),
    [
        (errors.TopicAuthorizationFailedError("t"), "refused", "refused"),
        (errors.InvalidTopicError(), "refused", "refused"),
        (errors.MessageSizeTooLargeError(), "refused", "divide"),
        (errors.RecordListTooLargeError(), "refused", "divide"),
        (errors.InvalidTimestampError(), "refused", "divide"),
        (errors.UnknownError(), "away", "divide"),
        (errors.NotLeaderForPartitionError(), "away", "away"),
        (errors.OutOfOrderSequenceNumber(), "away", "away"),
        (errors.KafkaTimeoutError(), "away", "away"),
    ],
)
def test_a_batch_error_judges_its_records(error: Exception, alone: str, in_company: str) -> None:
    """A refusal that one record may be guilty of convicts it only when it stood alone."""
    assert (verdict(error, 1), verdict(error, 2)) == (alone, in_company)


def test_rights_concern_a_whole_topic() -> None:
    """A missing right refuses every record, a size only the one."""
    assert is_of_topic(errors.TopicAuthorizationFailedError("t"))
    assert not is_of_topic(errors.MessageSizeTooLargeError())
