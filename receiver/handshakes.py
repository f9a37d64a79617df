"""How platforms try out an address before they use it, as data. Pure.

Sources: api.slack.com/docs/verifying-requests-from-slack (`url_verification`), YourGPT's sample receiver (`ping`),
docs.github.com (`X-GitHub-Event: ping`), developers.facebook.com/docs/graph-api/webhooks (`hub.challenge`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from receiver.claims import json_value
from receiver.delivery import Delivery, Target
from receiver.verification import Verified
from schemas.schemes import HeaderName
from schemas.signatures import query_value

EMPTY = frozenset({204, 205})
"""Statuses whose answer has no body (RFC 9110, 15.3.5 and 15.3.6)."""
# Challenges are a few dozen characters long; nobody gets a page of text echoed.
_MAX_ECHO = 1_024


class Handshake(BaseModel):
    """One handshake: when it is meant, and what is echoed.

    A GET handshake names the query parameters that hold the challenge and the agreed word. A POST handshake is an
    authentic delivery whose body (`json_path`) or header says that it is only a trial.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["GET", "POST"] = Field(default="POST", description="A POST one is an authentic delivery.")
    challenge: str | None = Field(default=None, description="GET: the parameter whose value is echoed.")
    verify_token: str | None = Field(default=None, description="GET: the parameter with the word agreed on.")
    json_path: str | None = Field(default=None, description="POST: the field, dotted, that says that it is one.")
    header: HeaderName | None = Field(default=None, description="POST: the header that says so instead.")
    equals: str | None = Field(default=None, description="POST: what that field or header says then.")
    echo: str | None = Field(default=None, description="POST: the field whose value is echoed; nothing without one.")
    status: int = Field(default=200, ge=200, le=299, description="The status of the answer.")

    @model_validator(mode="after")
    def _meant_somehow(self) -> Self:
        if self.method == "GET" and (self.challenge is None or self.verify_token is None):
            raise ValueError("a GET handshake needs challenge and verify_token")
        if self.method == "POST" and (self.equals is None or (self.json_path is None) is (self.header is None)):
            raise ValueError("a POST handshake needs equals, and one of json_path and header")
        if self.status in EMPTY and (self.challenge or self.echo):
            raise ValueError(f"an answer with status {self.status} has no body, so nothing can be echoed in it")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeAnswer:
    """What the platform wants to see: the echo as plain text."""

    status: int
    body: bytes


def answer_get(handshakes: Sequence[Handshake], target: Target, agreed: bytes | None) -> HandshakeAnswer | None:
    """The answer to a GET; None when it is no handshake of this source, or the agreed word is wrong.

    Args:
        handshakes: the platform's.
        target: the request's target.
        agreed: the word that the operator and the platform agreed on, if they did.
    """
    for handshake in handshakes:
        if agreed is None or handshake.method != "GET" or handshake.challenge is None or handshake.verify_token is None:
            continue
        challenge = query_value(target.query, handshake.challenge)
        word = (query_value(target.query, handshake.verify_token) or "").encode("utf-8", "replace")
        if challenge is not None and compare_digest(word, agreed):
            return _echo(handshake, challenge)
    return None


def answer_post(handshakes: Sequence[Handshake], delivery: Delivery, verified: Verified) -> HandshakeAnswer | None:
    """The answer to an authentic POST; None when it is an ordinary delivery."""
    for handshake in handshakes:
        if handshake.method != "POST" or handshake.equals is None:
            continue
        told: str | None
        if handshake.header is not None:
            told = (delivery.headers.get(handshake.header.lower().encode()) or b"").decode("utf-8", "replace")
        else:
            value = json_value(verified.body, handshake.json_path or "")
            told = None if value is None else str(value)
        if told == handshake.equals:
            return _echo(handshake, str(json_value(verified.body, handshake.echo) or "") if handshake.echo else "")
    return None


def _echo(handshake: Handshake, text: str) -> HandshakeAnswer | None:
    if len(text) > _MAX_ECHO or not text.isascii() or (text and not text.isprintable()):
        return None
    return HandshakeAnswer(status=handshake.status, body=text.encode())
