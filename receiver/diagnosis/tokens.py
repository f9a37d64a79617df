"""What can be seen of a secret that is told as it is: in a header, the URL, the body, or the path. Pure."""

import base64
from collections.abc import Iterator
from hmac import compare_digest

from receiver.claims import json_value
from receiver.diagnosis.case import Case, ordinal
from receiver.diagnosis.hint import Hint
from schemas.schemes import Token
from schemas.signatures import query_value


def missing(case: Case) -> Iterator[Hint]:
    """Nothing stands where the token is due."""
    token = case.source.ring.scheme.token
    if token is not None:
        yield Hint("header-missing" if token.where == "header" else "token", f"{_place(token)} is not there, or empty")


def wrong(case: Case) -> Iterator[Hint]:
    """Another token stands there, or the same one in another form."""
    ring, given = case.source.ring, _given(case)
    token = ring.scheme.token
    if token is None:
        return
    for words, value in _readings(given, token):
        for index, secret in enumerate(ring.secrets):
            if compare_digest(value, secret):
                yield Hint("token", f"{_place(token)} holds {ordinal(index, len(ring.secrets))}, {words}")
                return
        for other in case.others:
            if any(compare_digest(value, secret) for secret in other.ring.secrets):
                yield Hint("other-source", f"{_place(token)} holds a secret of the source {other.name}")
                return
    word = given.partition(b" ")[0].lower()
    if token.prefix and word not in token.prefixes:
        yield Hint("token", f"{_place(token)} does not begin with {token.prefix}")
    else:
        yield Hint("secret", f"{_place(token)} holds something that is no secret of ours")


def path(case: Case) -> Iterator[Hint]:
    """The path does not hold the token."""
    told = case.delivery.target.rest.partition("/")[0].encode()
    if not told:
        yield Hint("path-token", "the address ends behind the source's name, and the token is due there")
        return
    for other in case.sources.values():
        if other.ring.path_token is not None and compare_digest(told, other.ring.path_token):
            yield Hint("other-source", f"the path holds the token of the source {other.name}")
            return
    if any(compare_digest(told, secret) for secret in case.source.ring.secrets):
        yield Hint("path-token", "the path holds the secret, and `token` is another one")
    else:
        yield Hint("path-token", "the path holds something else")


def _place(token: Token) -> str:
    return {"header": "the header", "query": "the parameter", "json_path": "the field"}[token.where] + f" {token.name}"


def _given(case: Case) -> bytes:
    token = case.source.ring.scheme.token
    if token is None:
        return b""
    if token.where == "header":
        return case.delivery.headers.get(case.source.ring.token_header) or b""
    if token.where == "query":
        return (query_value(case.delivery.target.query, token.name) or "").encode("utf-8", "replace")
    return str(json_value(case.delivery.body, token.name) or "").encode("utf-8", "replace")


def _readings(given: bytes, token: Token) -> Iterator[tuple[str, bytes]]:
    """What a token may be meant as, each with the words for it."""
    _, _, behind = given.partition(b" ")
    wanted = f"without {token.prefix} before it" if token.prefix else "with something else around it"
    yield wanted, given
    yield "behind another word" if token.prefix else "behind a word, where none is due", behind.strip()
    yield "with quotes or white space around it", given.strip(b" \t\"'")
    yield "with quotes or white space around it", behind.strip(b" \t\"'")
    try:
        decoded = base64.b64decode(behind.strip(), validate=True)
    except ValueError:
        return
    yield "as base64", decoded
    yield "as the password of Basic", decoded.partition(b":")[2]
