"""What the accounts of all platforms have in common: key, address, patience and bounds."""

from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from clients.addresses import host_refusal
from schemas.durations import Wait


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, no value is shown in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Timeouts(Section):
    """How long to wait for a platform: `"500ms"`, `"20s"`, `"2m"`."""

    connect: Wait = Field(
        default=timedelta(seconds=5),
        description="For a connection, from the name's look-up to the TLS handshake's end.",
    )
    total: Wait = Field(
        default=timedelta(seconds=30),
        description="For one try, from the first byte out to the last byte in. A bot may think for a while.",
    )
    deadline: Wait = Field(
        default=timedelta(seconds=60), description="For one operation with all its tries and the waits between them."
    )
    idle: Wait = Field(default=timedelta(seconds=30), description="Between two pieces of a stream.")
    stream: Wait = Field(default=timedelta(minutes=5), description="For a whole stream.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.connect <= self.total <= self.deadline:
            raise ValueError("connect must not be longer than total, and total not longer than deadline")
        return self


def _api_key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("must be one word of printable ASCII: was a line break or a space copied with it?")
    return value


ApiKey = Annotated[SecretStr, AfterValidator(_api_key)]


class AccountSection(Section):
    """What the accounts of all platforms have in common."""

    api_key: ApiKey = Field(description="The key of the platform's API.")
    base_url: str = Field(description="Where the platform's API is; https unless allow_private is set.")
    allow_private: bool = Field(
        default=False,
        description="Whether base_url may lead to loopback and private addresses, and be plain http: for a simulator, "
        "never a platform.",
    )
    timeouts: Timeouts = Timeouts()
    connections: int = Field(
        default=20, ge=1, le=1000, description="Connections kept open at most, and so calls under way at once."
    )
    max_answer: int = Field(
        default=4 * 1024 * 1024,
        ge=1024,
        le=256 * 1024 * 1024,
        description="Bytes of the largest answer read; a stream as a whole counts as one.",
    )

    def moved(self, base_url: str) -> Self:
        """The same account at another address, which may be a private one: a simulator's."""
        return self.model_copy(update={"base_url": base_url, "allow_private": True})

    @model_validator(mode="after")
    def _callable(self) -> Self:
        if problem := url_problem(self.base_url, allow_private=self.allow_private):
            raise ValueError(f"base_url {problem}")
        return self


def url_problem(url: str, *, allow_private: bool) -> str | None:
    """Say what is wrong with a base URL without repeating it: a password may stand in it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not a URL"
    why = host_refusal(host, allow_private=allow_private)
    hint = "" if allow_private else "; if that is meant (a simulator, a test), set allow_private = true"
    plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}')
    checks = {
        "must begin with https:// and name a host": parts.scheme not in ("https", "http") or not host,
        "must hold scheme, host, port and path in plain ASCII, and nothing else": (
            "@" in parts.netloc or "?" in url or "#" in url or not plain
        ),
        "must hold no dot segments": bool({".", ".."} & set(parts.path.split("/"))),
        "must begin with https://, or the key would travel in clear (http:// needs allow_private = true)": (
            parts.scheme == "http" and not allow_private
        ),
        f"leads to {why}{hint}": why is not None,
    }
    return next((text for text, wrong in checks.items() if wrong), None)
