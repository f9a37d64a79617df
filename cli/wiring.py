"""The composition root: settings become the parts of a running role."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from cli.base import Installation
from cli.errors import CommandFailed, Misconfigured
from clients.account import Account
from clients.errors import ClientError
from clients.settings import AccountSettings, open_account
from eventlog.errors import LogMisconfigured
from eventlog.log import EventLog
from eventlog.open import open_log, sqlite_path
from store.dedupe import Dedupe
from store.errors import StoreError, StoreMisconfigured
from store.store import Store

# How long the parts of a role may take to close, whatever hangs.
CLOSING = timedelta(seconds=10)


@asynccontextmanager
async def opened_log(here: Installation) -> AsyncIterator[EventLog]:
    """The event log of the configuration, started.

    Raises:
        Misconfigured: waiting would not make it work.
    """
    settings = here.settings
    here.data.mkdir(parents=True, exist_ok=True)
    try:
        log = open_log(log_url(here), settings.eventlog, topics=settings.topics.topics().all())
        await log.start()
    except LogMisconfigured as error:
        raise Misconfigured(str(error)) from error
    try:
        yield log
    finally:
        await log.stop(CLOSING)


@asynccontextmanager
async def opened_store(here: Installation) -> AsyncIterator[Store]:
    """The state store of the configuration, started.

    Raises:
        Misconfigured: it is not migrated, or waiting would not make it work.
        CommandFailed: it does not answer.
    """
    here.data.mkdir(parents=True, exist_ok=True)
    try:
        store = Store.open(store_url(here))
        await store.start()
    except StoreMisconfigured as error:
        raise Misconfigured(str(error)) from error
    except StoreError as error:
        raise CommandFailed(f"the state store does not answer: {error}") from error
    try:
        yield store
    finally:
        await store.stop()


def log_url(here: Installation) -> str:
    """The event log's address: the configured one, else a file in the data folder."""
    url = here.settings.eventlog.url
    if url is None:
        return str(here.data / "events.db")
    return url if url.startswith("kafka://") else str(here.base / sqlite_path(url))


def store_url(here: Installation) -> str:
    """The state store's address: the configured one, else a file in the data folder."""
    url = here.settings.store.url
    if url is None:
        return f"sqlite:///{here.data / 'state.db'}"
    text = url.get_secret_value()
    prefix, found, path = text.partition("sqlite:///")
    return f"sqlite:///{here.base / path}" if found and not prefix else text
