"""Why an id is that of no event in the topics, and what to do. Pure."""

from cli.event_rows import rfc3339
from cli.event_traces import Elsewhere
from cli.output import printable
from schemas.durations import in_words
from schemas.topics import Topics
from store.traces import Trace

_DROPPED = "its topic has dropped it"
_ELSEWHERE = "it stands in the event log that was read before this one"
_EVENTS = ("conversations", "contacts", "platform")


def unknown(topics: Topics, name: str, where: Elsewhere) -> str:
    """What is known of an id that no event of the topics has.

    Args:
        topics: of the installation.
        name: the id, safe to print.
        where: where else it is met.
    """
    found = [*_quarantined(where, name), *_dead(where, name), *_stored(where.kept.trace, name, where.log)]
    if found:
        return "\n  ".join([f"no event of the topics has the id {name}, but", *found])
    kept = ", ".join(f"{topic} {_kept(topics, topic)}" for topic in _EVENTS)
    lines = [
        f"no event of the topics has the id {name}. With --source or --key it is looked for there only. Else it may be",
        f"older than its topic keeps: {kept}",
        "refused, and never taken: `hookline explain REQUEST_ID` says why, by the id in the answer's X-Request-Id",
        "of a delivery in the quarantine, which has an id of its own: `hookline replay --quarantine --dry-run`",
        "a platform's id of something else, or of another installation: `hookline events list` shows the ids there are",
    ]
    if where.kept.trouble:
        lines.append(f"known to the state store only, which does not answer: {where.kept.trouble}")
    return "\n  ".join(lines)


def _quarantined(where: Elsewhere, name: str) -> list[str]:
    return [
        f"a delivery in the quarantine: of {printable(one.source)}, received {rfc3339(one.received_at)}, "
        f"{printable(one.reason)}{_fields(one.fields)}. When what reads it is mended: "
        f"`hookline replay --quarantine --id {name}`"
        for one in where.quarantined
    ]


def _dead(where: Elsewhere, name: str) -> list[str]:
    entries = sorted({letter.handler for letter in where.letters})
    if not entries:
        return []
    why = _ELSEWHERE if any(letter.is_of_another_log for letter in where.letters) else _DROPPED
    return [f"a dead letter of {printable(', '.join(entries))}: {why}. See `hookline dead show {name}`"]


def _stored(trace: Trace | None, name: str, log: str) -> list[str]:
    if trace is None:
        return []
    firings = [
        f"the firing of the timer {printable(one.name)} of {one.handler}, {one.state}"
        f"{'' if one.due is None else f' for {rfc3339(one.due)}'}, by the event {printable(one.setter_id)}"
        for one in trace.timers
        if one.firing == name
    ]
    parked = [
        f"parked by {one.handler} until {rfc3339(one.due)}, after {one.attempts} attempts: {printable(one.detail)}. "
        f"The store holds it whole: {_DROPPED if one.log == log else f'{_ELSEWHERE}, {printable(one.log)}'}"
        for one in trace.parked
    ]
    effects = [
        f"an event of {printable(one.source)} whose effect {printable(one.name)} {one.handler} began at "
        f"{rfc3339(one.begun_at)}{' and ended' if one.done else ', uncertain'}: no topic of this event log has it"
        for one in trace.effects
    ]
    return [*firings, *parked, *effects]


def _fields(fields: tuple[str, ...]) -> str:
    return f" at {printable(', '.join(fields))}" if fields else ""


def _kept(topics: Topics, topic: str) -> str:
    retention = topics.all()[topics.prefix + topic].retention
    return "for ever" if retention is None else in_words(retention)
