"""Deliveries for tests of handlers, read as the receiver reads them."""

from pathlib import Path

import pytest

from cli.deliveries import events_in
from schemas.events import MessageCreated

SAMPLE = Path(__file__).parents[2] / "samples" / "mygptassistants" / "webhook_message_created.json"


def test_a_delivery_becomes_its_events() -> None:
    """With the id, the key and the source they would have in the log."""
    [event] = events_in(SAMPLE.read_bytes(), platform="mygptassistants", source="shop")
    assert (event.id, event.key, event.source) == ("message.created:msg_1", "conv_1", "shop")
    assert isinstance(event.data, MessageCreated)


def test_what_the_receiver_would_refuse_is_refused() -> None:
    """A test must not handle what would never come."""
    with pytest.raises(ValueError, match="no delivery of mygptassistants: "):
        events_in(b"no JSON", platform="mygptassistants")
