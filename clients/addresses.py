"""Which addresses may be called: the guard against a platform's name that leads inside our own network. No I/O.

The lists are the IANA special-purpose address registries (RFC 6890 and its updates), written out because the
interpreter's own (`ipaddress.is_global`) differ between patch releases, plus the clouds' metadata services.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

# Ours if `allow_private` says so: loopback, private use, shared (carrier-grade NAT, overlay networks), unique local.
_PRIVATE_4 = tuple(
    IPv4Network(net) for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
_PRIVATE_6 = (IPv6Network("::1/128"), IPv6Network("fc00::/7"))

# The metadata services that stand in ranges which would otherwise be allowed: never called, whatever is configured.
_METADATA = frozenset(map(ip_address, ("100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254")))

_SPECIAL_4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Everything outside global unicast is refused; these are the holes inside it.
_GLOBAL_6 = IPv6Network("2000::/3")
_SPECIAL_6 = tuple(IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")


def refusal(address: str, *, allow_private: bool) -> str | None:
    """Say why an address must not be called; None if it may be.

    An IPv4 address wrapped in IPv6 (mapped, or NAT64) is judged as the IPv4 address it leads to.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "not an address"
    inner = _unwrapped(parsed)
    if inner in _METADATA:
        return "a metadata service"
    private = _PRIVATE_4 if isinstance(inner, IPv4Address) else _PRIVATE_6
    if any(inner in net for net in private):
        return None if allow_private else "a private address"
    if isinstance(inner, IPv4Address):
        special = any(inner in net for net in _SPECIAL_4)
    else:
        special = inner not in _GLOBAL_6 or any(inner in net for net in _SPECIAL_6)
    return "a special-purpose address" if special else None


def host_refusal(host: str, *, allow_private: bool) -> str | None:
    """Say why a configured host must not be called, as far as its spelling tells; a name is judged when it resolves.

    A host that ends in a number is an IPv4 address to every resolver (`127.1`, `0177.0.0.1`, `0x7f000001`), so only
    the plain spelling is taken.
    """
    if ":" in host:
        return refusal(host, allow_private=allow_private)
    last = host.rstrip(".").rpartition(".")[2]
    if not re.fullmatch(r"[0-9]+|0[xX][0-9a-fA-F]*", last):
        return None
    try:
        plain = IPv4Address(host)
    except AddressValueError:
        return "a number that is not a plain IPv4 address"
    return refusal(str(plain), allow_private=allow_private)


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
