"""`hookline check`: whether the configuration can work, without connecting to anything."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from cli.base import Installation, installation
from cli.errors import CommandFailed
from cli.findings import Finding, State, show
from cli.left_store import left_store
from cli.oddities import oddities
from cli.overlay import ignored
from cli.plugins import Plugins, loaded
from cli.settings import Reading, Settings, read
from cli.stranded import LeaveBehind, leaves_embedded, stranded, ways_on
from clients.abilities import is_reachable
from dispatcher import needs
from dispatcher.settings import Entry
from receiver.errors import SourceMisconfigured
from receiver.sources.opening import open_sources
from schemas.durations import in_words

# These listen on every address, and so on that of the other port too.
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound

_WORD = (
    "tries the address out by GET with a word of yours, and that is refused without verify_token: think of one, set it "
    'as verify_token = "env:NAME" and at the platform. The secret is no such word: it does not belong into a URL'
)


def check(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line a finding.")] = False,
    leave_behind: LeaveBehind = False,
) -> int:
    """Check the configuration: keys, secrets, sources, accounts, plugins. Ends with 2 when something cannot work."""
    here = installation(context)
    # The demo makes its secrets when it is read: here they are thrown away.
    with TemporaryDirectory(prefix="hookline-") as folder:
        if here.places.config is None:
            here = Installation(replace(here.places, data=Path(folder)), here.log_format)
        found = list(findings(here))
        if not leave_behind and all(one.name != "configuration" or one.state == "ok" for one in found):
            found += stranded_events(here)
        return 0 if show(found, as_json=as_json) else 2


def stranded_events(here: Installation) -> Iterator[Finding]:
    """Events, replays and dead letters that nobody would see to, for the log was changed."""
    if not leaves_embedded(here):
        return
    try:
        found = asyncio.run(stranded(here, loaded(here, carefully=True).plan.entries))
    except CommandFailed as error:
        yield Finding("event log", "failing", str(error))
        return
    if found is not None:
        yield Finding("event log", "failing", ways_on(here, found))
    from cli import left_letters, replays_left  # noqa: PLC0415 - only who changed the log needs them, and the store

    yield from asyncio.run(replays_left.embedded(here))
    yield from asyncio.run(left_letters.unconnected(here))


def findings(here: Installation) -> Iterator[Finding]:
    """Everything that is right and wrong with a configuration."""
    try:
        reading = read(here.places)
    except CommandFailed as error:
        yield Finding("configuration", "failing", str(error))
        return
    where = str(here.places.config or "the built-in demo")
    yield from (Finding("configuration", "failing", problem) for problem in reading.problems)
    if not reading.problems:
        yield Finding("configuration", "ok", where)
    for variable, meant in ignored(here.places.environ, Settings.model_fields, reading.blame.file).items():
        why = f"{variable} sets nothing, for only names with two underscores are settings: did you mean {meant}?"
        yield Finding("environment", "degraded", why)
    usable = Installation(here.places, here.log_format, given=reading.settings)
    yield from ports(reading.settings)
    yield from _sources(reading)
    yield from _accounts(reading)
    if (left := left_store(usable)) is not None:
        yield left
    yield from oddities(reading.settings)
    try:
        plugins = loaded(usable, carefully=True)
    except CommandFailed as error:
        yield Finding("handlers", "failing", str(error))
        return
    yield from _handlers(reading, plugins)
    yield from silent_sources(reading.settings, plugins)


def ports(settings: Settings) -> Iterator[Finding]:
    """Receiver and console on one address: the second of them could not start."""
    receiver, console = settings.receiver, settings.console
    if receiver.port == console.port != 0 and (
        receiver.host == console.host or _EVERYWHERE & {receiver.host, console.host}
    ):
        yield Finding(
            "ports",
            "failing",
            f"receiver.port and console.port are both {receiver.port}, and one of them cannot be had: set another port "
            "in [receiver] or [console]",
        )


def _sources(reading: Reading) -> Iterator[Finding]:
    settings = reading.settings
    try:
        sources = open_sources(settings.sources, settings.receiver, settings.catalogue())
    except SourceMisconfigured as error:
        for path, problem in reading.blame.sources(error):
            if not reading.is_told(path) and not _is_of_broken(path, reading):
                yield Finding("sources", "failing", problem)
        return
    if not settings.sources:
        yield Finding("sources", "degraded", "none: add a section [sources.NAME] to receive anything")
    for name, source in sources.items():
        if not reading.is_whole(("sources", name)):
            continue
        token = "/TOKEN" if source.ring.path_token else ""
        if source.signs_nothing:
            yield Finding(f"source {name}", "degraded", 'verify = "none": anybody may post there')
        elif source.lacks_word:
            yield Finding(f"source {name}", "degraded", f"{source.platform.name} {_WORD}")
        elif source.platform.polled:
            often = in_words(source.poll.interval)
            yield Finding(f"source {name}", "ok", f"{source.platform.name}, polled every {often}")
        else:
            yield Finding(f"source {name}", "ok", f"{source.platform.name}, POST /in/{name}{token}")


def _is_of_broken(path: tuple[str, ...], reading: Reading) -> bool:
    """Whether a source's platform is itself wrong, and told as such."""
    source = reading.settings.sources.get(path[1])
    return source is not None and not reading.is_whole(("platforms", source.platform))


def _accounts(reading: Reading) -> Iterator[Finding]:
    accounts = reading.settings.accounts
    if not accounts:
        why = "none: handlers cannot answer anybody. Add a section [accounts.NAME], with the name of its source"
        yield Finding("accounts", "degraded", why)
    for name, account in accounts.items():
        if reading.is_whole(("accounts", name)):
            yield Finding(f"account {name}", "ok", account.platform)


def _handlers(reading: Reading, plugins: Plugins) -> Iterator[Finding]:
    bad: State = "degraded" if plugins.allow_broken else "failing"
    yield from (Finding("handlers", bad, str(problem)) for problem in plugins.registry.problems)
    for path, told in map(reading.blame.entry, plugins.plan.problems):
        if not reading.is_told(path):
            yield Finding("handlers", bad, told)
    for entry in plugins.plan.entries:
        if isinstance(entry.start, datetime) and entry.start > datetime.now(UTC):
            why = f"start, {entry.start:%Y-%m-%d %H:%M} UTC, is in the future: it leaves out all events until then"
            yield Finding(f"handler {entry.name}", "degraded", why)
            continue
        if (twice := _beside(entry, plugins)) is not None:
            yield twice
            continue
        yield Finding(f"handler {entry.name}", "ok", entry.handler.doc)
    for name in plugins.plan.disabled:
        yield Finding(f"handler {name}", "ok", "disabled")
    for name in plugins.plan.unconfigured:
        yield Finding(f"handler {name}", "ok", f"does not run: it needs a section [handlers.{name}]")


def _beside(entry: Entry, plugins: Plugins) -> Finding | None:
    """An entry that nobody wrote down, beside one that uses its handler: often what was meant to take its place."""
    others = [one.name for one in plugins.plan.entries if one.handler is entry.handler and one is not entry]
    if not others or entry.name in plugins.sections:
        return None
    why = (
        f"it runs without a section, and {' and '.join(others)} with the same handler beside it: each event is handled "
        f"by both. Add [handlers.{entry.name}], with nothing if both are meant, or with enabled = false; then "
        f"`hookline handlers rename {entry.name} {others[0]}`, before the start, has the other go on where it was"
    )
    return Finding(f"handler {entry.name}", "degraded", why)


def silent_sources(settings: Settings, plugins: Plugins) -> Iterator[Finding]:
    """Sources whose events reach a handler that needs an account, and have none: it does nothing with them."""
    if not settings.accounts:
        return
    platforms = settings.catalogue()
    for name, source in settings.sources.items():
        entries = [entry for entry in plugins.plan.entries if entry.sources is None or name in entry.sources]
        platform = platforms.get(source.platform)
        hints = platform is not None and (platform.confirm if source.confirm is None else source.confirm)
        idle = [entry.name for entry in entries if needs_account(entry, hints=hints)]
        # Of a platform without a client nobody can have an account.
        if idle and name not in plugins.account_of and is_reachable(source.platform):
            why = f"it has no account, so {' and '.join(idle)} can call nobody for its events: add [accounts.{name}]"
            yield Finding(f"source {name}", "degraded", f'{why}, or account = "NAME" to [sources.{name}]')


def needs_account(entry: Entry, *, hints: bool) -> bool:
    """Whether a handler answers, tells accounts or confirms hints: its own code says so, or it is one of ours."""
    own = any(need.name is None for need in needs.of_code(entry.handler.run))
    if hints and entry.handler.name == "sync-contact":
        return True
    return own or entry.handler.name == "follow-up-chat" or bool(getattr(entry.config, "push", ()))
