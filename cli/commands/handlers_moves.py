"""`hookline handlers rename`, `forget` and `rewind`: what is changed of an entry while nobody works for it."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import process
from cli.base import Installation, installation
from cli.errors import Misconfigured
from cli.explain import suggestion
from cli.idle import changes_explained, require_consent, require_no_workers
from cli.moments import moment
from cli.output import stdout
from cli.plugins import Plugins, loaded
from cli.version import version
from cli.wiring import opened_log, opened_store, store_errors_explained
from dispatcher import leftovers, renaming, rewinding
from dispatcher.alone import partitions_of, readable
from dispatcher.clock import SystemClock
from dispatcher.forgetting import Forgetting
from dispatcher.rewinding import Move, Target
from dispatcher.settings import Plan
from dispatcher.worker import topics_of
from schemas.record import TopicPartition
from schemas.topics import Topics

Name = Annotated[str, typer.Argument(metavar="NAME", help="The entry, as `handlers list` or `doctor` shows it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_PLACE = re.compile(r"(?P<topic>.+)/(?P<partition>\d{1,9})@(?P<offset>\d{1,18})", re.ASCII)


def rename(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help="The entry as it was called.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="As it is called in the configuration now.")],
) -> int:
    """Have an entry go on under another name: its position, timers, effects, parked events and caps.

    Rename its section first, and stop all workers. It may be called again after it was broken off.
    """
    here = installation(context)

    async def renamed() -> int:
        require_renamed(loaded(here), old, new)
        require_no_workers(here)
        async with opened_store(here) as store, opened_log(here) as log:
            with changes_explained(), store_errors_explained():
                topics, now = here.settings.topics.topics(), datetime.now(UTC)
                done = await renaming.rename(log, store, topics, old=old, new=new, now=now)
        stdout().print(f"{old} is {new} now: {done.rows:,} rows and the positions of {done.positions} partitions")
        return 0

    return process.run(lambda _stopping: renamed())


def require_renamed(plugins: Plugins, old: str, new: str) -> None:
    """Check that the configuration knows an entry by its new name, and by no other.

    Raises:
        Misconfigured: it does not; the text says what to write.
    """
    running = {entry.name: entry.handler.name for entry in plugins.plan.entries}
    if old in running and old in plugins.sections:
        raise Misconfigured(
            f"{old} is still an entry: rename its section to [handlers.{new}], with its `use` if it has none, first"
        )
    if old in running:
        raise Misconfigured(
            f"{old} is still an entry: its handler needs no settings and runs without a section. Write both "
            f'[handlers.{new}] with use = "{running[old]}" and [handlers.{old}] with enabled = false, first'
        )
    if new not in (known := [*running, *plugins.plan.disabled]):
        raise Misconfigured(f"there is no entry {new}{suggestion(new, known)}")


def require_gone(plugins: Plugins, name: str) -> None:
    """Check that no entry of this name runs: one that is forgotten begins anew with the next start, its effects too.

    Raises:
        Misconfigured: one does; the text says what to write.
    """
    if name not in {entry.name for entry in plugins.plan.entries}:
        return
    how = "write enabled = false into" if name in plugins.sections else "add enabled = false, in a section"
    raise Misconfigured(
        f"{name} is still an entry: the next start would give it all events from its `start` on, and repeat effects "
        f"that happened. First {how} [handlers.{name}]"
    )


def forget(
    context: typer.Context,
    name: Name,
    unread: Annotated[
        bool, typer.Option("--unread", help="Only what waits in topics that it does not read any more.")
    ] = False,
    yes: Yes = False,
) -> int:
    """Forget an entry: what waits for it becomes dead letters, its positions, effects and marks go.

    Stop all workers first, and switch it off. Should it be configured later, it begins at its `start`.
    """
    here = installation(context)
    if unread:
        return process.run(lambda _stopping: _release(here, name, yes=yes))

    async def forgotten() -> int:
        plugins = loaded(here)
        require_gone(plugins, name)
        async with opened_store(here) as store, opened_log(here) as log:
            topics = here.settings.topics.topics()
            with changes_explained(), store_errors_explained():
                kept = (await store.entry_rows.left(())).get(name, {})
                if not await store.entry_rows.is_known(name):
                    _require_known(plugins.plan, name)
                require_no_workers(here)
                told = ", ".join(f"{count:,} {word}" for word, count in kept.items()) or "nothing but marks"
                if not require_consent(f"Forget {name}? The store has of it: {told}.", yes=yes):
                    return 1
                one = Forgetting(log=log, store=store, topics=topics, clock=SystemClock(), version=version())
                done = await one.forget(name)
        stdout().print(f"{name} is forgotten: {done.letters:,} dead letters, and {done.rows:,} other rows are gone")
        return 0

    return process.run(lambda _stopping: forgotten())


async def _release(here: Installation, name: str, *, yes: bool) -> int:
    plan, topics = loaded(here).plan, here.settings.topics.topics()
    _require_known(plan, name)
    if (entry := next((one for one in plan.entries if one.name == name), None)) is None:
        raise Misconfigured(f"{name} does not run, so nobody knows what it reads: enable it first, or forget all of it")
    reads = topics_of(entry, topics)
    async with opened_store(here) as store, opened_log(here) as log:
        with changes_explained(), store_errors_explained():
            found = (await store.entry_rows.unread({name: reads})).get(name)
            if found is None:
                stdout().print(f"nothing waits for {name} but in the topics it reads")
                return 0
            require_no_workers(here)
            question = f"Forget of {name} what waits in {', '.join(found.topics)}: {leftovers.told(found.kept)}?"
            if not require_consent(question, yes=yes):
                return 1
            one = Forgetting(log=log, store=store, topics=topics, clock=SystemClock(), version=version())
            done = await one.release(name, reads)
    stdout().print(f"{done.letters:,} dead letters of {name}, and {done.rows:,} replays are taken back")
    return 0


def rewind(
    context: typer.Context,
    name: Name,
    to: Annotated[
        list[str],
        typer.Option("--to", help="earliest, end, 2h (ago), a time with its zone, or TOPIC/PARTITION@OFFSET, many."),
    ],
    yes: Yes = False,
) -> int:
    """Set an entry's position back, so that it is given events again, or forward, so that it is never given some.

    Stop all workers first. Effects of `once` that happened are not repeated, and timers stay as they are.
    """
    here = installation(context)
    topics = here.settings.topics.topics()
    target = _target(to, topics)

    async def rewound() -> int:
        _require_known(loaded(here).plan, name)
        require_no_workers(here)
        group = f"{topics.prefix}{name}"
        async with opened_store(here) as store, opened_log(here) as log:
            with changes_explained(), store_errors_explained():
                partitions = await partitions_of(log, readable(topics))
                begun = await store.owners.started(name, await log.identity())
                moves = await rewinding.plan(log, group, partitions, target, begun=begun)
                _show(name, moves)
                if not moves:
                    return 0
                if not require_consent(f"Set the positions of {name}?", yes=yes):
                    return 1
                await rewinding.carry_out(log, group, partitions, moves, store=store.id)
        stdout().print(f"{name} goes on from there")
        return 0

    return process.run(lambda _stopping: rewound())


def _show(name: str, moves: Sequence[Move]) -> None:
    for move in moves:
        before = "a position that the log forgot" if move.before is None else f"{move.before:,}"
        stdout().print(f"{move.at.topic}/{move.at.partition}: from {before} to {move.after.watermark:,}")
    repeats, skips = sum(move.repeats for move in moves), sum(move.skips for move in moves)
    if not moves:
        stdout().print(f"{name} is there already: nothing was changed")
    if repeats:
        stdout().print(f"{name} would be given at most {repeats:,} events again: all that it had settled from there on")
    if skips:
        stdout().print(f"{name} would never be given at most {skips:,} events that it has not settled")


def _target(given: Sequence[str], topics: Topics) -> Target:
    """Where to, as an operator writes it.

    Raises:
        Misconfigured: it is nothing of that.
    """
    places = [_PLACE.fullmatch(one) for one in given]
    if all(place is not None for place in places):
        found = {}
        for place in filter(None, places):
            topic = place["topic"] if place["topic"] in topics.all() else topics.prefix + place["topic"]
            found[TopicPartition(topic, int(place["partition"]))] = int(place["offset"])
        return found
    if len(given) > 1:
        raise Misconfigured("only places may be several: --to conversations/0@17 --to conversations/1@4")
    match given[0]:
        case "earliest":
            return "earliest"
        case "end":
            return "end"
        case text:
            return _time(text)


def _time(text: str) -> datetime:
    try:
        return moment(text, datetime.now(UTC))
    except ValueError as error:
        raise Misconfigured(
            f"--to {text}: write earliest, end, 2h for two hours ago, a time with its zone such as "
            "2026-11-21T10:00+01:00, or places such as conversations/0@17"
        ) from error


def _require_known(plan: Plan, name: str) -> None:
    known = [*(entry.name for entry in plan.entries), *plan.disabled, *plan.unconfigured]
    if name not in known:
        raise Misconfigured(f"there is no entry {name}{suggestion(name, known)}")
