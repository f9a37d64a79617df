"""Running roles: open the parts, serve until told to stop, drain, close."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog
from prometheus_client import CollectorRegistry

from cli import entry_reports, poll_states, refusals
from cli.addresses import Address, announced
from cli.base import Installation
from cli.dev_settings import public_url
from cli.emptying import Emptying
from cli.entry_states import configured
from cli.errors import Misconfigured
from cli.lags import standings
from cli.left_letters import staying
from cli.left_store import left_store
from cli.output import printable
from cli.plugins import Plugins, loaded
from cli.poll_states import has_polled
from cli.polling import pollers
from cli.ports import listening, refuse_equal
from cli.readiness import handlers_found, polled_found
from cli.replays_left import unfinished
from cli.settings import blame
from cli.store_watch import StoreWatch
from cli.stranded import refuse_stranded
from cli.tasks import background, unless
from cli.topics_watch import TopicsWatch
from cli.version import version
from cli.wiring import opened_dedupe, opened_log, opened_store
from clients.http import Exchange
from clients.metrics import ClientMetrics
from console.app import Check, Found
from console.server import AdminAddressTaken, AdminServer
from dispatcher.dead_limit import LEAST
from dispatcher.dispatcher import Dispatcher
from dispatcher.equipment import Equipment
from dispatcher.hearing import Hearing
from dispatcher.metrics import Metrics
from dispatcher.observers import Observer
from dispatcher.settings import Entry
from eventlog.log import EventLog
from receiver.errors import AddressTaken, ReceiverError, SourceMisconfigured
from receiver.polling.metrics import PollMetrics
from receiver.polling.publishing import Published
from receiver.reports import Report
from receiver.server import ReceiverParts, ReceiverServer, utc_now
from receiver.sources.opening import open_sources

log = structlog.get_logger()

# How long a worker waits for handlers that run when it is told to stop; Kubernetes gives 30 s in all.
DRAIN = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """What a process is to do, and where."""

    # `receive`, `work`, `run` or `dev`: the name it is announced under.
    name: str
    receive: bool = False
    work: bool = False
    # Ask the platforms of polled sources, if there are any.
    poll: bool = False
    # Only these entries; all when empty.
    only: tuple[str, ...] = ()
    host: str | None = None
    port: int | None = None
    admin_port: int | None = None
    # Where the platforms are simulated, in `dev`.
    simulator: str | None = None
    # Whether events of the embedded log may stay there unhandled.
    leave_behind: bool = False
    # Whether a plugin or entry that cannot be used ends the start.
    strict: bool = True
    # So many deaths stop an entry; infinite: none do.
    dead_limit: float = LEAST
    reports: Sequence[Report] = ()
    observers: tuple[Observer, ...] = ()
    # Called after each round of polling.
    polled: Callable[[str, Published], None] | None = None

    def runs(self, entry: str) -> bool:
        """Whether an entry is one of those to run."""
        return not self.only or entry in self.only


@dataclass(slots=True)
class Serving:
    """A process that serves."""

    receiver: ReceiverServer | None = None
    receiver_url: str | None = None
    dispatcher: Dispatcher | None = None
    plugins: Plugins | None = None
    admin: AdminServer | None = None
    checks: dict[str, Check] = field(default_factory=dict)
    # Counts the exchanges of all clients.
    exchanged: ClientMetrics | None = None
    # Ends the process; None: it goes on whatever happens.
    end: Callable[[], None] | None = None
    abandoned: bool = False

    @property
    def status(self) -> int:
        """The exit status, when it has stopped."""
        left_behind = self.dispatcher is not None and self.dispatcher.left_behind
        return 1 if left_behind or self.abandoned else 0

    def abandon(self) -> bool:
        """Leave an attempt behind that goes on though its partition is another worker's: only an end stops it."""
        if self.end is None:
            return False
        self.abandoned = True
        self.end()
        return True


async def serve(here: Installation, roles: Roles, stopping: asyncio.Event) -> int:
    """Run the roles until they are told to stop; the exit status: 1 if attempts had to be left behind.

    Raises:
        Misconfigured: they cannot run as configured.
        CommandFailed: a port is taken, or the store does not answer.
    """
    async with serving(here, roles, stopping) as running:
        if running is None:
            return 0
        running.end = stopping.set
        await stopping.wait()
    return running.status


async def serve_until_empty(here: Installation, roles: Roles, stopping: asyncio.Event) -> int:
    """Run the handlers until they have settled all there is, and tell what is left; the exit status: 1 if something is.

    Raises:
        Misconfigured: they cannot run as configured.
        CommandFailed: a port is taken, or the store does not answer.
    """
    emptying = Emptying()
    async with serving(here, replace(roles, observers=(emptying.happened,)), stopping) as running:
        if running is None:
            sys.stderr.write("hookline: told to stop before anything was handled\n")
            return 1
        running.end = stopping.set
        if running.dispatcher is not None:
            await emptying.wait(running.dispatcher, stopping)
    found = await standings(here, running.plugins.plan.entries if running.plugins else ())
    for line in [*emptying.notes(found), *await staying(here)]:
        sys.stdout.write(f"{printable(line)}\n")
    left = [*emptying.left(found), *await unfinished(here, emptying.states)]
    if not left:
        sys.stdout.write("everything is handled\n")
    for line in left:
        sys.stderr.write(f"hookline: {printable(line)}\n")
    return 1 if left else running.status


@asynccontextmanager
async def serving(here: Installation, roles: Roles, stopping: asyncio.Event) -> AsyncIterator[Serving | None]:
    """The roles, running; None if they were told to stop before they were. Leaving drains and closes them."""
    async with AsyncExitStack() as stack:
        running = await unless(stopping, stack.enter_async_context(_started(here, roles)))
        if running is None:
            log.info("role.stopping", role=roles.name)
        yield running
    log.info("role.stopped", role=roles.name)


@asynccontextmanager
async def _started(here: Installation, roles: Roles) -> AsyncIterator[Serving]:
    """The roles, running. Leaving drains and closes them, the receiver first."""
    registry = CollectorRegistry()
    found = Serving()
    refuse_equal(listening_ports(here, roles))
    async with AsyncExitStack() as stack:
        event_log = await stack.enter_async_context(opened_log(here, patient=True))
        watch = TopicsWatch(event_log, here.settings.topics.topics().all())
        await stack.enter_async_context(background(watch.run()))
        found.checks |= {
            "log": lambda: Found(event_log.health().ok, event_log.health().detail),
            "topics": lambda: Found(not watch.problem, watch.problem),
        }
        if roles.work:
            await _add_worker(here, roles, found, event_log, registry, stack)
        if roles.receive:
            await _add_receiver(here, roles, found, event_log, registry, stack)
        if has_polled(here.settings):
            if roles.poll:
                await _add_pollers(here, roles, found, event_log, registry, stack)
            else:
                await stack.enter_async_context(background(poll_states.warn(here, utc_now)))
        await _add_admin(here, roles, found, registry, stack)
        address = _address(here, roles, found)
        stack.enter_context(announced(here.data, address))
        if found.dispatcher is not None:
            # Last: a process that cannot listen must not have handled anything.
            found.dispatcher.start()
        log.info("role.started", role=roles.name, receiver=address.receiver, admin=address.admin, log=event_log.kind)
        yield found
        log.info("role.stopping", role=roles.name)


def listening_ports(here: Installation, roles: Roles) -> dict[str, int]:
    """The ports a process is to listen on, by the options that name others."""
    settings = here.settings
    admin = settings.console.port if roles.admin_port is None else roles.admin_port
    receiver = settings.receiver.port if roles.port is None else roles.port
    return ({"--port": receiver} if roles.receive else {}) | {"--admin-port": admin}


def _address(here: Installation, roles: Roles, found: Serving) -> Address:
    return Address(
        role=roles.name,
        pid=os.getpid(),
        receiver=found.receiver_url,
        admin=found.admin.url if found.admin else None,
        simulator=roles.simulator,
        eventlog=public_url(here.settings.eventlog.url),
        store=public_url(here.settings.store.url),
    )


async def _add_receiver(
    here: Installation,
    roles: Roles,
    found: Serving,
    event_log: EventLog,
    registry: CollectorRegistry,
    stack: AsyncExitStack,
) -> None:
    settings = here.settings
    if not settings.sources:
        raise Misconfigured("there is no source to receive from: add a section [sources.NAME] to hookline.toml")
    changes = {"host": roles.host, "port": roles.port}
    bounds = settings.receiver.model_copy(update={key: value for key, value in changes.items() if value is not None})
    topics_check = found.checks["topics"]
    try:
        parts = ReceiverParts(
            sources=open_sources(settings.sources, bounds, settings.catalogue()),
            log=event_log,
            dedupe=await stack.enter_async_context(opened_dedupe(here)),
            topics=settings.topics.topics(),
            registry=registry,
            version=version(),
            checks={"topics": lambda: "ok" if topics_check().ok else "failing"},
            reports=roles.reports,
        )
        found.receiver = await ReceiverServer.start(parts, bounds)
    except AddressTaken as error:
        root = here.places.root
        raise listening(error, port=bounds.port, what="receiver", option="--port", root=root) from error
    except SourceMisconfigured as error:
        told = (problem for _, problem in blame(here.places).sources(error))
        raise Misconfigured("\n  ".join(["the sources cannot be opened as configured:", *told])) from error
    except ReceiverError as error:
        raise Misconfigured(str(error)) from error
    found.receiver_url = _url(bounds.host, found.receiver.port)
    stack.push_async_callback(found.receiver.stop, bounds.drain)


async def _add_pollers(
    here: Installation,
    roles: Roles,
    found: Serving,
    event_log: EventLog,
    registry: CollectorRegistry,
    stack: AsyncExitStack,
) -> None:
    metrics = PollMetrics(registry, utc_now)
    told: list[Callable[[str, Published], None]] = [metrics, *([roles.polled] if roles.polled else [])]
    exchanged = found.exchanged = found.exchanged or ClientMetrics(registry)
    polling = await stack.enter_async_context(pollers(here, event_log, told=told, on_exchange=exchanged, patient=True))
    for poller in polling:
        metrics.watch(poller.standing)
        # Told to stop by being cancelled, at any moment: a round that is broken off loses nothing.
        await stack.enter_async_context(background(poller.run(asyncio.Event())))
    found.checks["polling"] = lambda: polled_found(polling)


def _url(host: str, port: int) -> str:
    """An address that a process on this machine can call."""
    callable_host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is looked up, not bound
    return f"http://[{callable_host}]:{port}" if ":" in callable_host else f"http://{callable_host}:{port}"


async def _add_worker(
    here: Installation,
    roles: Roles,
    found: Serving,
    event_log: EventLog,
    registry: CollectorRegistry,
    stack: AsyncExitStack,
) -> None:
    hearing = Hearing()
    found.exchanged = ClientMetrics(registry)
    plugins = found.plugins = loaded(here, on_exchange=_both(found.exchanged, hearing))
    for account in plugins.accounts.values():
        stack.push_async_callback(account.aclose)
    entries = await _entries(here, plugins, roles)
    store = await stack.enter_async_context(opened_store(here, patient=True))
    found.dispatcher = Dispatcher(
        entries,
        Equipment(
            log=event_log,
            store=store,
            topics=here.settings.topics.topics(),
            accounts=plugins.accounts,
            account_of=plugins.account_of,
            observers=roles.observers,
            metrics=Metrics(registry),
            on_abandoned=found.abandon,
            hearing=hearing,
            dead_limit=roles.dead_limit,
            configured=configured(plugins.plan),
            version=version(),
        ),
    )
    stack.push_async_callback(found.dispatcher.stop, DRAIN)
    dispatcher = found.dispatcher
    seen = StoreWatch(store)
    await stack.enter_async_context(background(seen.run()))
    found.checks["store"] = lambda: Found(not seen.problem, seen.problem)
    found.checks["handlers"] = lambda: handlers_found(dispatcher)


def without_broken(plugins: Plugins) -> None:
    """Go on without what cannot be used, where that is allowed."""
    if not plugins.problems:
        return
    if not plugins.allow_broken:
        told = ["the handlers cannot run as configured:", *plugins.problems]
        raise Misconfigured("\n  ".join([*told, "mend them, or set allow_broken = true in [handlers]: the others run"]))
    for problem in plugins.problems:
        log.error("plugin.omitted", problem=problem)


def _both(one: Callable[[Exchange], None], other: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
    def told(exchange: Exchange) -> None:
        one(exchange)
        other(exchange)

    return told


async def _entries(here: Installation, plugins: Plugins, roles: Roles) -> list[Entry]:
    """The entries to run.

    Raises:
        Misconfigured: they cannot run as configured, or would leave unhandled what the embedded log holds.
    """
    if roles.strict:
        without_broken(plugins)
    known = {entry.name: entry for entry in plugins.plan.entries}
    for name in roles.only:
        if name not in known:
            told = f"--only {name}: no such entry runs; these do: {', '.join(sorted(known)) or 'none'}"
            raise Misconfigured("\n  ".join([told, *plugins.problems]))
    entries = [entry for name, entry in known.items() if roles.runs(name)]
    if (left := left_store(here)) is not None:
        log.warning("store.left", cause=left.detail)
    if roles.strict and not roles.leave_behind:
        await refuse_stranded(here, entries)
    return entries


async def _add_admin(
    here: Installation, roles: Roles, found: Serving, registry: CollectorRegistry, stack: AsyncExitStack
) -> None:
    port = listening_ports(here, roles)["--admin-port"]
    documents = {
        **(refusals.documents(found.receiver.refusals) if found.receiver else {}),
        **(entry_reports.documents(found.dispatcher.states) if found.dispatcher else {}),
    }
    host, names = here.settings.console.host, here.settings.console.names
    found.admin = AdminServer(host, port, registry=registry, checks=found.checks, documents=documents, names=names)
    try:
        await found.admin.start()
    except AdminAddressTaken as error:
        root = here.places.root
        raise listening(error, port=port, what="admin port", option="--admin-port", root=root) from error
    stack.push_async_callback(found.admin.stop)
