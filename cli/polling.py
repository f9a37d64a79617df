"""The pollers of a configuration: each polled source with its account, the log, the store and the dedupe store."""

import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from cli.base import Installation
from cli.errors import Misconfigured
from cli.settings import account_lacks, blame
from cli.wiring import opened_dedupe, opened_store
from clients.account import Account
from clients.customgpt import CustomGPT
from clients.http import Edges, Exchange, unheard
from clients.limits import Rate
from clients.settings import AccountSettings, open_account
from eventlog.log import EventLog
from receiver.errors import SourceMisconfigured
from receiver.polling.customgpt import AskCustomGPT
from receiver.polling.poller import Poller
from receiver.polling.publishing import Published, Publisher
from receiver.polling.rounds import Asking, Round
from receiver.server import utc_now
from receiver.sources.opening import open_sources
from receiver.sources.source import Source
from store.polls import Held
from store.store import Store

# Of the calls an account may make, what is left to handlers, which cannot wait as long.
_SHARE = 2
# A poll has time: it waits for a free slot of its account's limits rather than giving a round up.
PATIENCE = timedelta(seconds=50)


def sources_of(here: Installation) -> Mapping[str, Source]:
    """The sources of the configuration.

    Raises:
        Misconfigured: they cannot be opened.
    """
    settings = here.settings
    try:
        return open_sources(settings.sources, settings.receiver, settings.catalogue())
    except SourceMisconfigured as error:
        told = (problem for _, problem in blame(here.places).sources(error))
        raise Misconfigured("\n  ".join(["the sources cannot be opened as configured:", *told])) from error


def asker(here: Installation, source: Source, *, on_exchange: Callable[[Exchange], None] = unheard) -> Account:
    """The client that asks a source's platform; nothing is connected.

    Raises:
        Misconfigured: the source has no account, or one at another platform.
    """
    account = here.settings.accounts.get(source.account)
    if account is None or account.platform != source.platform.name:
        raise Misconfigured(f"sources.{source.name}: {account_lacks(source.account, source.platform.name)}")
    return open_account(source.account, _patient(account), edges=Edges(on_exchange=on_exchange))


def _patient(account: AccountSettings) -> AccountSettings:
    shares = {
        name: Rate(max(rate.calls // _SHARE, 1), rate.per) for name, rate in account.limits if isinstance(rate, Rate)
    }
    limits = account.limits.model_copy(update={"max_wait": max(account.limits.max_wait, PATIENCE), **shares})
    return account.model_copy(update={"limits": limits})


def asking(source: Source, account: Account) -> Asking:
    """How the platform of a polled source is asked.

    Raises:
        TypeError: nobody knows how; a defect.
    """
    if isinstance(account, CustomGPT):
        return AskCustomGPT(account)
    raise TypeError(f"{source.platform.name} is polled, and nobody knows how")


@asynccontextmanager
async def pollers(
    here: Installation,
    log: EventLog,
    *,
    told: Sequence[Callable[[str, Published], None]] = (),
    on_exchange: Callable[[Exchange], None] = unheard,
    patient: bool = False,
) -> AsyncIterator[list[Poller]]:
    """A poller for each polled source, over one store. Leaving closes what they use; they must not run any more.

    Args:
        here: whose.
        log: where to.
        told: called after each round that went well.
        on_exchange: called after each request to a platform.
        patient: the store may be slow just now, and is tried again for a while, as by a role.

    Raises:
        Misconfigured: a source cannot be asked as configured.
        CommandFailed: the store does not answer.
    """
    polled = [source for source in sources_of(here).values() if source.platform.polled]

    def tell(source: str, published: Published) -> None:
        for one in told:
            one(source, published)

    async with AsyncExitStack() as stack:
        accounts = {source.name: asker(here, source, on_exchange=on_exchange) for source in polled}
        for account in accounts.values():
            stack.push_async_callback(account.aclose)
        store = await stack.enter_async_context(opened_store(here, patient=patient))
        dedupe = await stack.enter_async_context(opened_dedupe(here))
        publisher = Publisher(log, dedupe, clock=utc_now)
        rounds = [_round(here, source, store, publisher) for source in polled]
        yield [Poller(each, asking(each.source, accounts[each.source.name]), tell) for each in rounds]


def _round(here: Installation, source: Source, store: Store, publisher: Publisher) -> Round:
    # A process that comes back after a crash is another holder: it waits for the end of the lease.
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    return Round(
        source=source,
        held=Held(source=source.name, holder=holder),
        polls=store.polls,
        publisher=publisher,
        topics=here.settings.topics.topics(),
        clock=utc_now,
    )
