"""What can stand as host and port in an address."""

import pytest

from schemas.hosts import endpoint_problem


@pytest.mark.parametrize(
    "text",
    ["broker", "broker-1.example.org.:9092", "my_broker:1", "127.0.0.1:65535", "[::1]:9092", "[fe80::1]", "h"],
)
def test_an_endpoint_that_can_be_one(text: str) -> None:
    """Names as containers have them too; the port may be left out."""
    assert endpoint_problem(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the host is missing"),
        (":9092", "the host is missing"),
        ("a b:9092", "a space stands in it"),
        ("a:", "its port is no number from 1 to 65535"),
        ("a:0", "its port is no number from 1 to 65535"),
        ("a:65536", "its port is no number from 1 to 65535"),
        ("a:http", "its port is no number from 1 to 65535"),
        ("1.2.3.256:1", "it is no IPv4 address: those are four numbers from 0 to 255"),
        ("-a:1", "it can be no host: names are letters, digits, - and dots"),
        ("a..b:1", "it can be no host: names are letters, digits, - and dots"),
        ("a/b:1", "it can be no host: names are letters, digits, - and dots"),
        ("[::1:1", "an IPv6 address is written in brackets: [::1]:9092"),
        ("::1:9092", "it has several colons: a port follows the host, an IPv6 address is written in brackets"),
        ("[::g]:1", "it can be no host: names are letters, digits, - and dots"),
    ],
)
def test_an_endpoint_that_cannot_be_one(text: str, why: str) -> None:
    """The reason never repeats it."""
    assert (endpoint_problem(text) or "").startswith(why)
