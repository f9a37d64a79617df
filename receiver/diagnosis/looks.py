"""What can be seen of a refused delivery at once: a look for each reason. Pure, and costs next to nothing."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from types import MappingProxyType

from receiver.claims import MAX_SIGNATURES, json_value, read_time
from receiver.diagnosis import tokens
from receiver.diagnosis.case import Case, counted, ordinal, plain
from receiver.diagnosis.forms import Given
from receiver.diagnosis.hint import Hint
from receiver.diagnosis.trials import claimed_time
from receiver.recipes import presets
from receiver.verification import Verified, verify
from schemas.schemes import PRESETS, Timestamp
from schemas.signatures import query_value

Look = Callable[[Case], Iterator[Hint]]

_HOUR = 3_600
# What is shown of a time that is none.
_TIME = re.compile(r"[0-9TZ:+. -]{1,40}")


# ------------------------------------------------------------------------------------------------- the request


def _suffix(case: Case) -> Iterator[Hint]:
    known = sorted(filter(None, case.source.platform.suffixes))
    due = f"only {', '.join(known)} may" if known else "nothing may"
    yield Hint("more-path", f"{due} stand behind the name{_and_token(case)} ({case.source.platform.name})")


def _and_token(case: Case) -> str:
    return " and the token" if case.source.ring.path_token is not None else ""


def _method(case: Case) -> Iterator[Hint]:
    yield Hint("method", f"it was {plain(case.delivery.method.encode('ascii', 'replace'))}")


def _polled(case: Case) -> Iterator[Hint]:
    yield Hint("polled", f"{case.source.platform.name} documents no webhooks")


def _handshake(case: Case) -> Iterator[Hint]:
    if case.source.lacks_word:
        yield Hint("handshake", "the source has no verify_token, so no word is right")
        return
    for handshake in case.source.platform.handshakes:
        if handshake.method != "GET":
            continue
        for name in filter(None, (handshake.challenge, handshake.verify_token)):
            if query_value(case.delivery.target.query, name) is None:
                yield Hint("handshake", f"the parameter {name} is not in the URL")
                return
        yield Hint("handshake", f"{handshake.verify_token} is another word")


def _size(case: Case) -> Iterator[Hint]:
    told = case.delivery.headers.get(b"content-length") or b""
    size = int(told[:20]) if told.isdigit() else len(case.delivery.body)
    limit = f"{counted(case.source.body_limit, 'byte')} are allowed"
    yield Hint("size", f"the body has {counted(size, 'byte')}, and {limit}" if size else f"the body is larger: {limit}")


def _encoding(case: Case) -> Iterator[Hint]:
    for name in (b"content-encoding", b"transfer-encoding"):
        if (value := case.delivery.headers.get(name)) is not None:
            yield Hint("encoding", f"the header {name.decode()} says {plain(value)}")


def _media_type(case: Case) -> Iterator[Hint]:
    spoken = " or ".join(sorted(case.source.platform.media_types))
    told = plain(case.delivery.headers.media_type().encode("ascii", "replace"))
    yield Hint("media-type", f"the header content-type says {told}, and {case.source.platform.name} sends {spoken}")


def _unreadable(case: Case) -> Iterator[Hint]:
    fields = ", ".join(case.problem.fields)
    yield Hint("unreadable", f"at fault: {fields}" if fields else "the body is no JSON")


# ------------------------------------------------------------------------------------------------- the signature


def _signature_missing(case: Case) -> Iterator[Hint]:
    ring = case.source.ring
    yield _gone(case, ring.signature_header)
    yield from _other_platform(case)


def _gone(case: Case, header: bytes) -> Hint:
    how = "is not there" if case.delivery.headers.get(header) is None else "is empty"
    return Hint("header-missing", f"the header {header.decode()} {how}")


def _other_platform(case: Case) -> Iterator[Hint]:
    own = case.source.ring.signature_header
    for header, names in signers().items():
        if header != own and case.delivery.headers.get(header):
            yield Hint("other-platform", f"it has {header.decode()}, which is how {names} signs")


@cache
def signers() -> Mapping[bytes, str]:
    """Signature header → the platforms of ours that sign in it. Reads the presets, once."""
    found: dict[bytes, list[str]] = {}
    tables = {name: presets.table(name).get("verify", {}).get("signature", {}) for name in sorted(presets.names())}
    known = {name: scheme.signature.header for name, scheme in PRESETS.items() if scheme.signature}
    for name, header in {**known, **{name: table.get("header") for name, table in tables.items()}}.items():
        if header:
            found.setdefault(header.lower().encode(), []).append(name)
    return MappingProxyType({header: " or ".join(names) for header, names in found.items()})


def _signature_form(case: Case) -> Iterator[Hint]:
    ring = case.source.ring
    given = Given(case.delivery.headers.get(ring.signature_header) or b"")
    how = given.misform(ring.scheme) or "it is not written as the platform writes it"
    yield Hint("form", f"the header {ring.signature_header.decode()}: {how}")


def _too_many(case: Case) -> Iterator[Hint]:
    header = case.source.ring.signature_header.decode()
    yield Hint("form", f"the header {header} holds more than {MAX_SIGNATURES} signatures")


def _repeated(case: Case) -> Iterator[Hint]:
    ring = case.source.ring
    twice = [name.decode() for name in ring.guarded if case.delivery.headers.repeats((name,))]
    where = f"the header {', '.join(twice)} stands" if twice else f"{_time_place(ring.scheme.timestamp)} stands"
    yield Hint("header-repeated", f"{where} there more than once")


# ------------------------------------------------------------------------------------------------- time and id


def _time_place(timestamp: Timestamp | None) -> str:
    if timestamp is None:
        return "the time"
    if timestamp.header is not None:
        return f"the header {timestamp.header}"
    return f"the pair {timestamp.key}" if timestamp.key is not None else f"the field {timestamp.json_path}"


def _time_missing(case: Case) -> Iterator[Hint]:
    yield Hint("time-form", f"{_time_place(case.source.ring.scheme.timestamp)} is not there")


def _time_form(case: Case) -> Iterator[Hint]:
    timestamp = case.source.ring.scheme.timestamp
    due = {"iso": "ISO 8601", "s": "whole seconds", "ms": "whole milliseconds", "epoch": "a whole number"}
    form = due[timestamp.format] if timestamp else "a time"
    told = _told_time(case)
    shown = repr(told) if _TIME.fullmatch(told) else "something else"
    yield Hint("time-form", f"{_time_place(timestamp)} says {shown}, where {form} of a time we know is due")
    yield from _unit(case)


def _told_time(case: Case) -> str:
    timestamp = case.source.ring.scheme.timestamp
    if timestamp is not None and timestamp.json_path is not None:
        return str(json_value(case.delivery.body, timestamp.json_path))
    return claimed_time(case.source.ring, case).decode("latin-1")


def _clock(case: Case) -> Iterator[Hint]:
    timestamp = case.source.ring.scheme.timestamp
    if timestamp is None or timestamp.tolerance is None or (at := read_time(timestamp, _told_time(case))) is None:
        return
    skew = (case.now - at).total_seconds()
    side = "behind" if skew > 0 else "ahead of"
    window = counted(timestamp.tolerance, "second")
    yield Hint("clock", f"the signed time is {counted(abs(skew), 'second')} {side} our clock, and {window} are allowed")
    yield from _unit(case)
    if abs(abs(skew) - _HOUR * round(abs(skew) / _HOUR)) <= timestamp.tolerance and abs(skew) < 24 * _HOUR:
        hours = counted(round(abs(skew) / _HOUR), "hour")
        yield Hint("clock", f"that is {hours}: the sender may tell its local time as UTC")
    # As if it came when it was signed: then it is verified, or nothing is.
    verified = verify(case.source.ring, case.delivery, at)
    if isinstance(verified, Verified) and verified.secret is not None:
        whose = ordinal(verified.secret, len(case.source.ring.secrets))
        yield Hint("older-secret" if verified.secret else "clock", f"the signature itself is right, by {whose}")


def _unit(case: Case) -> Iterator[Hint]:
    """Whether the time would be now in another unit."""
    timestamp, text = case.source.ring.scheme.timestamp, _told_time(case)
    for form, other, words in (("s", "ms", "milliseconds where seconds"), ("ms", "s", "seconds where milliseconds")):
        if timestamp is not None and timestamp.format == form:
            at = read_time(Timestamp(header="-", format=other), text)
            if at is not None and abs(at - case.now) <= timedelta(seconds=timestamp.tolerance or 0):
                yield Hint("time-unit", f"the sender tells {words} are due")


def _id_missing(case: Case) -> Iterator[Hint]:
    yield Hint("id-form", f"{_gone(case, case.source.ring.id_header).text}, and it is signed")


def _id_form(case: Case) -> Iterator[Hint]:
    yield Hint("id-form", f"the header {case.source.ring.id_header.decode()} is too long, or not printable ASCII")


# ------------------------------------------------------------------------------------------------- body and tokens


def _body_hash(case: Case) -> Iterator[Hint]:
    scheme, delivery = case.source.ring.scheme, case.delivery
    if scheme.body_hash is None:
        yield Hint("not-covered", f"the platform signs {scheme.template}, which does not cover such a body")
    elif query_value(delivery.target.query, scheme.body_hash) is None:
        type_ = plain(delivery.headers.media_type().encode("ascii", "replace"))
        yield Hint("not-covered", f"the body is {type_} and no form, and {scheme.body_hash} is not in the URL")
    else:
        yield Hint("body-changed", f"{scheme.body_hash} in the URL is another body's SHA-256")


def _form(case: Case) -> Iterator[Hint]:
    fields = counted(case.delivery.body.count(b"&") + 1, "field")
    yield Hint("not-covered", f"the form has {fields}, more than any sender posts")


LOOKS: Mapping[str, Look] = MappingProxyType(
    {
        "suffix": _suffix,
        "method": _method,
        "polled": _polled,
        "handshake-wrong": _handshake,
        "body-limit": _size,
        "content-encoding": _encoding,
        "transfer-encoding": _encoding,
        "media-type": _media_type,
        "not-json": _unreadable,
        "not-fitting": _unreadable,
        "signature-missing": _signature_missing,
        "signature-malformed": _signature_form,
        "signature-wrong": _other_platform,
        "signatures-too-many": _too_many,
        "header-repeated": _repeated,
        "timestamp-missing": _time_missing,
        "timestamp-malformed": _time_form,
        "timestamp-stale": _clock,
        "id-missing": _id_missing,
        "id-malformed": _id_form,
        "body-hash-wrong": _body_hash,
        "form-malformed": _form,
        "token-missing": tokens.missing,
        "token-wrong": tokens.wrong,
        "path-token-wrong": tokens.path,
    }
)
"""Reason → what is looked at."""
