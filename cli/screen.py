"""What `hookline dev` shows: a line when an event arrives, a line for each handler, and what to do when one fails."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich.text import Text

from cli import failures, invocation
from cli.output import printable, stdout
from dispatcher.errors import place
from dispatcher.observers import AttemptBegan, AttemptEnded, HandlerStopped, Happening, TimerChanged
from dispatcher.outcome import Dead, Done, Retry
from handlers.api import RetryLater
from receiver.polling.publishing import Published
from receiver.reports import Answered
from schemas.events import Timer, Unknown

# Columns of a name: at least, and at most.
_WIDTH, _WIDEST = 18, 34
# Characters of an id.
_ID = 24
# What every log entry of a handler has, and its line here shows otherwise or not at all.
_OF_A_HANDLER = frozenset({"handler", "event_id", "source", "attempt"})
# Log entries that would tell once more what has a line here.
_SHOWN = frozenset({"attempt.failed", "event.dead", "handler.stopped"})
_LEVELS = {"warning": "yellow", "error": "red", "critical": "red", "exception": "red"}


def _called(event_type: str, name: str | None) -> str:
    """An event by its type; one that nobody maps by the platform's own name of it, too."""
    return f"{event_type} ({name})" if event_type == Unknown.event_type and name and name != event_type else event_type


class Screen:
    """Prints what happens. It shows ids and names; what people wrote stays in the log."""

    def __init__(self, words: Sequence[str] = ("hookline",), *, since: datetime | None = None) -> None:
        """A screen with nothing on it.

        Args:
            words: what calls hookline on this installation.
            since: of what was received before that, only failures and warnings are shown.
        """
        self._since = since
        self._out = stdout()
        self._words = tuple(words)
        self._width = _WIDTH
        # What was explained, so that what always fails does not hide everything else: entry, type and place.
        self._traced: set[tuple[str, str, str]] = set()
        self._buried: set[str] = set()
        # Entries that are done with events of before.
        self._catching_up: set[str] = set()
        # Why the event log is away, if it is.
        self._away = ""
        # Attempts at events of before: entry, source and event.
        self._of_before: set[tuple[str, str, str]] = set()

    def fit(self, names: Iterable[str]) -> None:
        """Make the column of names wide enough for sources and handlers of these names."""
        self._width = min(_WIDEST, max([self._width, *(len(name) + 4 for name in names)]))

    def say(self, text: str, style: str = "") -> None:
        """A line of its own."""
        self._out.print(Text(text, style=style))

    def arrived(self, answered: Answered) -> None:
        """A delivery was answered."""
        line = self._line(answered.source or "?", "bold cyan")
        if answered.outcome in ("accepted", "duplicate"):
            types = ", ".join(map(printable, map(_called, answered.types, answered.names or answered.types)))
            line.append(types or "nothing in it")
            first = short(answered.ids[0], answered.types[0] if answered.types else "") if answered.ids else ""
            line.append(f"  {first}", style="dim")
            if answered.outcome == "duplicate":
                line.append("  seen before", style="yellow")
        elif answered.outcome == "handshake":
            line.append("handshake answered")
        else:
            line.append(f"{answered.status} {answered.outcome}", style="red")
            line.append(f"  {printable(answered.reason)}  {answered.request}", style="dim")
        self._print(line)
        for hint in answered.hints:
            self.say(f"    {printable(hint.text)}", "dim")

    def polled(self, source: str, published: Published) -> None:
        """A round of polling is over."""
        if published.new or published.quarantined:
            line = self._line(source, "bold cyan")
            line.append(f"{published.new} events polled")
            if published.quarantined:
                line.append(f"  {published.quarantined} quarantined", style="red")
            self._print(line)

    def happened(self, happening: Happening) -> None:
        """Something happened in the dispatcher."""
        match happening:
            case AttemptBegan():
                if self._is_of_before(happening):
                    self._of_before.add(_attempted(happening))
            case AttemptEnded():
                self._of_before.discard(_attempted(happening))
                self._attempt(happening)
            case TimerChanged(due=None):
                self._note(happening.entry, f"timer {printable(happening.name)} cancelled  {printable(happening.key)}")
            case TimerChanged():
                due = happening.due.astimezone().strftime("%H:%M:%S") if happening.due else ""
                told = f"timer {printable(happening.name)} set for {due}  {printable(happening.key)}"
                self._note(happening.entry, told)
            case HandlerStopped():
                self.say(f"{happening.entry} stopped: {printable(happening.reason)}", "bold red")
            case _:
                pass

    def logged(self, level: str, entry: Mapping[str, object]) -> bool:
        """Show what a handler logged; the answer is whether the log itself need not have the entry."""
        if entry.get("event") in _SHOWN or self._was_told(entry):
            return True
        if not entry.keys() >= _OF_A_HANDLER:
            return False
        attempted = (str(entry["handler"]), str(entry["source"]), str(entry["event_id"]))
        if attempted in self._of_before and level not in _LEVELS:
            return True
        told = {name: value for name, value in entry.items() if name not in (*_OF_A_HANDLER, "event", "exc_info")}
        fields = "".join(f"  {name}={printable(value)}" for name, value in told.items())
        self._note(str(entry["handler"]), printable(entry.get("event")) + fields, _LEVELS.get(level, ""))
        return not entry.get("exc_info")

    def _was_told(self, entry: Mapping[str, object]) -> bool:
        """Whether it only says once more why the event log is away, as each handler does in several ways."""
        event, cause = entry.get("event"), str(entry.get("cause", ""))
        told = bool(self._away) and self._away in cause
        if event == "log.connected":
            self._away = ""
        elif event == "log.lost" and not told:
            self._away = cause
        return told

    def _attempt(self, ended: AttemptEnded) -> None:
        if isinstance(ended.outcome, Done) and self._is_of_before(ended):
            if ended.entry not in self._catching_up:
                self._catching_up.add(ended.entry)
                self._note(ended.entry, "handles what was received before this start: only failures of that are shown")
            return
        line = self._line(ended.entry, "magenta", indent=2)
        style = {Done: "green", Retry: "yellow", Dead: "red"}[type(ended.outcome)]
        # Asked for, and no failure: its reason belongs to it.
        asked = isinstance(ended.outcome, Retry) and isinstance(ended.error, RetryLater)
        line.append(f"{ended.next}: {printable(ended.error)}" if asked else ended.next, style=style)
        line.append(f"  {_about(ended)}", style="dim")
        self._print(line)
        if not asked and not isinstance(ended.outcome, Done):
            self.say(f"    {printable(failures.cause(ended))}", "red")
            self._trace(ended)
        if isinstance(ended.outcome, Dead):
            self._replayable(ended, ended.outcome)

    def _is_of_before(self, one: AttemptBegan | AttemptEnded) -> bool:
        return self._since is not None and one.received_at is not None and one.received_at < self._since

    def _trace(self, ended: AttemptEnded) -> None:
        """The traceback, the first time that an entry fails in this way at this place."""
        error = ended.error
        if error is None or (lines := failures.trace(error)) is None:
            return
        failure = (ended.entry, type(error).__qualname__, place(error))
        if failure not in self._traced:
            self._traced.add(failure)
            for line in lines.splitlines():
                self.say(f"    {printable(line)}", "red")

    def _replayable(self, ended: AttemptEnded, outcome: Dead) -> None:
        if not ended.event_id:
            self.say(f"    {shlex.join(self._words)} dead list shows its place, by which it can be replayed", "yellow")
            return
        if outcome.reason == "uncertain":
            self._decide(ended, "look at the platform. If the effect did not happen:", "replay", "--redo-effects")
            self._decide(ended, "if it did:", "discard")
            return
        if ended.entry not in self._buried:
            self._buried.add(ended.entry)
            self.say("    mend the handler, then replay the event from a second terminal:", "yellow")
        self._decide(ended, "", "replay")

    def _decide(self, ended: AttemptEnded, when: str, verb: str, *options: str) -> None:
        """A command on a line of its own, and when it is to be called."""
        if when:
            self.say(f"    {when}", "yellow")
        line = invocation.decision(self._words, verb, printable(ended.event_id), ended.entry, *options)
        self.say(f"    {line}", "bold yellow")

    def _note(self, entry: str, text: str, style: str = "dim") -> None:
        line = self._line(entry, "magenta", indent=2)
        line.append(text, style=style)
        self._print(line)

    def _print(self, line: Text) -> None:
        """One line of the terminal, cut at its edge; a file gets all of it."""
        line.truncate(self._out.width, overflow="ellipsis")
        self._out.print(line)

    def _line(self, name: str, style: str, *, indent: int = 0) -> Text:
        line = Text(datetime.now().astimezone().strftime("%H:%M:%S") + "  " + " " * indent, style="")
        line.append(f"{printable(name):<{self._width - indent - 2}}  ", style=style)
        return line


def _attempted(one: AttemptBegan | AttemptEnded) -> tuple[str, str, str]:
    return one.entry, one.source, one.event_id


def short(event_id: str, event_type: str) -> str:
    """An id as it stands in the lines of a delivery and of its handlers, without the type that it begins with."""
    told = printable(event_id).removeprefix(f"{event_type}:")
    return told if len(told) <= _ID else told[: _ID - 1] + "…"


def _about(ended: AttemptEnded) -> str:
    """How long it took, and what it was about."""
    took, key = f"{ended.took.total_seconds() * 1000:.0f} ms", printable(ended.key)
    if ended.event_type == Timer.event_type:
        return f"{took}  its timer came due  {key}"
    event = short(ended.event_id, ended.event_type)
    return "  ".join(filter(None, (took, printable(ended.event_type), event, "" if key == event else key)))
