"""hookline: webhooks from AI-chat platforms, kept in Kafka, handled in Python.

Plugins import from here and nowhere else: the plugin API and the canonical events. `hookline.clients` has the
platforms' typed clients, `hookline.testing` runs a handler in a test.
"""
# ruff: noqa: E402 - nothing of ours may be imported before it is known to be ours

from importlib.util import find_spec
from pathlib import Path

_PACKAGES = (
    "cli",
    "clients",
    "console",
    "dispatcher",
    "eventlog",
    "handlers",
    "receiver",
    "schemas",
    "simulator",
    "store",
)


def _refuse_hidden_packages() -> None:
    """Find out whether a folder or file of the user's stands in front of one of our packages.

    Raises:
        ImportError: one does; it says which and what to do.
    """
    home = Path(__file__).resolve().parent.parent
    for name in _PACKAGES:
        spec = find_spec(name)
        if spec is None:
            raise ImportError(f"hookline is not installed whole: its package {name!r} is missing. Install it again")
        found = spec.origin or next(iter(spec.submodule_search_locations or ()), None)
        if found is None or Path(found).resolve().parent.parent != home:
            raise ImportError(
                f"{found} hides hookline's own package {name!r}. Rename that file or folder, or start Python where it "
                "is not on the path (from another folder, or with `python -P`)"
            )


_refuse_hidden_packages()

from clients.account import Account
from handlers.api import (
    AccountName,
    Contacts,
    Context,
    GiveUp,
    Handler,
    NoConfig,
    RetryLater,
    Unavailable,
    handler,
)
from schemas.contacts import Contact, Identity
from schemas.durations import Duration
from schemas.events import (
    BotDisabled,
    BotPublished,
    BotUpdated,
    ContactCreated,
    ContactDeleted,
    ContactRef,
    ContactSnapshot,
    ContactUpdated,
    ConversationCompleted,
    ConversationCreated,
    ConversationUpdated,
    Data,
    Event,
    HandoffClosed,
    HandoffRequested,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
    Timer,
    Unknown,
    WorkflowFinished,
)

__all__ = [
    "Account",
    "AccountName",
    "BotDisabled",
    "BotPublished",
    "BotUpdated",
    "Contact",
    "ContactCreated",
    "ContactDeleted",
    "ContactRef",
    "ContactSnapshot",
    "ContactUpdated",
    "Contacts",
    "Context",
    "ConversationCompleted",
    "ConversationCreated",
    "ConversationUpdated",
    "Data",
    "Duration",
    "Event",
    "GiveUp",
    "Handler",
    "HandoffClosed",
    "HandoffRequested",
    "Identity",
    "MessageCreated",
    "MessageDeleted",
    "MessageUpdated",
    "NoConfig",
    "RetryLater",
    "Timer",
    "Unavailable",
    "Unknown",
    "WorkflowFinished",
    "handler",
]
