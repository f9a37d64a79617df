"""Shows what happened to an event: an object for programs, lines for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from cli.event_rows import place, rfc3339, row, source_of, text
from cli.event_traces import Story
from cli.output import printable, stdout, table
from cli.records import as_object as record_object
from schemas.record import StoredRecord
from store.traces import EffectTrace, TimerTrace

_FATES = ("handler", "state", "detail")
_EFFECTS = ("handler", "effect", "state", "begun_at")
_TIMERS = ("handler", "timer", "state", "due")


def as_object(story: Story) -> dict[str, Any]:
    """All that is known of an event, without its data; `effects` and `timers` are null where the store is silent."""
    record = story.record
    known = story.kept.trace is not None
    return {
        **row(record),
        "headers": record_object(record)["headers"],
        "copies": [{"topic": one.topic, "partition": one.partition, "offset": one.offset} for one in story.copies[1:]],
        "handlers": [fate.row() for fate in story.fates],
        "effects": [_effect(one) for one in effects_of(story)] if known else None,
        "timers": [_timer(one) for one in timers_of(story)] if known else None,
        "not_loaded": list(story.broken),
    }


def effects_of(story: Story) -> list[EffectTrace]:
    """The effects of the event: of one id there may be events of several sources."""
    trace = story.kept.trace
    return [] if trace is None else [one for one in trace.effects if one.source == source_of(story.record)]


def timers_of(story: Story) -> list[TimerTrace]:
    """The timers it was the last to set or to cancel."""
    trace, mine = story.kept.trace, (source_of(story.record), text(story.record, "ce_subject"))
    return [] if trace is None else [one for one in trace.timers if (one.source, one.key) == mine]


def print_story(story: Story, whole: StoredRecord | None, prefix: str) -> None:
    """Print what is known of an event; of its data nothing, unless the whole record is given."""
    out, record = stdout(), story.record
    named = row(record)
    out.print(Text(f"{printable(named['type'])}  {printable(named['id'])}", style="bold"))
    places = ", ".join(place(row(one), prefix) for one in story.copies)
    out.print(f"  {places}  received {named['received_at']}")
    for name, value in record_object(record)["headers"].items():
        out.print(Text(f"  {name}: {printable(value)}", style="dim"))
    _print_rows([fate.row() for fate in story.fates], _FATES, "no handler is given it")
    _print_rows([_effect(one) for one in effects_of(story)], _EFFECTS)
    _print_rows([_timer(one) for one in timers_of(story)], _TIMERS)
    if story.broken:
        names = printable(", ".join(story.broken))
        out.print(f"  not loaded, see `hookline check`: {names}")
    if whole is not None:
        out.print(f"  {printable(record_object(whole)['value'])}")


def _print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], empty: str = "") -> None:
    out = stdout()
    if not rows and empty:
        out.print(f"  {empty}")
    for line in table([[printable(one[name]) for name in columns] for one in rows], columns) if rows else ():
        out.print(Text("  ").append(line))


def _effect(one: EffectTrace) -> dict[str, Any]:
    state = "done" if one.done else "uncertain"
    return {"handler": one.handler, "effect": one.name, "state": state, "begun_at": rfc3339(one.begun_at)}


def _timer(one: TimerTrace) -> dict[str, Any]:
    due = None if one.due is None else rfc3339(one.due)
    return {"handler": one.handler, "timer": one.name, "state": one.state, "due": due, "firing": one.firing}
