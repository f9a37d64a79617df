"""What the receiver's tests build from: a source, a signed delivery, a time."""

from datetime import UTC, datetime
from typing import Any

from receiver.delivery import Delivery, Headers, Target, route
from receiver.settings import ReceiverSettings, SourceSettings
from receiver.sources.opening import open_sources
from receiver.sources.platforms import PLATFORMS
from receiver.sources.source import Source
from schemas.schemes import PRESETS
from schemas.signatures import Outgoing, sign
from schemas.topics import Topics

NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
TOPICS = Topics()
SECRETS = {
    "gptbots": "gptbots-static-0123456789",
    "mygptassistants": "mga-secret-0123456789",
    "standard": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
}
# Platforms that sign nothing have their secret in the path.
TOKENS = {"yourgpt": "yourgpt-path-token-0123456789"}
MESSAGE = (
    b'{"id":"evt_1","type":"message.created","timestamp":"2024-01-15T10:30:00Z",'
    b'"data":{"conversationId":"conv_1","messageId":"msg_1","role":"user","content":"hi"}}'
)


def source(platform: str = "mygptassistants", name: str = "support", **settings: Any) -> Source:
    """A source of a platform, with a good secret unless the settings say otherwise."""
    if not {"secrets", "token", "verify"} & settings.keys():
        settings |= {"token": TOKENS[platform]} if platform in TOKENS else {"secrets": [SECRETS[platform]]}
    known = {name: SourceSettings.model_validate({"platform": platform, **settings})}
    return open_sources(known, ReceiverSettings(), PLATFORMS)[name]


def signed(
    platform: str, body: bytes, *, secret: str | None = None, now: datetime = NOW, delivery_id: str = "msg_1"
) -> list[tuple[bytes, bytes]]:
    """The headers a platform sends with a body."""
    request = Outgoing(body=body, id=delivery_id)
    headers = sign(PRESETS[platform], secret or SECRETS.get(platform, ""), request, now)
    return [(b"Content-Type", b"application/json"), *((name.encode(), value.encode()) for name, value in headers)]


def address(platform: str, *, token: str | None = None, suffix: str | None = None) -> str:
    """Where a platform posts: its token, and what it appends."""
    parts = ("/in/support", (token or TOKENS[platform]) if platform in TOKENS else None, suffix)
    return "/".join(part for part in parts if part is not None)


def delivery(
    body: bytes = MESSAGE,
    headers: list[tuple[bytes, bytes]] | None = None,
    *,
    platform: str = "mygptassistants",
    target: str = "/in/support",
    method: str = "POST",
) -> Delivery:
    """A request, signed as its platform signs unless the headers are given."""
    found = route(target) or Target("nowhere")
    given = signed(platform, body) if headers is None else headers
    return Delivery(method=method, target=found, headers=Headers(given), body=body)
