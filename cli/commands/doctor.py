"""`hookline doctor`: whether everything hookline needs is there and answers, and what to do where it does not."""

import asyncio
import contextlib
import json
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import process
from cli.addresses import Address, running
from cli.base import Installation, installation
from cli.commands import check
from cli.damage import integrity
from cli.dev_settings import public_url
from cli.entry_reports import Report, ask
from cli.entry_states import away_told, stuck_told, told
from cli.errors import CommandFailed
from cli.findings import Finding, State, show
from cli.idle import WORKERS
from cli.invocation import starting
from cli.lags import lags as lags_of
from cli.lags import stops_of
from cli.left_rows import left_rows
from cli.new_store import strangers
from cli.plugins import loaded
from cli.poll_states import poll_states
from cli.replays_left import elsewhere
from cli.suspects import suspects_told
from cli.topic_state import look
from cli.undealt import undealt
from cli.wiring import log_url, opened_log, store_url
from eventlog.errors import EventLogError
from eventlog.log import EventLog
from eventlog.open import sqlite_path
from receiver.connections import assert_c_parser
from receiver.errors import UnsafeParser
from store.addresses import address
from store.errors import StoreError
from store.migrations import pending
from store.stops import Stop

# Seconds until the log or the store is said not to answer, and until one that does is said to take too long.
REACH, PATIENCE = 5.0, 15
# Seconds between two looks at an entry that is behind.
WATCHED = 2.0
# Seconds by which clocks of one machine may seem to differ.
SKEW = 60
# Bytes that should be free for the embedded log and the store.
FREE = 1024**3
# With fewer, hardly a record fits.
FULL = 1024**2


def doctor(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="A JSON line a finding.")] = False
) -> int:
    """Look at everything hookline needs: configuration, event log, topics, store, disk, roles that run."""
    here = installation(context)
    return process.run(lambda _stopping: _doctor(here, as_json=as_json))


async def _doctor(here: Installation, *, as_json: bool) -> int:
    found = list(check.findings(here))
    if all(one.name != "configuration" or one.state == "ok" for one in found):
        crashed, roles = ended_without_a_word(here.data)
        found += await asyncio.to_thread(lambda: list(_files(here)))
        away = await silent(here)
        found += away
        lacks = {one.name for one in away}
        stops = {} if "state store" in lacks else await stops_of(here)
        reports: Mapping[str, Report] = {}
        if "event log" not in lacks:
            reports = await asyncio.to_thread(ask, roles)
            found += [one async for one in _log(here, roles, stops, reports)]
        if "state store" not in lacks:
            found += [one async for one in _store(here)]
        if not lacks:
            found += [one async for one in undealt(here, patience=PATIENCE)]
        found += [*_machine(here), *crashed, *missing(here, roles)]
        listed = causes_in(found, stops, reports)
        for role in roles:
            found += [pointing(one, listed) for one in look_at(role)]
    return 0 if show(found, as_json=as_json) else 1


def _files(here: Installation) -> Iterator[Finding]:
    """What is wrong with the SQLite files of this installation."""
    log, store = log_url(here), store_url(here)
    files = {
        "event log file": None if log.startswith("kafka://") else sqlite_path(log),
        "state store file": Path(store.removeprefix("sqlite:///")) if store.startswith("sqlite") else None,
        "dedupe file": here.data / "dedupe.db" if store.startswith("sqlite") else None,
    }
    for name, path in files.items():
        if path is not None and (finding := integrity(name, path)) is not None:
            yield finding


async def silent(here: Installation) -> list[Finding]:
    """Whether the event log and the store answer at all, both asked at once: what does not is not asked again."""

    async def topics() -> None:
        async with opened_log(here) as log:
            await look(log, here.settings.topics.topics().all())

    async def steps() -> None:
        await pending(store_url(here))

    found = await asyncio.gather(
        asked("event log", log_url(here), topics()), asked("state store", public_url(store_url(here)), steps())
    )
    return [one for one in found if one is not None]


async def asked(
    name: str, where: str | None, question: Coroutine[Any, Any, None], *, patience: float = REACH
) -> Finding | None:
    """Why something does not answer; None if it does, in time."""
    answer = asyncio.ensure_future(question)
    done, _ = await asyncio.wait({answer}, timeout=patience)
    if not done:
        # Told to end, and not waited for: what hangs may hang once more when it closes.
        answer.cancel()
        why = "is it running, and does a firewall let us through?"
        return Finding(name, "failing", f"{where} does not answer within {patience:g} s: {why}")
    try:
        await answer
    except StoreError as error:
        return Finding(name, "failing", str(error))
    except (EventLogError, CommandFailed) as error:
        return Finding(name, "failing", f"{where}: {error}")
    return None


async def _log(
    here: Installation, roles: Sequence[Address], stops: Mapping[str, Stop], reports: Mapping[str, Report]
) -> AsyncIterator[Finding]:
    where = log_url(here)
    lags: Mapping[str, int | None] = {}
    stuck: frozenset[str] = frozenset()
    foreign: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE), opened_log(here) as log:
            states = await look(log, here.settings.topics.topics().all())
            if all(one.found is not None for one in states):
                lags, stuck = await _progress(here, log)
                foreign = await strangers(here, log)
    except TimeoutError:
        yield Finding("event log", "failing", f"{where} did not tell within {PATIENCE} s how far the handlers are")
        return
    except (EventLogError, CommandFailed) as error:
        yield Finding("event log", "failing", f"{where}: {error}")
        return
    yield Finding("event log", "ok", f"{where} answers")
    wrong = [one for one in states if one.verdict != "ok"]
    for one in wrong:
        todo = "; create it with `hookline topics apply`" if one.found is None else ""
        yield Finding(f"topic {one.topic}", "failing", one.verdict + todo)
    if not wrong:
        yield Finding("topics", "ok", f"all {len(states)} are there")
    for name in foreign:
        why = "its positions belong to another state store: it stands still. Set [store] url to that one, or"
        yield Finding(f"store of {name}", "failing", f"{why}, if it is lost, run `hookline migrate --new-store`")
    for name, lag in lags.items():
        if (stop := stops.get(name)) is not None:
            yield stopped(stop, lag)
            continue
        if (told_of := reported(name, lag, reports.get(name, Report()))) is not None:
            yield told_of
            continue
        worked = any(one.role in WORKERS for one in roles)
        yield behind(name, lag, stuck=name in stuck, worked=worked, start=starting(here.places, "work", "run"))


async def _progress(here: Installation, log: EventLog) -> tuple[Mapping[str, int | None], frozenset[str]]:
    """How far each entry is behind, and which of them settled nothing while we looked."""
    entries, topics = loaded(here).plan.entries, here.settings.topics.topics()
    before = await lags_of(log, topics, entries)
    if not any(before.values()):
        return before, frozenset()
    await asyncio.sleep(WATCHED)
    after = await lags_of(log, topics, entries)
    return after, frozenset(name for name, lag in after.items() if lag and lag >= (before[name] or 0))


def stopped(stop: Stop, lag: int | None) -> Finding:
    """How an entry stands that is to stand still: nobody is told anew of what he did himself."""
    waits = f"{lag:,} behind, " if lag else ""
    return Finding(f"handler {stop.handler}", "degraded" if stop.reason == "paused" else "failing", waits + told(stop))


def causes_in(found: Iterable[Finding], stops: Mapping[str, Stop], reports: Mapping[str, Report]) -> Mapping[str, str]:
    """What is wrong with entries and stands in a finding already → the first entry of which it does."""
    causes = [(told(stop), name) for name, stop in stops.items()]
    causes += [(cause, name) for name, report in reports.items() for cause in _causes(report)]
    details = [one.detail for one in found]
    return {cause: name for cause, name in reversed(causes) if any(cause in detail for detail in details)}


def pointing(finding: Finding, listed: Mapping[str, str]) -> Finding:
    """What a role says of itself, without the causes that the findings of entries tell."""
    detail = finding.detail
    for cause, entry in listed.items():
        detail = detail.replace(cause, f"see handler {entry}")
    return replace(finding, detail=detail)


def reported(entry: str, lag: int | None, report: Report) -> Finding | None:
    """How an entry stands that a worker says something of; None if it says nothing."""
    if not (causes := _causes(report)):
        return None
    waits = f"{lag:,} behind, " if lag else ""
    state: State = "failing" if report.failed or report.stuck else "degraded"
    return Finding(f"handler {entry}", state, waits + "; ".join(causes))


def _causes(report: Report) -> list[str]:
    told_of = (report.failed, suspects_told(report.noted), stuck_told(report.stuck), away_told(report.away))
    return [*filter(None, told_of)]


def behind(entry: str, lag: int | None, *, stuck: bool, worked: bool, start: str) -> Finding:
    """How an entry stands.

    Args:
        entry: its name.
        lag: events it has not settled; None when it never ran.
        stuck: whether it settled nothing while it was looked at.
        worked: whether a role that works runs with this data folder.
        start: the commands that start one.
    """
    name = f"handler {entry}"
    if lag is None and worked:
        why = (
            "it has no position, though a worker runs here. If that runs without it, start the worker anew; if the log "
            "forgot where it was (its topic or group was deleted), `hookline handlers list` says so, and what to do"
        )
        return Finding(name, "degraded", why)
    if lag is None:
        return Finding(name, "degraded", f"it never ran: start {start}")
    if not stuck:
        return Finding(name, "ok", f"{lag:,} behind" if lag else "it has settled everything")
    waits = f"{lag:,} behind, and it settled none in {WATCHED:g} s"
    if worked:
        why = "they are retried or take long, or it stands still: /readyz and the worker's log say which"
        return Finding(name, "degraded", f"{waits}: {why}")
    why = f"no worker runs with this data folder: start {start}"
    return Finding(name, "failing", f"{waits}: {why}. If workers run on other machines, look at their logs")


async def _store(here: Installation) -> AsyncIterator[Finding]:
    try:
        where = address(store_url(here)).shown
        steps = await pending(store_url(here))
    except StoreError as error:
        yield Finding("state store", "failing", str(error))
        return
    if steps:
        yield Finding("state store", "failing", f"{where} lacks {len(steps)} step(s): run `hookline migrate`")
    else:
        yield Finding("state store", "ok", f"{where} answers and is up to date")
        for finding in await poll_states(here, datetime.now(UTC)):
            yield finding
        for finding in [*await left_rows(here), *await elsewhere(here)]:
            yield finding


def _machine(here: Installation) -> Iterator[Finding]:
    try:
        assert_c_parser()
        yield Finding("HTTP parser", "ok", "aiohttp's C parser")
    except UnsafeParser as error:
        yield Finding("HTTP parser", "failing", str(error))
    yield from clock(here.data, time.time())
    folder = next(one for one in (here.data, *here.data.parents) if one.exists())
    free = shutil.disk_usage(folder).free
    yield room(free, here.data)


def room(free: int, data: Path) -> Finding:
    """Whether the disk of the data folder has so many bytes free as it should."""
    if free < FULL:
        why = f"it is full: {free // 1024} KiB free for {data}. Nothing is accepted until there is room: free some"
        return Finding("disk", "failing", why)
    return Finding("disk", "ok" if free >= FREE else "degraded", f"{free // 1024**2} MiB free for {data}")


def clock(data: Path, now: float) -> Iterator[Finding]:
    """Files that were written later than it is now: the clock was set back."""
    ahead = max((file.stat().st_mtime for file in data.glob("*.db*")), default=now) - now
    if ahead > SKEW:
        why = f"files of {data} were written {ahead:,.0f} s later than it is now: the clock here is wrong, or was"
        yield Finding("clock", "degraded", f"{why}. Timers, retention and signed times go by it: check NTP (`date -u`)")


def ended_without_a_word(data: Path) -> tuple[list[Finding], list[Address]]:
    """The roles that were killed or crashed since somebody looked, and those that run."""
    before = {file.stem for file in (data / "roles").glob("*.json")}
    roles = running(data)
    gone = before - {f"{one.role}-{one.pid}" for one in roles}
    found = []
    pids: dict[str, list[str]] = {}
    for name, _, pid in sorted(stem.rpartition("-") for stem in gone):
        pids.setdefault(name, []).append(pid)
    for name, dead in pids.items():
        replaced = any(one.role == name for one in roles)
        todo = "Another one runs" if replaced else f"Start `hookline {name}` again: what was unfinished is repeated"
        why = f"it ended without a word: killed, crashed or out of memory; its log and the system's say which. {todo}"
        found.append(Finding(f"role {name} (pid {', '.join(dead)})", "degraded" if replaced else "failing", why))
    return found, roles


def missing(here: Installation, roles: Sequence[Address]) -> Iterator[Finding]:
    """The roles that do not run with this data folder; on other machines they may."""
    if not roles:
        todo = starting(here.places, "run", "receive", "work")
        yield Finding("roles", "degraded", f"none runs with the data folder {here.data}: start {todo}")
        return
    if here.settings.sources and not any(one.receiver for one in roles):
        yield Finding("receiver", "degraded", "none runs with this data folder: start `hookline receive`")
    if not any(one.role in WORKERS for one in roles):
        yield Finding("worker", "degraded", "none runs with this data folder: start `hookline work`")


def look_at(role: Address) -> list[Finding]:
    """What a running role says of itself."""
    name = f"role {role.role} (pid {role.pid})"
    if role.admin is None:
        return [Finding(name, "degraded", "it told no admin address")]
    try:
        less = _told(_get(f"{role.admin}/readyz"), ok=True)
        found = [Finding(name, "degraded" if less else "ok", less or f"ready, {role.receiver or role.admin}")]
    except urllib.error.HTTPError as error:
        found = [Finding(name, "failing", _told(error.read(), ok=False) or "it is not ready")]
    except OSError as error:
        why = f"{role.admin}/readyz does not answer ({error}): it is frozen or busy; its log says more"
        return [Finding(name, "failing", why)]
    with contextlib.suppress(OSError):
        found += stale(name, _get(f"{role.admin}/metrics"))
    return found


def stale(name: str, metrics: str) -> Iterator[Finding]:
    """Deliveries that were refused for their time: a clock is wrong, or somebody repeats old ones."""
    counts = re.findall(r'^hookline_refusals_total\{.*reason="timestamp-stale".*\} (\S+)$', metrics, re.MULTILINE)
    if refused := int(sum(map(float, counts))):
        why = f"{refused:,} deliveries were refused because their signed time is too far from this machine's"
        yield Finding(f"clock of {name}", "degraded", f"{why}: check that the clock here is set by NTP (`date -u`)")


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - the role told it itself
        return str(answer.read().decode())


def _told(body: str | bytes, *, ok: bool) -> str:
    """What the checks of a role say that are well, or are not; empty when they say nothing."""
    try:
        checks = json.loads(body)["checks"]
        return "; ".join(
            f"{name}: {one['detail']}" for name, one in checks.items() if one["ok"] is ok and one["detail"]
        )
    except (ValueError, KeyError, TypeError):
        return ""
