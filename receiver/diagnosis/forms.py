"""Signatures as they may be meant: each digest that a header holds, whatever stands around it. Pure."""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hmac import compare_digest
from typing import Literal

from schemas.keys import Encoding, Key, Parts
from schemas.schemes import Items, KeyValues, Location, Plain, Scheme

# More than anybody honest sends.
_MOST = 8
_LONGEST = 4_096
_HEX = re.compile(rb"(?<![0-9A-Za-z+/_-])[0-9A-Fa-f]{40,128}(?![0-9A-Za-z+/_-])")
_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{27,88}={0,2}(?![A-Za-z0-9+/_-])")
# What is shown of a header: words that are no piece of a secret.
_PREFIX = re.compile(rb"(?i:(?:hmac-?)?(?:sha-?[0-9]{1,3}|md5)|v[0-9][a-z]?|sig|signature|hmac)[=,: ]")
_PAIR = re.compile(rb" *([A-Za-z0-9_-]{1,8})=[^=]")
_WORDS: dict[Encoding, str] = {"hex": "hexadecimal digits", "base64": "base64"}
_HASHES = {20: "SHA-1", 32: "SHA-256", 48: "SHA-384", 64: "SHA-512"}


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest of a header."""

    value: bytes
    encoding: Literal["hex", "base64"]


class Given:
    """What a signature's header holds.

    Args:
        value: the header as it came.
    """

    def __init__(self, value: bytes) -> None:
        self.value = value[:_LONGEST]

    @cached_property
    def digests(self) -> tuple[Digest, ...]:
        """Every digest in it, the first eight."""
        return tuple(_digests(self.value))[:_MOST]

    def fits(self, key: Key, parts: Parts) -> bool:
        """Whether one of them is what a key makes of the parts; the key writes hexadecimal, or is asymmetric."""
        if key.asymmetric:
            return any(key.matches(parts, base64.b64encode(one.value)) for one in self.digests)
        made = key.sign(parts)
        return any(compare_digest(made, one.value.hex().encode()) for one in self.digests)

    def misform(self, scheme: Scheme) -> str:
        """How it differs from what a scheme writes; empty when it does not."""
        return ", and ".join(_differences(self, scheme))


def _digests(value: bytes) -> Iterator[Digest]:
    left = value
    for found in _HEX.findall(value):
        if len(found) // 2 in _HASHES and len(found) % 2 == 0:
            left = left.replace(found, b" ")
            yield Digest(bytes.fromhex(found.decode()), "hex")
    for found in _BASE64.findall(left):
        text = found.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        try:
            digest = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
        except ValueError:
            continue
        if len(digest) in _HASHES:
            yield Digest(digest, "base64")


def _differences(given: Given, scheme: Scheme) -> Iterator[str]:
    if not given.digests:
        yield "nothing in it looks like a signature"
        return
    if scheme.signature is not None and (around := _around(scheme.signature, given)):
        yield around
    encodings = {one.encoding for one in given.digests}
    if scheme.encoding not in encodings:
        yield f"it is written in {_WORDS[min(encodings)]} where {_WORDS[scheme.encoding]} {_due(scheme.encoding)} due"
    sizes = sorted({len(one.value) for one in given.digests})
    due = hashlib.new(scheme.algorithm).digest_size
    if due not in sizes:
        yield f"it is as long as {_HASHES[sizes[0]]} makes it, where {_HASHES[due]} is due"


def _due(encoding: Encoding) -> str:
    return "are" if encoding == "hex" else "is"


def _around(location: Location, given: Given) -> str | None:
    """What is wrong with what stands around the signature."""
    value = given.value
    match location:
        case Plain(prefix=prefix) if prefix and not value.startswith(prefix.encode()):
            other = _PREFIX.match(value)
            bare = "nothing" if _HEX.match(value) or _BASE64.match(value) else "something else"
            return f"{repr(other[0].decode()) if other else bare} stands before it, where {prefix!r} is due"
        case Plain(prefix="") if (other := _PREFIX.match(value)) is not None:
            return f"{other[0].decode()!r} stands before it, where nothing is due"
        case KeyValues(separator=separator, signature=name):
            pairs = map(_PAIR.match, value.split(separator.encode(), _MOST))
            names = [pair[1].decode() for pair in pairs if pair]
            shown = f", only {', '.join(names)}" if names else ""
            return None if name in names else f"no pair is named {name!r}{shown}"
        case Items(separator=separator, prefix=prefix, asymmetric_prefix=other_prefix):
            begins = tuple(one.encode() for one in (prefix, other_prefix) if one)
            items = value.split(separator.encode(), 2 * _MOST)
            return None if any(item.startswith(begins) for item in items) else f"no item of it begins with {prefix!r}"
        case _:
            return None
