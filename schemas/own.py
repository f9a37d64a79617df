"""Messages of ours that a platform posts back: how they are marked when they are sent, and known again.

A platform tells every message as an event, also those that a handler sent through its API, some as if the visitor had
written them. A handler that answers visitors would then answer itself for ever. So clients mark what they send in the
free-form metadata, where the platform has such a thing, and sources give a marked message the role `agent`.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

TAG = "hookline"
"""The metadata field of a message that says that it is ours: the fingerprint of its text."""


def marked(metadata: Mapping[str, Any] | None, text: str) -> dict[str, Any]:
    """The metadata to send with a text."""
    return {**(metadata or {}), TAG: fingerprint(text)}


def is_marked(metadata: object, text: str) -> bool:
    """Whether a message that came back is one that we sent.

    A platform may copy the metadata of one message to later ones of the conversation: those have another text.
    """
    mark = metadata.get(TAG) if isinstance(metadata, Mapping) else None
    # Most messages have no mark: a long text is not read through for them.
    return isinstance(mark, str) and mark == fingerprint(text)


def fingerprint(text: str) -> str:
    """Tells a text from others, whatever a platform does to its white space."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:16]
