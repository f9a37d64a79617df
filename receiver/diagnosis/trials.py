"""What a signature would be right for: the same delivery in other words, keys, URLs and sources, within bounds. Pure.

Each trial is one hash. The first that fits is what happened; they come in the order in which such mistakes are made.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from receiver.diagnosis.bodies import variants
from receiver.diagnosis.case import Case, ordinal, plain
from receiver.diagnosis.forms import Given
from receiver.diagnosis.hint import Hint
from receiver.keyring import Keyring
from schemas.keys import Algorithm, HashKey, HmacKey, Key, Parts, UnusableSecret, secret_bytes
from schemas.schemes import KeyValues, Scheme
from schemas.signatures import MalformedForm, Message, signed_parts, sorted_form

MAX_BODY: Final = 16 * 1024
"""Bytes of a body that is looked into."""

MOST_HASHED: Final = 2 * 1024 * 1024
"""Bytes that are hashed for one delivery at most: some milliseconds."""

# What a hash costs that is of next to nothing, in bytes.
_EACH = 1_024
_ALGORITHMS: tuple[Algorithm, ...] = ("sha256", "sha1", "sha512")
_TEMPLATES = ("{body}", "{timestamp}.{body}", "{timestamp}{body}", "{id}.{timestamp}.{body}", "{url}{body}")
_PORTS = {b"https": b":443", b"http": b":80"}


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing that may have happened."""

    hint: Hint
    given: Given
    key: Key
    parts: Parts


def looked_into(case: Case) -> Hint:
    """What the signature of a delivery is right for, or that nothing was found."""
    if len(case.delivery.body) > MAX_BODY:
        size = f"its body has {len(case.delivery.body):,} bytes, and only those of up to {MAX_BODY:,} are looked into"
        return Hint("untried", size)
    spent = made = 0
    for trial in _trials(case):
        spent += _EACH + sum(map(len, trial.parts))
        if spent > MOST_HASHED:
            return Hint("untried", f"{made} readings were tried and did not fit; more would cost too much")
        if trial.given.fits(trial.key, trial.parts):
            return trial.hint
        made += 1
    return Hint(
        "secret", f"none of {made} readings fits: of the body, the secrets, the hash, the URL, and of our other sources"
    )


def _trials(case: Case) -> Iterator[Trial]:
    ring = case.source.ring
    given = Given(case.delivery.headers.get(ring.signature_header) or b"")
    keys = [(ordinal(index, len(ring.secrets)), key) for index, key in enumerate(_keys(ring))]
    as_it_is = _message(case, ring)

    def of(kind: str, words: str, message: Message) -> Iterator[Trial]:
        """The same keys, another message."""
        for (whose, key), secret in zip(keys, ring.secrets, strict=True):
            parts = signed_parts(ring.scheme, replace(message, secret=_in_text(ring.scheme, secret)))
            yield Trial(Hint(kind, f"the signature is right, by {whose}, {words}"), given, key, parts)

    return chain(
        of("right-but-form", f"but {given.misform(ring.scheme) or 'it is written in another way'}", as_it_is),
        _elsewhere(case),
        _read_otherwise(case, given, as_it_is),
        chain.from_iterable(
            of("body-changed", f"for the body {words}", _message(case, ring, body=body))
            for words, body in variants(case.delivery.body)
        ),
        chain.from_iterable(
            of("url", f"for the URL {_shown(case, url)}", replace(as_it_is, url=url)) for url in _urls(case)
        ),
        _hashed_otherwise(case, given, as_it_is),
        _with_foreign_secrets(case, given, as_it_is),
    )


def _keys(ring: Keyring) -> Iterator[Key]:
    """The keys of a source, writing hexadecimal."""
    for key, secret in zip(ring.keys, ring.secrets, strict=True):
        if key.asymmetric:
            yield key
        elif ring.scheme.mode == "hash":
            yield HashKey(ring.scheme.algorithm, "hex")
        else:
            yield HmacKey(secret_bytes(secret.decode(), ring.scheme.key_format), ring.scheme.algorithm, "hex")


def _in_text(scheme: Scheme, secret: bytes) -> bytes:
    """A secret that is a part of what is hashed."""
    return secret if scheme.mode == "hash" else b""


def _message(case: Case, ring: Keyring, *, body: bytes | None = None) -> Message:
    """What a source's scheme signs, as far as the delivery tells it; nothing is checked."""
    delivery = case.delivery
    content = delivery.body if body is None else body
    query = delivery.target.query.encode("utf-8", "replace")
    form = b""
    if "sorted_form" in ring.scheme.placeholders and delivery.headers.media_type().endswith("x-www-form-urlencoded"):
        try:
            form = sorted_form(content)
        except MalformedForm:
            form = b""
    return Message(
        body=content,
        timestamp=claimed_time(ring, case),
        id=case.delivery.headers.get(ring.id_header) or b"",
        method=delivery.method.encode("ascii", "replace"),
        url=ring.public_url + (b"?" + query if query else b""),
        sorted_form=form,
    )


def claimed_time(ring: Keyring, case: Case) -> bytes:
    """The time in the headers, whatever it is."""
    timestamp, headers = ring.scheme.timestamp, case.delivery.headers
    if timestamp is None or timestamp.json_path is not None:
        return b""
    if timestamp.key is None or not isinstance(ring.scheme.signature, KeyValues):
        return headers.get(ring.timestamp_header) or b""
    items = (headers.get(ring.signature_header) or b"").split(ring.scheme.signature.separator.encode(), 16)
    pairs = (item.partition(b"=") for item in items)
    return next((value.strip() for name, _, value in pairs if name.strip() == timestamp.key.encode()), b"")


def _elsewhere(case: Case) -> Iterator[Trial]:
    """As if it had been posted to another source."""
    for other in case.others:
        if not other.ring.scheme.signs or not (value := case.delivery.headers.get(other.ring.signature_header)):
            continue
        message, given = _message(case, other.ring), Given(value)
        for index, (key, secret) in enumerate(zip(_keys(other.ring), other.ring.secrets, strict=True)):
            parts = signed_parts(other.ring.scheme, replace(message, secret=_in_text(other.ring.scheme, secret)))
            whose = f"{ordinal(index, len(other.ring.secrets))} of the source {other.name}"
            yield Trial(Hint("other-source", f"the signature is right by {whose}"), given, key, parts)


def _with_foreign_secrets(case: Case, given: Given, message: Message) -> Iterator[Trial]:
    """This source's scheme, another one's secrets."""
    scheme = case.source.ring.scheme
    for other in case.others:
        if other.ring.scheme == scheme:
            continue
        for index, secret in enumerate(other.ring.secrets):
            for key in _made(scheme, [secret], scheme.algorithm):
                whose = f"{ordinal(index, len(other.ring.secrets))} of the source {other.name}"
                parts = signed_parts(scheme, replace(message, secret=_in_text(scheme, secret)))
                yield Trial(Hint("other-source", f"the signature is right by {whose}"), given, key, parts)


def _read_otherwise(case: Case, given: Given, message: Message) -> Iterator[Trial]:
    """The same secrets, read as other bytes."""
    ring = case.source.ring
    for index, (key, secret) in enumerate(zip(ring.keys, ring.secrets, strict=True)):
        if key.asymmetric:
            continue
        for words, text in _readings(secret):
            own = ring.scheme.mode != "hash"
            made = HmacKey(text, ring.scheme.algorithm, "hex") if own else HashKey(ring.scheme.algorithm, "hex")
            parts = signed_parts(ring.scheme, replace(message, secret=_in_text(ring.scheme, text)))
            hint = f"the signature is right if {ordinal(index, len(ring.secrets))} is taken {words}"
            yield Trial(Hint("key-form", hint), given, made, parts)


def _readings(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """Bytes that a secret may stand for."""
    bare = secret.removeprefix(b"whsec_")
    yield "as its text", secret
    if bare != secret:
        yield "as its text without whsec_", bare
    for words, decode in (("as base64", base64.b64decode), ("as hexadecimal", binascii.unhexlify)):
        try:
            if read := decode(bare + b"=" * (-len(bare) % 4) if decode is base64.b64decode else bare):
                yield words, read
        except ValueError:
            continue
    yield "with a line feed at its end", secret + b"\n"
    if secret.strip() != secret:
        yield "without the white space around it", secret.strip()


def _hashed_otherwise(case: Case, given: Given, message: Message) -> Iterator[Trial]:
    """Another hash, or other parts of the request under the same one."""
    scheme = case.source.ring.scheme
    for algorithm in _ALGORITHMS:
        if algorithm != scheme.algorithm:
            hint = Hint(
                "algorithm", f"the signature is right by {algorithm.upper()}, where {scheme.algorithm.upper()} is due"
            )
            for secret in case.source.ring.secrets:
                parts = signed_parts(scheme, replace(message, secret=_in_text(scheme, secret)))
                yield from (Trial(hint, given, key, parts) for key in _made(scheme, [secret], algorithm))
    if scheme.mode != "hmac":
        return
    for template in _TEMPLATES:
        other = Scheme.model_construct(template=template)
        parts = signed_parts(other, message)
        if template != scheme.template and all(parts):
            hint = Hint("template", f"the signature is right for {template}, where {scheme.template} is due")
            yield from (
                Trial(hint, given, key, parts) for key in _made(scheme, case.source.ring.secrets, scheme.algorithm)
            )


def _made(scheme: Scheme, secrets: Iterable[bytes], algorithm: Algorithm) -> Iterator[Key]:
    for secret in secrets:
        try:
            if scheme.mode == "hash":
                yield HashKey(algorithm, "hex")
            elif not secret.startswith((b"whpk_", b"whsk_")):
                yield HmacKey(secret_bytes(secret.decode(), scheme.key_format), algorithm, "hex")
        except UnusableSecret:
            continue


def _urls(case: Case) -> Iterator[bytes]:
    """URLs that the sender may have called, beside the one of the configuration."""
    if not case.source.ring.scheme.signs_url:
        return
    query = case.delivery.target.query.encode("utf-8", "replace")
    tail = b"?" + query if query else b""
    known = case.source.ring.public_url
    target = case.delivery.target
    path = f"/in/{target.source}" + (f"/{target.rest}" if target.rest else "")
    host = case.delivery.headers.get(b"host") or b""
    for scheme in (b"https", b"http"):
        _, found, rest = known.partition(b"://")
        before, slash, behind = rest.partition(b"/")
        name = before.rpartition(b":")[0] if before.rpartition(b":")[2].isdigit() else before
        for origin in dict.fromkeys((before, name, name + _PORTS[scheme])):
            url = scheme + b"://" + origin + slash + behind
            yield from (url + tail, url.rstrip(b"/") + tail, url.rstrip(b"/") + b"/" + tail)
        if host and found:
            yield scheme + b"://" + host + path.encode() + tail
    if query:
        yield known


def _shown(case: Case, url: bytes) -> str:
    """A URL for the operator, without the query and the token in its path."""
    path = url.partition(b"?")[0]
    token = case.source.ring.path_token
    return plain(path if token is None else path.replace(token, b"***")) + (" with its query" if b"?" in url else "")
