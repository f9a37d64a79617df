"""What a receiver written by hand has of its own: a model of the whole payload, a signature check, a tuned producer."""

import hmac
import sys
from datetime import datetime
from typing import Literal

from aiokafka import AIOKafkaProducer
from pydantic import BaseModel, ConfigDict

SECRET = b"bench-secret-0123456789"
SIGNATURE = "x-mga-signature"


class Message(BaseModel):
    """`data` of a delivery."""

    model_config = ConfigDict(extra="allow")

    conversationId: str  # noqa: N815 - as the platform writes it
    messageId: str  # noqa: N815 - as above
    role: Literal["user", "assistant", "agent", "system"]
    content: str


class Webhook(BaseModel):
    """A delivery."""

    model_config = ConfigDict(extra="allow")

    id: str
    type: str
    timestamp: datetime
    data: Message


def proved(body: bytes, signature: str | None) -> bool:
    """Whether the body is signed."""
    return hmac.compare_digest(f"sha256={hmac.digest(SECRET, body, 'sha256').hex()}", signature or "")


def producer(bootstrap: str) -> AIOKafkaProducer:
    """As careful as hookline's, and with batches that do not fill up: the default collapses under many waiters."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=512 * 1024, linger_ms=0
    )


def arguments() -> tuple[str, str]:
    """The broker and the topic."""
    _, bootstrap, topic = sys.argv
    return bootstrap, topic
