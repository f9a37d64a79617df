"""The composition root: settings become the parts of a running role."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from cli.base import Installation
from cli.errors import CommandFailed, Misconfigured
from eventlog.errors import LogMisconfigured
from eventlog.log import EventLog
from eventlog.open import EventLogSettings, open_log, sqlite_path
from store.errors import StoreError, StoreMisconfigured, StoreUnavailable

if TYPE_CHECKING:
    from store.dedupe import Dedupe
    from store.store import Store

log = structlog.get_logger()

# How long the parts of a role may take to close, whatever hangs.
CLOSING = timedelta(seconds=10)
# Seconds a start waits for the dedupe store, and between later tries.
_FIRST_TRY, _TRY_AGAIN = 2.0, 2.0
# Seconds that a role waits at its start for a state store that does not answer.
_PATIENCE = 30.0


@asynccontextmanager
async def opened_log(here: Installation, *, patient: bool = False) -> AsyncIterator[EventLog]:
    """The event log of the configuration, started.

    Args:
        here: whose.
        patient: the caller goes on while it is away, as a role does.

    Raises:
        Misconfigured: waiting would not make it work.
        CommandFailed: it does not answer; not to a patient caller.
    """
    settings = here.settings
    here.make_data()
    try:
        log = open_log(log_url(here), _log_settings(here), topics=settings.topics.topics().all())
        await log.start()
    except LogMisconfigured as error:
        raise Misconfigured(str(error)) from error
    try:
        if not patient and log.kind == "kafka" and not (health := log.health()).ok:
            # it was asked just now, and asking once more would take as long again; a file is as it is
            raise CommandFailed(f"the event log does not answer: {health.detail}")
        yield log
    finally:
        await log.stop(CLOSING)


@asynccontextmanager
async def opened_store(here: Installation, *, patient: bool = False) -> AsyncIterator["Store"]:
    """The state store of the configuration, started.

    Args:
        here: whose.
        patient: it may be slow just now, and is tried again for a while, as by a role.

    Raises:
        Misconfigured: it is not migrated, or waiting would not make it work.
        CommandFailed: it does not answer.
    """
    from store.store import Store  # noqa: PLC0415 - commands that read only the log do without SQLAlchemy

    here.make_data()
    settings = here.settings.store
    with store_errors_explained():
        store = Store.open(store_url(here), deadline=settings.deadline, connections=settings.connections)
        await answering(store.start, within=_PATIENCE if patient else 0)
    try:
        yield store
    finally:
        await store.stop()


async def answering(start: Callable[[], Awaitable[None]], *, within: float, pause: float = _TRY_AGAIN) -> None:
    """Start a store, again while it does not answer, for so many seconds.

    Raises:
        StoreUnavailable: it does not answer.
        StoreMisconfigured: waiting would not make it work.
    """
    now = asyncio.get_running_loop().time
    end = now() + within
    while True:
        try:
            return await start()
        except StoreUnavailable as error:
            if now() >= end:
                raise
            log.warning("store.awaited", cause=str(error))
        await asyncio.sleep(pause)


@asynccontextmanager
async def opened_dedupe(here: Installation) -> AsyncIterator["Dedupe"]:
    """The dedupe store: a SQLite file of its own, or a part of the PostgreSQL store.

    It may be away: the receiver then accepts without it, and it is tried again in the background.

    Raises:
        Misconfigured: waiting would not make it work.
    """
    from store.dedupe import Dedupe  # noqa: PLC0415 - as above

    url = store_url(here)
    with store_errors_explained():
        dedupe = Dedupe.open(f"sqlite:///{here.data / 'dedupe.db'}" if url.startswith("sqlite") else url)
    first = asyncio.create_task(_started(dedupe))
    try:
        await asyncio.wait({first}, timeout=_FIRST_TRY)
        if first.done():
            with store_errors_explained():
                first.result()
        yield dedupe
    finally:
        first.cancel()
        await asyncio.wait({first})
        await dedupe.stop()


async def _started(dedupe: "Dedupe") -> None:
    while True:
        try:
            await dedupe.start()
        except StoreUnavailable:
            await asyncio.sleep(_TRY_AGAIN)
        else:
            return


def _log_settings(here: Installation) -> EventLogSettings:
    """`[eventlog]` with its certificate files counted from the configuration's folder."""
    settings = here.settings.eventlog
    files = {
        name: here.base / value
        for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile")
        if (value := getattr(settings.kafka, name)) is not None
    }
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update=files)})


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


@contextmanager
def store_errors_explained() -> Iterator[None]:
    """What the store says, as a command's failure."""
    try:
        yield
    except StoreMisconfigured as error:
        raise Misconfigured(str(error)) from error
    except StoreError as error:
        raise CommandFailed(str(error)) from error
