"""The one place where what the HTTP library raises becomes our error tree."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from clients.errors import BadAnswer, ClientError, ConnectionLost, ForbiddenAddress, TimedOut, Unreachable
from clients.guard import AddressRefused


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise `ClientError` for whatever aiohttp, the socket or TLS raises inside; cancellation passes.

    The cause is kept only where its text holds nothing that the other side sent.
    """
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise _unconnected(error, what) from error
    except TimeoutError as error:
        raise TimedOut(f"{what}: no complete answer in time") from error
    except aiohttp.ClientResponseError:
        raise BadAnswer(f"{what}: what came back is not HTTP") from None
    # uvloop reports some failing sockets as RuntimeError
    except (aiohttp.ClientError, OSError, RuntimeError) as error:
        raise ConnectionLost(f"{what}: the connection broke ({type(error).__name__})") from None


def _unconnected(error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError, what: str) -> ClientError:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Unreachable(f"{what}: no connection in time")
    if isinstance(error.os_error, AddressRefused):
        return ForbiddenAddress(f"{what}: {error.os_error}")
    return Unreachable(f"{what}: no connection ({_reason(error)})")


def _reason(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the certificate is not valid for this host"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "TLS failed"
    cause = error.os_error
    if isinstance(cause, socket.gaierror):
        return "the host's name cannot be resolved"
    return os.strerror(cause.errno) if cause.errno else type(cause).__name__
