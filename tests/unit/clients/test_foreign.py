"""What the HTTP library raises, translated."""

import asyncio
import errno
import socket
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from clients.errors import ClientError, Rejected
from clients.foreign import translated
from clients.guard import AddressRefused

KEY = ConnectionKey("h.example", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
SECRET = "s3cret-bytes"
URL_ = URL("https://h.example/")
INFO = aiohttp.RequestInfo(URL_, "GET", CIMultiDictProxy(CIMultiDict({"Authorization": SECRET})), URL_)


def _translate(error: BaseException) -> ClientError:
    with pytest.raises(ClientError) as caught, translated("w"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "x")), "Unreachable", "Connection refused"),
        (aiohttp.ClientConnectorError(KEY, OSError("odd")), "Unreachable", "OSError"),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "x")), "Unreachable", "name cannot be resolved"),
        (aiohttp.ClientConnectorDNSError(KEY, AddressRefused("the host leads to x")), "ForbiddenAddress", "leads to x"),
        (aiohttp.ClientConnectorError(KEY, AddressRefused("the host leads to x")), "ForbiddenAddress", "leads to x"),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("x")), "Unreachable", "certificate"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError("x")), "Unreachable", "TLS failed"),
        (aiohttp.ConnectionTimeoutError("x"), "Unreachable", "no connection in time"),
        (aiohttp.SocketTimeoutError("x"), "TimedOut", "no complete answer in time"),
        (TimeoutError(), "TimedOut", "no complete answer in time"),
        (aiohttp.ServerDisconnectedError(SECRET), "ConnectionLost", "ServerDisconnectedError"),
        (aiohttp.ClientPayloadError(SECRET), "ConnectionLost", "ClientPayloadError"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "x"), "ConnectionLost", "ClientOSError"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "ConnectionLost", "ConnectionResetError"),
        (RuntimeError("handler is closed"), "ConnectionLost", "RuntimeError"),
        (aiohttp.ClientResponseError(INFO, (), message=SECRET), "BadAnswer", "not HTTP"),
    ],
)
def test_every_foreign_error_has_its_own(error: Exception, kind: str, text: str) -> None:
    """Connection, time-out, break and nonsense are told apart."""
    translated_error = _translate(error)
    assert (type(translated_error).__name__, text in str(translated_error)) == (kind, True)


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientResponseError(INFO, (), message=SECRET),
        aiohttp.ServerDisconnectedError(SECRET),
        aiohttp.ClientPayloadError(SECRET),
    ],
)
def test_what_the_other_side_sent_is_not_shown(error: Exception) -> None:
    """Neither the message nor a printed traceback holds bytes of the answer or our headers."""
    shown = _translate(error)
    assert SECRET not in str(shown)
    assert shown.__cause__ is None
    assert shown.__suppress_context__


def test_cause_is_kept_where_it_is_ours() -> None:
    """A refused connection keeps the system's own error for whoever debugs it."""
    cause = aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "x"))
    assert _translate(cause).__cause__ is cause


def test_our_own_errors_pass() -> None:
    """An error that is already ours is not wrapped again."""
    error = Rejected("mine")
    assert _translate(error) is error


def test_cancellation_passes() -> None:
    """A cancelled call is cancelled, not failed."""
    with pytest.raises(asyncio.CancelledError), translated("w"):
        raise asyncio.CancelledError
