"""`hookline doctor`: whether everything hookline needs is there and answers, and what to do where it does not."""

import asyncio
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import typer

from cli import process
from cli.addresses import Address, running
from cli.base import Installation, installation
from cli.commands import check
from cli.errors import CommandFailed
from cli.findings import Finding, show
from cli.topic_state import look
from cli.wiring import log_url, opened_log, store_url
from eventlog.errors import EventLogError
from receiver.connections import assert_c_parser
from receiver.errors import UnsafeParser
from store.addresses import address
from store.errors import StoreError
from store.migrations import pending

# Seconds until a part is said not to answer.
PATIENCE = 15
# Bytes that should be free for the embedded log and the store.
FREE = 1024**3


def doctor(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="A JSON line a finding.")] = False
) -> int:
    """Look at everything hookline needs: configuration, event log, topics, store, disk, roles that run."""
    here = installation(context)
    return process.run(lambda _stopping: _doctor(here, as_json=as_json))


async def _doctor(here: Installation, *, as_json: bool) -> int:
    found = list(check.findings(here))
    if all(one.name != "configuration" or one.state == "ok" for one in found):
        found += [one async for one in _log(here)]
        found += [one async for one in _store(here)]
        found += [*_machine(here), *_roles(here)]
    return 0 if show(found, as_json=as_json) else 1


async def _log(here: Installation) -> AsyncIterator[Finding]:
    where = log_url(here)
    try:
        async with asyncio.timeout(PATIENCE), opened_log(here) as log:
            states = await look(log, here.settings.topics.topics().all())
    except TimeoutError:
        yield Finding("event log", "failing", f"{where} does not answer within {PATIENCE} s")
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


def _machine(here: Installation) -> Iterator[Finding]:
    try:
        assert_c_parser()
        yield Finding("HTTP parser", "ok", "aiohttp's C parser")
    except UnsafeParser as error:
        yield Finding("HTTP parser", "failing", str(error))
    folder = next(one for one in (here.data, *here.data.parents) if one.exists())
    free = shutil.disk_usage(folder).free
    yield Finding("disk", "ok" if free >= FREE else "degraded", f"{free // 1024**2} MiB free for {here.data}")


def _roles(here: Installation) -> Iterator[Finding]:
    roles = running(here.data)
    if not roles:
        yield Finding("roles", "degraded", f"none runs with the data folder {here.data}")
    for role in roles:
        yield _role(role)


def _role(role: Address) -> Finding:
    name = f"role {role.role} (pid {role.pid})"
    if role.admin is None:
        return Finding(name, "degraded", "it told no admin address")
    try:
        with urllib.request.urlopen(f"{role.admin}/readyz", timeout=5) as answer:  # noqa: S310 - it told it itself
            answer.read()
        return Finding(name, "ok", f"ready, {role.receiver or role.admin}")
    except urllib.error.HTTPError as error:
        return Finding(name, "failing", _unready(error.read()))
    except OSError as error:
        return Finding(name, "failing", f"{role.admin}/readyz does not answer: {error}")


def _unready(body: bytes) -> str:
    try:
        checks = json.loads(body)["checks"]
        return "; ".join(f"{name}: {one['detail']}" for name, one in checks.items() if not one["ok"])
    except (ValueError, KeyError, TypeError):
        return "it is not ready"
