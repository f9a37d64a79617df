"""What `hookline dev` shows: a line when an event arrives, a line for each handler, and what to do when one fails."""

import shlex
import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.text import Text

from cli import invocation
from cli.output import printable, stdout
from dispatcher.observers import AttemptEnded, HandlerStopped, Happening, TimerChanged
from dispatcher.outcome import Dead, Done, Retry
from receiver.reports import Answered
from schemas.events import Timer

_WIDTH = 18
# What every log entry of a handler has, and its line here shows otherwise or not at all.
_OF_A_HANDLER = frozenset({"handler", "event_id", "source", "attempt"})
# Log entries that would tell once more what has a line here.
_SHOWN = frozenset({"attempt.failed", "event.dead", "handler.stopped"})
_LEVELS = {"warning": "yellow", "error": "red", "critical": "red", "exception": "red"}


class Screen:
    """Prints what happens. It shows ids and names; what people wrote stays in the log."""

    def __init__(self, words: Sequence[str] = ("hookline",)) -> None:
        """Args: words: what calls hookline on this installation."""
        self._out = stdout()
        self._words = tuple(words)
        # Entries that were explained, so that one that always fails does not hide everything else.
        self._traced: set[str] = set()
        self._buried: set[str] = set()

    def say(self, text: str, style: str = "") -> None:
        """A line of its own."""
        self._out.print(Text(text, style=style))

    def arrived(self, answered: Answered) -> None:
        """A delivery was answered."""
        line = self._line(answered.source or "?", "bold cyan")
        if answered.outcome in ("accepted", "duplicate"):
            types = ", ".join(map(printable, answered.types))
            line.append(types or "nothing in it")
            # An id that begins with its type need not tell it twice.
            first = printable(answered.ids[0]).removeprefix(f"{types}:") if answered.ids else ""
            line.append(f"  {first}", style="dim")
            if answered.outcome == "duplicate":
                line.append("  seen before", style="yellow")
        elif answered.outcome == "handshake":
            line.append("handshake answered")
        else:
            line.append(f"{answered.status} {answered.outcome}", style="red")
            line.append(f"  {printable(answered.reason)}", style="dim")
        self._print(line)

    def happened(self, happening: Happening) -> None:
        """Something happened in the dispatcher."""
        match happening:
            case AttemptEnded():
                self._attempt(happening)
            case TimerChanged(due=None):
                self._note(happening.entry, f"timer {printable(happening.name)} cancelled")
            case TimerChanged():
                due = happening.due.astimezone().strftime("%H:%M:%S") if happening.due else ""
                self._note(happening.entry, f"timer {printable(happening.name)} set for {due}")
            case HandlerStopped():
                self.say(f"{happening.entry} stopped: {printable(happening.reason)}", "bold red")
            case _:
                pass

    def logged(self, level: str, entry: Mapping[str, object]) -> bool:
        """Show what a handler logged; the answer is whether the log itself need not have the entry."""
        if entry.get("event") in _SHOWN:
            return True
        if not entry.keys() >= _OF_A_HANDLER:
            return False
        told = {name: value for name, value in entry.items() if name not in (*_OF_A_HANDLER, "event", "exc_info")}
        fields = "".join(f"  {name}={printable(value)}" for name, value in told.items())
        self._note(str(entry["handler"]), printable(entry.get("event")) + fields, _LEVELS.get(level, ""))
        return not entry.get("exc_info")

    def _attempt(self, ended: AttemptEnded) -> None:
        line = self._line(ended.entry, "magenta", indent=2)
        style = {Done: "green", Retry: "yellow", Dead: "red"}[type(ended.outcome)]
        line.append(ended.next, style=style)
        what = "its timer came due" if ended.event_type == Timer.event_type else ended.event_type
        line.append(f"  {_milliseconds(ended)}  {printable(what)}  {printable(ended.key)}", style="dim")
        self._print(line)
        if isinstance(ended.outcome, Done):
            return
        if ended.error is not None and ended.entry not in self._traced:
            self._traced.add(ended.entry)
            self._out.print(Text(_traceback(ended.error), style="red"))
        if isinstance(ended.outcome, Dead) and ended.entry not in self._buried:
            self._buried.add(ended.entry)
            self._replayable(ended)

    def _replayable(self, ended: AttemptEnded) -> None:
        if not ended.event_id:
            self.say(f"    {shlex.join(self._words)} dead list shows its place, by which it can be replayed", "yellow")
            return
        self.say("    mend the handler, start this again, then replay the event from a second terminal:", "yellow")
        line = invocation.replay(self._words, printable(ended.event_id), ended.entry)
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
        line.append(f"{printable(name):<{_WIDTH - indent}}", style=style)
        return line


def _traceback(error: BaseException) -> str:
    """Where a handler failed, without the frames of ours that called it."""
    begin = error.__traceback__
    while begin is not None and begin.tb_frame.f_globals.get("__name__", "").startswith("dispatcher."):
        begin = begin.tb_next
    return "".join(traceback.format_exception(type(error), error, begin)).rstrip()


def _milliseconds(ended: AttemptEnded) -> str:
    return f"{ended.took.total_seconds() * 1000:.0f} ms"
