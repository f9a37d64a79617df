"""What is signed, put together as bytes, and the headers a sender adds.

The bytes come from the raw request: nothing is decoded before its signature has been checked. The receiver compares
with what `signed_parts` gives; `sign` is the sender's side, for `hookline send` and tests.
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import assert_never
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from schemas.keys import HashKey, HmacKey, Key, Parts, secret_bytes, standard_key
from schemas.schemes import Items, KeyValues, Location, Plain, Scheme, TimeFormat

# More form fields than any sender posts; sorting an attacker's million is not for us.
MAX_FORM_FIELDS = 1_000
MAX_QUERY_FIELDS = 100


class Unsignable(ValueError):
    """A request cannot be signed by this scheme as it stands; the text says what is missing."""


class MalformedForm(ValueError):
    """A body is not a form that a scheme can sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a template may put together: each field is a placeholder, as bytes."""

    body: bytes
    timestamp: bytes = b""
    id: bytes = b""
    method: bytes = b"POST"
    url: bytes = b""
    sorted_form: bytes = b""
    secret: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request that is to be signed."""

    # The exact bytes that are sent.
    body: bytes
    # Signed where the scheme signs an id.
    id: str = ""
    method: str = "POST"
    # As it is called, with its query; signed where the scheme signs the URL.
    url: str = ""
    # The body is a posted form.
    form: bool = False


def signed_parts(scheme: Scheme, message: Message) -> Parts:
    """The bytes that are signed, in pieces."""
    return [part if isinstance(part, bytes) else getattr(message, part) for part in scheme.parts]


def key_of(scheme: Scheme, secret: str) -> Key:
    """A secret as a key of a signing scheme.

    Raises:
        UnusableSecret: it is not of the form the scheme wants.
    """
    if scheme.mode == "hash":
        return HashKey(scheme.algorithm, scheme.encoding)
    if scheme.key_format == "whsec":
        return standard_key(secret, scheme.algorithm, scheme.encoding)
    return HmacKey(secret_bytes(secret, scheme.key_format), scheme.algorithm, scheme.encoding)


def sorted_form(body: bytes) -> bytes:
    """A posted form as Twilio signs it: names and values, sorted by name, nothing between them.

    Source: twilio.com/docs/usage/webhooks/webhooks-security. A value that stands twice under one name counts once.

    Raises:
        MalformedForm: there are more fields than any sender posts.
    """
    if body.count(b"&") >= MAX_FORM_FIELDS:
        raise MalformedForm(f"more than {MAX_FORM_FIELDS} form fields")
    pairs = (pair.partition(b"=") for pair in body.split(b"&") if pair)
    return b"".join(name + value for name, value in sorted({(_unquoted(n), _unquoted(v)) for n, _, v in pairs}))


def query_value(query: str, name: str) -> str | None:
    """The value of a query parameter; None when it is missing, there twice, or the query cannot be read."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        return None
    found = [value for key, value in pairs if key == name]
    return found[0] if len(found) == 1 else None


def hash_fits(told: str | None, body: bytes) -> bool:
    """Whether a hexadecimal SHA-256 from a signed URL is the body's."""
    return hmac.compare_digest((told or "").encode("utf-8", "replace"), sha256(body).hexdigest().encode())


def sign(scheme: Scheme, secret: str, request: Outgoing, now: datetime) -> tuple[tuple[str, str], ...]:
    """The headers a sender adds to a request.

    Args:
        scheme: how the sender signs.
        secret: the newest secret of the source.
        request: what is sent.
        now: the time to sign, aware.

    Raises:
        UnusableSecret: the secret is not of the form the scheme wants, or can only check.
        Unsignable: the scheme needs something this request does not have.
    """
    if scheme.mode == "static_token":
        return (_token_header(scheme, secret),)
    if scheme.signature is None:
        # A path secret or nothing: the URL says it all.
        return ()
    _check_signable(scheme, request)
    time = format_time(now, scheme.timestamp.format) if scheme.timestamp else ""
    message = Message(
        body=request.body,
        timestamp=time.encode(),
        id=request.id.encode(),
        method=request.method.encode(),
        url=request.url.encode(),
        sorted_form=sorted_form(request.body) if request.form else b"",
        secret=secret.encode() if scheme.mode == "hash" else b"",
    )
    key = key_of(scheme, secret)
    signature = key.sign(signed_parts(scheme, message)).decode()
    stamp = f"{scheme.timestamp.key}={time}" if scheme.timestamp and scheme.timestamp.key else None
    headers = [(scheme.signature.header, _placed(scheme.signature, signature, stamp, asymmetric=key.asymmetric))]
    if scheme.timestamp and scheme.timestamp.header:
        headers.append((scheme.timestamp.header, time))
    if scheme.id_header:
        headers.append((scheme.id_header, request.id))
    return tuple(headers)


def format_time(time: datetime, form: TimeFormat) -> str:
    """A time as a sender writes it."""
    if form == "iso":
        return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return str(int(time.timestamp() * (1000 if form == "ms" else 1)))


def _check_signable(scheme: Scheme, request: Outgoing) -> None:
    if scheme.signs_url and not request.url:
        raise Unsignable("this scheme signs the URL: say which URL is called")
    if scheme.id_header and not request.id:
        raise Unsignable("this scheme signs the delivery's id: give one")
    if scheme.body_hash is None or request.form:
        return
    if not hash_fits(query_value(urlsplit(request.url).query, scheme.body_hash), request.body):
        raise Unsignable(f"this scheme wants the body's SHA-256 in the query of the URL, as {scheme.body_hash}")


def _placed(location: Location, signature: str, stamp: str | None, *, asymmetric: bool) -> str:
    match location:
        case KeyValues():
            pair = f"{location.signature}={signature}"
            return pair if stamp is None else f"{stamp}{location.separator}{pair}"
        case Items():
            prefix = location.asymmetric_prefix if asymmetric and location.asymmetric_prefix else location.prefix
            return prefix + signature
        case Plain():
            return location.prefix + signature
        case _:
            assert_never(location)


def _token_header(scheme: Scheme, secret: str) -> tuple[str, str]:
    if scheme.token is None or scheme.token.where != "header":
        raise Unsignable("this scheme's token does not stand in a header: put it into the URL or the body yourself")
    return (scheme.token.name, f"{scheme.token.prefix} {secret}".lstrip())


def _unquoted(half: bytes) -> bytes:
    return unquote_to_bytes(half.replace(b"+", b" "))
