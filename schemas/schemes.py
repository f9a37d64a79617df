"""Signature schemes as data: what a kind of sender signs, how, and where the signature stands.

A scheme says it for both ends: the receiver verifies by it (`receiver/verification.py`), `hookline send` signs by it
(`schemas/signatures.py`). A new sender is a `Scheme`, not code.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from schemas.keys import Algorithm, Encoding, KeyFormat

_PLACEHOLDERS = frozenset({"body", "timestamp", "id", "method", "url", "sorted_form", "secret"})
_PLACEHOLDER = re.compile(r"\{(\w+)\}")

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError("is no name of a header: write letters, digits and -")
    return value


HeaderName = Annotated[str, AfterValidator(_header)]
"""A name that a header can have (RFC 9110, 5.6.2)."""

_UNSIGNED_TIME = (
    "nothing signs the timestamp, so whoever repeats a delivery writes a new one: put {timestamp} into the template "
    "where the sender signs it; or say timestamp.unsigned = true, if it does not"
)

TimeFormat = Literal["s", "ms", "epoch", "iso"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Plain(_Part):
    """The header holds one signature, after a fixed prefix: `sha256=…`."""

    header: HeaderName = Field(description="The header that holds the signature.")
    prefix: str = Field(default="", description="What stands before it.")


class KeyValues(_Part):
    """The header holds `name=value` pairs: `t=1700000000,v1=…,v1=…` (Stripe, Tidio)."""

    header: HeaderName = Field(description="The header that holds the pairs.")
    separator: str = Field(default=",", min_length=1, description="What stands between two pairs.")
    signature: str = Field(default="v1", description="The name of the signatures; every other name is ignored.")


class Items(_Part):
    """The header holds a list of signatures, each with a prefix: `v1,… v1a,…` (Standard Webhooks)."""

    header: HeaderName = Field(description="The header that holds the list.")
    separator: str = Field(default=" ", min_length=1, description="What stands between two signatures.")
    prefix: str = Field(description="What stands before each; others are ignored.")
    asymmetric_prefix: str | None = Field(default=None, description="The same for signatures by an asymmetric key.")


def _kind(value: Any) -> str:
    """Which of the three is meant, by the keys it has: so that a mistake is told of that one only."""
    keys = value.keys() if isinstance(value, dict) else value.model_fields_set if isinstance(value, _Part) else set()
    if isinstance(value, KeyValues) or "signature" in keys or ("separator" in keys and "prefix" not in keys):
        return "pairs"
    return "items" if isinstance(value, Items) or keys & {"separator", "asymmetric_prefix"} else "plain"


Location = Annotated[
    Annotated[Plain, Tag("plain")] | Annotated[KeyValues, Tag("pairs")] | Annotated[Items, Tag("items")],
    Discriminator(_kind),
]


class Timestamp(_Part):
    """Where the signed time stands, and how old it may be. Exactly one of header, key, json_path."""

    header: HeaderName | None = Field(default=None, description="A header of its own.")
    key: str | None = Field(default=None, description="A name among the pairs of the signature header.")
    json_path: str | None = Field(default=None, description="A dotted name in the body.")
    format: TimeFormat = Field(
        default="s", description="Seconds or milliseconds of 1970; epoch takes both; iso is ISO 8601."
    )
    tolerance: int | None = Field(default=300, ge=1, description="Seconds before and after now; none does not check.")
    unsigned: bool = Field(
        default=False,
        description="Whether the signature does not cover it: then it proves nothing, and is only checked.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.header, self.key, self.json_path)) != 1:
            raise ValueError("a timestamp stands in exactly one of header, key, json_path")
        return self


class Token(_Part):
    """Where a static secret stands that the sender repeats in every request."""

    where: Literal["header", "query", "json_path"] = Field(description="Of the request, its URL, or its body.")
    name: str = Field(description="The name of the header or parameter, or a dotted name in the body.")
    prefix: str = Field(default="", description="The word before it in a header, such as Bearer.")
    also: tuple[str, ...] = Field(default=(), description="Words that may stand there instead.")

    @model_validator(mode="after")
    def _sendable(self) -> Self:
        if self.where == "header" and not _HEADER.fullmatch(self.name):
            raise ValueError("name is that of a header: letters, digits and -")
        return self

    @property
    def prefixes(self) -> frozenset[bytes]:
        """All words that may stand before it, in lower case."""
        return frozenset(word.lower().encode() for word in (self.prefix, *self.also))


class Scheme(_Part):
    """How one kind of sender proves that a delivery is its own.

    `template` is what is signed: `{body} {timestamp} {id} {method} {url} {sorted_form} {secret}` and literal text.
    """

    mode: Literal["hmac", "hash", "static_token", "path_secret", "none"] = Field(
        default="hmac",
        description="A keyed hash; a hash of text with the secret in it; a secret as it is; one in the path; none.",
    )
    algorithm: Algorithm = Field(default="sha256", description="The hash.")
    encoding: Encoding = Field(default="hex", description="How the signature is written.")
    key_format: KeyFormat = Field(
        default="raw", description="The key is the secret's text; or base64; or base64 behind whsec_."
    )
    signature: Location | None = Field(default=None, description="Where the signature stands.")
    template: str = Field(default="{body}", description="What is signed.")
    timestamp: Timestamp | None = Field(default=None, description="Where the signed time stands.")
    id_header: HeaderName | None = Field(
        default=None, description="The header with the delivery's id, where it is signed."
    )
    token: Token | None = Field(default=None, description="Where the secret of mode static_token stands.")
    body_hash: str | None = Field(
        default=None,
        description="A parameter of the signed URL with the hexadecimal SHA-256 of a body that is no form (Twilio).",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if problem := next((text for wrong, text in self._problems() if wrong), None):
            raise ValueError(problem)
        return self

    def _problems(self) -> list[tuple[bool, str]]:
        names = self.placeholders
        token = self.mode == "static_token" and self.token is None
        pairs = isinstance(self.signature, KeyValues)
        strays = self.timestamp is not None and self.timestamp.key is not None and not pairs
        time = self.timestamp
        covered = time is None or time.unsigned or (self.signs and ("timestamp" in names or time.json_path is not None))
        problems = [
            (bool(names - _PLACEHOLDERS), f"unknown placeholders in the template: {sorted(names - _PLACEHOLDERS)}"),
            (token, "mode static_token needs a token"),
            (strays, "timestamp.key needs a signature header of name=value pairs"),
            (not covered, _UNSIGNED_TIME),
        ]
        return problems + (self._unsigned() if self.signs else [])

    def _unsigned(self) -> list[tuple[bool, str]]:
        names = self.placeholders
        covered = bool(names & {"body", "sorted_form"}) or (self.body_hash is not None and "url" in names)
        return [
            (self.signature is None, f"mode {self.mode} needs a signature"),
            ("timestamp" in names and self.timestamp is None, "the template signs a timestamp: say where it stands"),
            (
                "id" not in names and self.id_header is not None,
                (
                    "id_header is what {id} of the template stands for: an id that is not signed belongs into "
                    'read.delivery = "header:NAME"'
                ),
            ),
            ("id" in names and self.id_header is None, "the template signs an id: name its header in id_header"),
            (not covered, "the template does not cover the body: anybody could replace it"),
            (
                ("secret" in names) != (self.mode == "hash"),
                "{secret} stands in the template of mode hash, and only there",
            ),
        ]

    @property
    def signs(self) -> bool:
        """Whether the sender computes something over the request."""
        return self.mode in ("hmac", "hash")

    @cached_property
    def parts(self) -> tuple[bytes | str, ...]:
        """The template, split: literal text as bytes, placeholders as `str`."""
        # re.split with one group: literals at even places, names at odd ones.
        pieces = enumerate(_PLACEHOLDER.split(self.template))
        return tuple(piece if place % 2 else piece.encode() for place, piece in pieces if piece)

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """The placeholders of the template."""
        return frozenset(_PLACEHOLDER.findall(self.template))

    @property
    def signs_url(self) -> bool:
        """Whether the receiver must know the public URL that the sender calls."""
        return self.signs and "url" in self.placeholders


STANDARD = Scheme(
    key_format="whsec",
    encoding="base64",
    signature=Items(header="webhook-signature", prefix="v1,", asymmetric_prefix="v1a,"),
    template="{id}.{timestamp}.{body}",
    timestamp=Timestamp(header="webhook-timestamp"),
    id_header="webhook-id",
)
"""Standard Webhooks, `v1` and `v1a` (github.com/standard-webhooks/standard-webhooks, spec 1.0.0)."""

MYGPTASSISTANTS = Scheme(signature=Plain(header="x-mga-signature", prefix="sha256="))
"""MyGPTAssistants (docs.mygptassistants.com/api/webhooks). No time is signed: copies are known by their id instead."""

GPTBOTS = Scheme(
    mode="static_token", token=Token(where="header", name="Authorization", prefix="Bearer", also=("Basic",))
)
"""GPTBots' reply webhooks (www.gptbots.ai/docs/api-reference/conversation-api/webhook-receives-messages-v2).

Nothing is signed: a static header, if one was configured. Its other calls have none, so sources use a path token.
"""

YOURGPT = Scheme(mode="path_secret")
"""YourGPT (github.com/YourGPT/custom-chatbot-widget, api/chatbot-webhook.js): nothing is signed."""

CUSTOMGPT = Scheme(mode="none")
"""CustomGPT.ai posts nothing (https://docs.customgpt.ai/openapi/openapi.json): it is asked."""

PRESETS: Mapping[str, Scheme] = MappingProxyType(
    {
        "customgpt": CUSTOMGPT,
        "gptbots": GPTBOTS,
        "mygptassistants": MYGPTASSISTANTS,
        "standard": STANDARD,
        "yourgpt": YOURGPT,
    }
)
"""Platform → how it signs."""
