"""Which addresses may be called."""

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.addresses import host_refusal, refusal


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1"])
def test_public_addresses_pass(address: str) -> None:
    """A public address may be called."""
    assert refusal(address, allow_private=False) is None


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "::1",
     "fc00::1", "fdff::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::c0a8:101"],
)  # fmt: skip
def test_private_addresses_need_leave(address: str) -> None:
    """Loopback and private addresses, also wrapped in IPv6, pass only with `allow_private`."""
    assert refusal(address, allow_private=False) == "a private address"
    assert refusal(address, allow_private=True) is None


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "0.1.2.3", "169.254.1.1", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1",
     "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
     "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "::127.0.0.1", "64:ff9b:1::1", "100::1", "::ffff:0.0.0.0",
     "64:ff9b::a9fe:a9fe", "::ffff:169.254.169.254"],
)  # fmt: skip
def test_special_addresses_never_pass(address: str) -> None:
    """Link-local, multicast, documentation, tunnel and reserved addresses are refused whatever is configured."""
    assert refusal(address, allow_private=True) == "a special-purpose address"


@pytest.mark.parametrize(
    "address", ["100.100.100.200", "168.63.129.16", "fd00:ec2::254", "::ffff:100.100.100.200", "64:ff9b::6464:64c8"]
)
def test_metadata_services_never_pass(address: str) -> None:
    """The metadata services outside link-local are refused, although their ranges could be allowed."""
    assert refusal(address, allow_private=True) == "a metadata service"


@pytest.mark.parametrize("address", ["", "localhost", "1.2.3", "0177.0.0.1", "0x7f.0.0.1", "1.2.3.4.5", ":::"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """Something a resolver should never return is refused, not passed."""
    assert refusal(address, allow_private=True) == "not an address"


@pytest.mark.parametrize(
    "host", ["0177.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "127.0.0.1.", "0x", "1.2.3.4.5", "08.8.8.8"]
)
def test_other_spellings_of_numbers_are_refused(host: str) -> None:
    """A host that resolvers read as a number is taken in the plain spelling only."""
    assert host_refusal(host, allow_private=True) == "a number that is not a plain IPv4 address"


@pytest.mark.parametrize(
    "host", ["api.mygptassistants.com", "localhost", "a.b.c1", "1.2.3.x", "8.8.8.8", "2a00:1450::1"]
)
def test_names_are_left_to_the_resolver(host: str) -> None:
    """A name is judged when it resolves; a plain public address passes."""
    assert host_refusal(host, allow_private=False) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:7f00:1", "10.1.2.3"])
def test_plain_private_hosts_are_refused(host: str) -> None:
    """A private address written in the URL is seen before any connection."""
    assert host_refusal(host, allow_private=False) == "a private address"


@given(st.ip_addresses(v=4))
def test_nothing_passes_that_the_interpreter_calls_private(address: IPv4Address) -> None:
    """Our lists are at least as strict as the standard library's."""
    if not address.is_global:
        assert refusal(str(address), allow_private=False) is not None


@given(st.ip_addresses(v=4))
def test_wrapping_changes_nothing(address: IPv4Address) -> None:
    """An IPv4 address in IPv6 clothes is judged as itself."""
    plain = refusal(str(address), allow_private=False)
    wrapped = (f"::ffff:{address}", str(ip_address(int(ip_address("64:ff9b::")) + int(address))))
    assert [refusal(item, allow_private=False) for item in wrapped] == [plain, plain]


@given(st.text())
def test_any_text_gets_a_verdict(host: str) -> None:
    """No host in a configuration makes the guard fall over."""
    assert isinstance(host_refusal(host, allow_private=False), str | None)
