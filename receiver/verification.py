"""Whether a delivery is what its sender signed: one function over raw bytes. Pure.

The result is a value. `Verified` can be made only here, and everything that is published starts from one. What stands
in a header can make the answer `Refused`, and nothing else.
"""

from dataclasses import InitVar, dataclass, replace
from datetime import datetime
from hmac import compare_digest
from typing import assert_never

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from receiver.claims import Claims, Reason, Unproved, check_age, claims_of, json_value, signed_time
from receiver.delivery import Delivery, Headers
from receiver.keyring import Keyring
from schemas.schemes import Scheme, Token
from schemas.signatures import MalformedForm, Message, hash_fits, query_value, signed_parts, sorted_form

_SEAL = object()
_MASK = b"***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A delivery that its sender has proved to be its own.

    Only `verify` makes one, `fetched` of our own asking, and `proved_before` of what `verify` had made one of.
    """

    body: bytes
    headers: Headers
    # Of the target, as sent.
    query: str = ""
    # Which secret matched, from 0, the newest; None where nothing was to be proved (`verify = "none"`).
    secret: int | None = None
    # The signed time as sent, where one is signed.
    signed_time: str | None = None
    # The signed id of the delivery, where one is signed.
    id: str | None = None
    # What follows the source's name (and its path token) in the path.
    suffix: str = ""
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        """Refuse everybody but `verify`.

        Raises:
            TypeError: somebody else made one.
        """
        if seal is not _SEAL:
            raise TypeError("only receiver.verification.verify makes a Verified")


@dataclass(frozen=True, slots=True)
class Refused:
    """A delivery that is not proved. The sender is only told 401."""

    reason: Reason


def verify(ring: Keyring, delivery: Delivery, now: datetime) -> Verified | Refused:
    """Decide whether a delivery is its sender's own.

    Args:
        ring: the source's keys.
        delivery: the request, its body raw.
        now: the time of receipt, aware.
    """
    try:
        return _verified(ring, delivery, now)
    except Unproved as unproved:
        return Refused(unproved.reason)


def foretold(ring: Keyring, delivery: Delivery) -> Refused | None:
    """What a delivery will be refused for, whatever its body is: its path, or a header that is not of the form.

    Args:
        ring: the source's keys.
        delivery: the request; its body is not looked at.
    """
    try:
        _check_head(ring, delivery)
    except Unproved as unproved:
        return Refused(unproved.reason)
    return None


def fetched(body: bytes) -> Verified:
    """What a client of ours was told when it asked a platform: the key and TLS prove it, no signature does."""
    return Verified(body=body, headers=Headers(()), seal=_SEAL)


def proved_before(ring: Keyring, delivery: Delivery) -> Verified:
    """A delivery that was verified when it came, as the quarantine kept it; what names its facts is read again.

    Its signature cannot be looked at once more: its time is over. What was masked counts as missing, or all deliveries
    would have one name.
    """
    mask, target = _MASK.decode(), delivery.target
    suffix = target.rest.partition("/")[2] if target.rest.startswith(mask) else target.rest
    headers = Headers(header for header in delivery.headers.raw if header[1] != _MASK)
    target = replace(target, query="" if target.query == mask else target.query)
    delivery = replace(delivery, target=target, headers=headers)
    kept = _of(delivery, suffix)
    if not ring.scheme.signs:
        return kept
    try:
        claims = claims_of(ring, delivery)
        time = None if ring.scheme.timestamp is None else signed_time(ring.scheme.timestamp, claims, delivery.body)
    except Unproved:
        # It came by another scheme, or under more headers than are kept: its body names it.
        return kept
    return replace(kept, signed_time=time, id=claims.id.decode("ascii") or None, seal=_SEAL)


def _check_head(ring: Keyring, delivery: Delivery) -> None:
    if delivery.headers.repeats(ring.guarded):
        raise Unproved("header-repeated")
    _past_token(ring, delivery.target.rest)
    token = ring.scheme.token
    if ring.scheme.signs:
        if not _any_fits(ring, claims_of(ring, delivery)):
            raise Unproved("signature-malformed")
    elif ring.scheme.mode == "static_token" and token is not None and token.where != "json_path":
        _told_secret(ring, delivery)


def _verified(ring: Keyring, delivery: Delivery, now: datetime) -> Verified:
    if delivery.headers.repeats(ring.guarded):
        raise Unproved("header-repeated")
    suffix = _past_token(ring, delivery.target.rest)
    match ring.scheme.mode:
        case "hmac" | "hash":
            return _signed(ring, delivery, suffix, now)
        case "static_token":
            index = _told_secret(ring, delivery)
            return _of(delivery, suffix, secret=index, body=_masked(ring, index, delivery.body))
        case "path_secret":
            return _of(delivery, suffix, secret=0)
        case "none":
            return _of(delivery, suffix)
        case other:
            assert_never(other)


def _of(
    delivery: Delivery,
    suffix: str,
    *,
    secret: int | None = None,
    body: bytes | None = None,
    claims: Claims | None = None,
    time: str | None = None,
) -> Verified:
    """A delivery that has been proved by the secret, what of its body may be kept, and what was signed beside it."""
    return Verified(
        body=delivery.body if body is None else body,
        headers=delivery.headers,
        query=delivery.target.query,
        secret=secret,
        signed_time=time,
        id=claims.id.decode("ascii") or None if claims else None,
        suffix=suffix,
        seal=_SEAL,
    )


def _past_token(ring: Keyring, rest: str) -> str:
    """What follows the path token, which must be there where the source has one."""
    if ring.path_token is None:
        return rest
    token, _, suffix = rest.partition("/")
    if not compare_digest(token.encode(), ring.path_token):
        raise Unproved("path-token-wrong")
    return suffix


def _signed(ring: Keyring, delivery: Delivery, suffix: str, now: datetime) -> Verified:
    claims = claims_of(ring, delivery)
    index = _match(ring, claims, _message(ring, delivery, claims))
    time = None
    if ring.scheme.timestamp is not None:
        # After the signature: an answer about the time must not tell anything about a forgery.
        time = signed_time(ring.scheme.timestamp, claims, delivery.body)
        check_age(ring.scheme.timestamp, time, now)
    return _of(delivery, suffix, secret=index, claims=claims, time=time)


def _message(ring: Keyring, delivery: Delivery, claims: Claims) -> Message:
    query = delivery.target.query
    return Message(
        body=delivery.body,
        timestamp=claims.timestamp,
        id=claims.id,
        method=delivery.method.encode("ascii", "replace"),
        url=ring.public_url + (b"?" + query.encode("utf-8", "replace") if query else b""),
        sorted_form=_covered_form(ring.scheme, delivery),
    )


def _covered_form(scheme: Scheme, delivery: Delivery) -> bytes:
    """The form as it is signed, where a scheme does not sign the body itself; a body nothing covers is refused."""
    if "body" in scheme.placeholders:
        return b""
    if delivery.headers.media_type() == "application/x-www-form-urlencoded" and "sorted_form" in scheme.placeholders:
        try:
            return sorted_form(delivery.body)
        except MalformedForm:
            raise Unproved("form-malformed") from None
    if scheme.body_hash is None:
        covered = not delivery.body
    else:
        covered = hash_fits(query_value(delivery.target.query, scheme.body_hash), delivery.body)
    if not covered:
        raise Unproved("body-hash-wrong")
    return b""


def _match(ring: Keyring, claims: Claims, message: Message) -> int:
    """The index of the secret that made one of the signatures."""
    parts = signed_parts(ring.scheme, message)
    for index, (key, secret) in enumerate(zip(ring.keys, ring.secrets, strict=True)):
        if ring.scheme.mode == "hash":
            parts = signed_parts(ring.scheme, replace(message, secret=secret))
        for claim in claims.signatures:
            if claim.asymmetric == key.asymmetric and key.matches(parts, claim.value):
                return index
    raise Unproved("signature-wrong" if _any_fits(ring, claims) else "signature-malformed")


def _any_fits(ring: Keyring, claims: Claims) -> bool:
    """Whether a signature looks like one. One that only another kind of key could have made is wrong, not malformed."""
    pairs = [(key, one) for key in ring.keys for one in claims.signatures if key.asymmetric == one.asymmetric]
    return not pairs or any(key.fits(one.value) for key, one in pairs)


def _told_secret(ring: Keyring, delivery: Delivery) -> int:
    """The index of the secret that the sender repeats as it is."""
    given = None if ring.scheme.token is None else _told(ring.scheme.token, ring, delivery)
    if not given:
        raise Unproved("token-missing")
    matched = [index for index, secret in enumerate(ring.secrets) if compare_digest(given, secret)]
    if not matched:
        raise Unproved("token-wrong")
    return matched[0]


def _masked(ring: Keyring, index: int, body: bytes) -> bytes:
    """A body without the secret that proved it: what is kept, anybody who reads the topics can read."""
    token = ring.scheme.token
    if token is None or token.where != "json_path":
        return body
    secret = ring.secrets[index]
    left = body.replace(secret, _MASK)
    return left if json_value(left, token.name) != secret.decode() else _rewritten(body, token.name)


def _rewritten(body: bytes, path: str) -> bytes:
    """A body with a field masked that is written with escapes."""
    whole: JsonValue = from_json(body, allow_inf_nan=False)
    value, (*above, last) = whole, path.split(".")
    for name in above:
        value = value[name] if isinstance(value, dict) else None
    if isinstance(value, dict):
        value[last] = _MASK.decode()
    return to_json(whole)


def _told(token: Token, ring: Keyring, delivery: Delivery) -> bytes | None:
    match token.where:
        case "header":
            value = delivery.headers.get(ring.token_header)
            if value is None or not token.prefix:
                return value
            word, _, rest = value.partition(b" ")
            if word.lower() not in token.prefixes:
                raise Unproved("token-wrong")
            return rest.strip()
        case "query":
            text = query_value(delivery.target.query, token.name)
        case "json_path":
            text = str(json_value(delivery.body, token.name) or "")
        case other:
            assert_never(other)
    return None if text is None else text.encode("utf-8", "replace")
