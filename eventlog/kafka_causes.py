"""What aiokafka's errors mean here: why a connection failed, and what a failed batch says about its records."""

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aiokafka import errors

from eventlog.kafka_identity import AnotherClusterError
from eventlog.kafka_settings import KafkaSettings

CONNECTING = (errors.KafkaError, NotImplementedError, OSError)
"""What connecting may raise: TimeoutError, ssl.SSLError and socket.gaierror are OSErrors; NotImplementedError is
aiokafka's word for a broker whose protocol versions it does not speak."""

_RIGHTS = (
    errors.ClusterAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.TopicAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)

# Errors of the protocol that waiting does not cure, and what each means.
_HOPELESS: Sequence[tuple[tuple[type[Exception], ...], str]] = (
    (
        (AnotherClusterError,),
        "{address} is another cluster than this process began with ({error}): bring that back, or restart every role",
    ),
    (
        (errors.SaslAuthenticationFailed, errors.AuthenticationFailedError),
        "{address} refuses the user {user!r} ({mechanism}): check sasl_username, sasl_password and sasl_mechanism",
    ),
    (
        (
            errors.UnsupportedSaslMechanismError,
            errors.IllegalSaslStateError,
            errors.AuthenticationMethodNotSupported,
        ),
        "{address} does not take {mechanism} with {protocol} ({error}): check both settings and the port",
    ),
    (
        (errors.IncompatibleBrokerVersion, errors.UnsupportedVersionError, NotImplementedError),
        "{address} speaks no version of Kafka's protocol that we do ({error}): use Kafka 2.1 to 4.x",
    ),
    (_RIGHTS, "{address} denies us a right ({error}): the user {user!r} needs it"),
    (
        (errors.InconsistentGroupProtocolError, errors.InvalidGroupIdError, errors.InvalidSessionTimeoutError),
        "{address} does not let us into the group ({error}): check session_timeout, and who else is in the group",
    ),
)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why Kafka cannot be reached."""

    # What happened, why, and what to do, for people; never a password.
    text: str
    # Waiting will not help: the configuration must change.
    hopeless: bool = False


def cause_of(error: BaseException, address: object, settings: KafkaSettings) -> Cause:
    """What a failed connection to an address means."""
    match error:
        case socket.gaierror():
            text = f"the name of {address} cannot be resolved ({error.strerror}): check the host, or the DNS here"
        case ConnectionRefusedError():
            text = f"nothing listens on {address} (connection refused): is the broker running, is the port right?"
        case ssl.SSLError():
            return _tls_cause(error, address)
        case TimeoutError():
            text = f"{address} does not answer in time: it is frozen or overloaded, or a firewall drops what we send"
        case errors.KafkaConnectionError() | ConnectionError():
            text = (
                f"{address} closed the connection before it answered as a Kafka broker does: it is starting, or is no "
                f"Kafka, or speaks another protocol (security_protocol is {settings.security_protocol})"
            )
        case OSError():
            text = f"{address} cannot be reached ({error.strerror or repr(error)}): check the address and the network"
        case _:
            return _protocol_cause(error, address, settings)
    return Cause(text)


def _tls_cause(error: ssl.SSLError, address: object) -> Cause:
    if isinstance(error, ssl.SSLCertVerificationError):
        text = (
            f"the certificate of {address} is not trusted ({error}): set ssl_cafile to the CA that "
            "signed it, and use the host name it was made for"
        )
    else:
        text = (
            f"TLS with {address} failed ({error}): does that port speak TLS? Check the port, "
            "security_protocol and ssl_certfile"
        )
    return Cause(text, hopeless=True)


def _protocol_cause(error: BaseException, address: object, settings: KafkaSettings) -> Cause:
    for types, text in _HOPELESS:
        if isinstance(error, types):
            words = {
                "address": address,
                "error": error,
                "user": settings.sasl_username,
                "mechanism": settings.sasl_mechanism,
                "protocol": settings.security_protocol,
            }
            return Cause(text.format(**words), hopeless=True)
    return Cause(f"{address}: {error!r}")


def is_of_topic(error: BaseException) -> bool:
    """Tell whether every other record of the topic would meet the same refusal."""
    return isinstance(error, (*_RIGHTS, errors.InvalidTopicError))


Verdict = Literal["refused", "divide", "away"]
"""Of a failed batch: no record is ever taken · one is not, and the others suffer · the same may succeed later."""


def verdict(error: BaseException, records: int) -> Verdict:
    """What the error of a batch with so many records says about them.

    `UnknownError` stands for every code aiokafka has no name for, INVALID_RECORD (87) among them, and for a broker's
    own trouble: so it is never taken as final.
    """
    if is_of_topic(error):
        return "refused"
    if isinstance(
        error, errors.MessageSizeTooLargeError | errors.RecordListTooLargeError | errors.InvalidTimestampError
    ):
        return "refused" if records == 1 else "divide"
    if isinstance(error, errors.UnknownError) and records > 1:
        return "divide"
    return "away"
