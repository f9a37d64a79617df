"""Hosts and ports as they stand in addresses: whether they can be ones, and whose. Only syntax; nobody is asked."""

import ipaddress
import re
from collections.abc import Collection

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_PORT = re.compile(r"[0-9]{1,5}")
_LARGEST = 65_535


def endpoint_problem(text: str) -> str | None:
    """Why `host`, `host:port` or `[IPv6]:port` can be none; the answer never repeats it, for it may hold a password."""
    if any(letter.isspace() for letter in text):
        return "a space stands in it"
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return "an IPv6 address is written in brackets: [::1]:9092"
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.partition(":")
        if ":" in port:
            return "it has several colons: a port follows the host, an IPv6 address is written in brackets: [::1]:9092"
    if colon and not (_PORT.fullmatch(port) and 0 < int(port) <= _LARGEST):
        return f"its port is no number from 1 to {_LARGEST}"
    return host_problem(host)


def host_problem(host: str) -> str | None:
    """Why a text can be neither a name nor an IP address."""
    if not host:
        return "the host is missing"
    if _is_address(host):
        return None
    labels = host.removesuffix(".").split(".")
    if all(label.isdigit() for label in labels):
        return "it is no IPv4 address: those are four numbers from 0 to 255"
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004 - RFC 1035, 2.3.4
        return "it can be no host: names are letters, digits, - and dots"
    return None


def foreign(host: str, origin: str | None, names: Collection[str]) -> str | None:
    """Why a request to a port that is not the public one may come from a page of the web; None if it does not.

    A page can have its own name lead to our address, and then read what we answer (DNS rebinding). It cannot do that to
    an address, to `localhost`, nor to a name without a dot, which nobody can register.

    Args:
        host: the header Host; empty, as from a probe that speaks HTTP/1.0, it is no browser's.
        origin: the header Origin, which every page sends where its request could do something.
        names: more that may stand in Host, in lower case: those we are called by.
    """
    name = _without_port(host).lower().removesuffix(".")
    own = name in names or "." not in name or name.endswith(".localhost") or _is_address(name.strip("[]"))
    if not own:
        return "the header Host names a stranger"
    if origin is not None and origin.lower() not in {f"{scheme}://{host.lower()}" for scheme in ("http", "https")}:
        return "the header Origin names another page"
    return None


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and not (":" in name and not name.startswith("[")) else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
