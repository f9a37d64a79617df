"""Twelve changes that make a delivery of a preset a forgery."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from receiver.delivery import Delivery, Headers, Target
from schemas.schemes import Scheme
from tests.contract.presets import CATALOGUE

Change = Callable[[Delivery, Scheme], Delivery]


def header(change: Callable[[bytes], bytes | None], *, twice: bool = False) -> Change:
    """The header that proves the delivery, changed; None leaves it out."""

    def changed(sent: Delivery, scheme: Scheme) -> Delivery:
        name = (scheme.signature.header if scheme.signature else scheme.token.name if scheme.token else "").lower()
        given = dict(sent.headers.raw)
        value = change(given.pop(name.encode()))
        raw = [*given.items(), *([] if value is None else [(name.encode(), value)] * (2 if twice else 1))]
        return Delivery(method=sent.method, target=sent.target, headers=Headers(raw), body=sent.body)

    return changed


def body(change: Callable[[bytes], bytes]) -> Change:
    return lambda sent, _: Delivery(
        method=sent.method, target=sent.target, headers=sent.headers, body=change(sent.body)
    )


def rest(change: Callable[[str], str]) -> Change:
    """What follows the source's name in the path, changed."""
    return lambda sent, _: Delivery(
        method=sent.method,
        target=Target(sent.target.source, change(sent.target.rest), sent.target.query),
        headers=sent.headers,
        body=sent.body,
    )


def query(change: Callable[[str], str]) -> Change:
    return lambda sent, _: Delivery(
        method=sent.method,
        target=Target(sent.target.source, sent.target.rest, change(sent.target.query)),
        headers=sent.headers,
        body=sent.body,
    )


def secret_key(change: Callable[[str], object]) -> Change:
    """The secret in the body, changed; None leaves it out."""

    def changed(sent: bytes) -> bytes:
        whole = json.loads(sent)
        found = change(whole.pop("secret_key"))
        return json.dumps(whole if found is None else {**whole, "secret_key": found}).encode()

    return body(changed)


def recoded(value: bytes) -> bytes:
    """Every signature in the other encoding: base64 for hexadecimal, and the other way round."""

    def other(match: re.Match[bytes]) -> bytes:
        text = match[0]
        if re.fullmatch(rb"[0-9a-f]{40,64}", text):
            return base64.b64encode(bytes.fromhex(text.decode()))
        return base64.b64decode(text).hex().encode()

    return re.sub(rb"[0-9a-f]{40,64}|[A-Za-z0-9+/]{27,43}=", other, value)


def flipped(value: bytes) -> bytes:
    """The first character of the signature is another one."""
    place = re.search(rb"(?:^|[=,])(?=[A-Za-z0-9+/]{20,}=?$)", value)
    assert place is not None, value
    at = place.end()
    return value[:at] + (b"b" if value[at : at + 1] == b"a" else b"a") + value[at + 1 :]


SIGNED: Mapping[str, Change] = MappingProxyType(
    {
        "a byte of the body changed": body(lambda sent: sent[:-2] + bytes([sent[-2] ^ 1]) + sent[-1:]),
        "the body with something behind": body(lambda sent: sent + b"&x=1"),
        "the body cut": body(lambda sent: sent[:-3]),
        "no body": body(lambda _: b""),
        "no signature": header(lambda _: None),
        "an empty signature": header(lambda _: b""),
        "the signature twice": header(lambda value: value, twice=True),
        "another character in the signature": header(flipped),
        "the signature cut": header(lambda value: value[:-4]),
        "the signature in another encoding": header(recoded),
        "the signature behind another word": header(lambda value: b"x" + value),
        "random bytes for a signature": header(lambda _: b"\xff\x00\x80" * 9),
    }
)
_TOKEN_CHANGES: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "left out": lambda _: None,
        "empty": lambda _: "",
        "blank": lambda _: " ",
        "cut": lambda token: token[:-1],
        "without its beginning": lambda token: token[1:],
        "longer": lambda token: f"{token}0",
        "in capitals": lambda token: token.upper(),
        "turned round": lambda token: token[::-1],
        "behind a word": lambda token: f"Bearer {token}",
        "twice in one": lambda token: token + token,
        "another one": lambda _: "another-secret-0123456789",
        "a character changed": lambda token: f"{token[:5]}X{token[6:]}",
    }
)


def bytes_of(change: Callable[[str], Any]) -> Callable[[bytes], bytes | None]:
    return lambda value: None if (found := change(value.decode())) is None else str(found).encode()


def key_of(change: Callable[[str], Any]) -> Callable[[str], str]:
    return lambda text: "" if (found := change(text.removeprefix("key="))) is None else f"key={found}"


def rest_of(change: Callable[[str], Any]) -> Callable[[str], str]:
    return lambda text: str(change(text) or "")


def changes_of(preset: str) -> dict[str, Change]:
    """Twelve changes that fit how a preset proves a delivery."""
    scheme = CATALOGUE[preset].scheme
    if scheme.signs:
        return dict(SIGNED)
    if scheme.mode == "none":
        return {name: rest(rest_of(change)) for name, change in _TOKEN_CHANGES.items()}
    assert scheme.token is not None
    made: dict[str, Callable[[Callable[[str], Any]], Change]] = {
        "header": lambda change: header(bytes_of(change)),
        "query": lambda change: query(key_of(change)),
        "json_path": secret_key,
    }
    return {name: made[scheme.token.where](change) for name, change in _TOKEN_CHANGES.items()}
