"""One address that a platform posts to."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from receiver.keyring import Keyring
from receiver.settings import PollSettings, Rate
from receiver.sources.platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source: name, platform, keys and limits."""

    name: str
    platform: Platform
    ring: Keyring
    # The account that handlers of its events use.
    account: str
    # Bytes.
    body_limit: int
    # Bytes of one record, key and headers included: more the log would refuse for ever.
    record_limit: int
    rate: Rate | None
    on_invalid: Literal["refuse", "accept"]
    # How long a copy is known as one; the second for events named by a hash of their body.
    dedupe_window: timedelta
    hashed_window: timedelta
    # The sender is answered within this time.
    ack_budget: timedelta
    # What the sender wants to see on success; without a body it is told the ids.
    status: int
    answer: bytes | None
    # Whether its events are marked as unconfirmed.
    confirm: bool
    # What was agreed on with the platform for its GET handshake; without a word none is answered.
    word: bytes | None
    # How it is asked, where its platform posts nothing.
    poll: PollSettings
    # Whether body and headers are kept in the topic of deliveries.
    deliveries: bool

    @property
    def signs_nothing(self) -> bool:
        """Whether anybody may post here."""
        return self.ring.scheme.mode == "none" and self.ring.path_token is None and not self.platform.polled

    @property
    def lacks_word(self) -> bool:
        """Whether its platform tries addresses out by GET, and no word was agreed on for it."""
        return self.word is None and any(one.method == "GET" for one in self.platform.handshakes)
