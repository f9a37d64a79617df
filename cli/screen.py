"""What `hookline dev` shows: a line when an event arrives, a line for each handler, and what to do when one fails."""

import shlex
import traceback
from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from cli import invocation
from cli.output import printable, stdout
from dispatcher.observers import AttemptEnded, HandlerStopped, Happening, TimerChanged
from dispatcher.outcome import Dead, Done, Retry
from receiver.reports import Answered
from schemas.events import Timer

_WIDTH = 18


class Screen:
    """Prints what happens. It shows ids and names; what people wrote stays in the log."""

    def __init__(self, words: Sequence[str] = ("hookline",)) -> None:
        """Args: words: what calls hookline on this installation."""
        self._out = stdout()
        self._words = tuple(words)
        # Said once, so that a handler that always fails does not hide everything else.
        self._explained: set[str] = set()

    def say(self, text: str, style: str = "") -> None:
        """A line of its own."""
        self._out.print(Text(text, style=style))

    def arrived(self, answered: Answered) -> None:
        """A delivery was answered."""
        line = self._line(answered.source or "?", "bold cyan")
        if answered.outcome in ("accepted", "duplicate"):
            line.append(", ".join(map(printable, answered.types)) or "nothing in it")
            line.append(f"  {printable(answered.ids[0])}" if answered.ids else "", style="dim")
            if answered.outcome == "duplicate":
                line.append("  seen before", style="yellow")
        elif answered.outcome == "handshake":
            line.append("handshake answered")
        else:
            line.append(f"{answered.status} {answered.outcome}", style="red")
            line.append(f"  {printable(answered.reason)}", style="dim")
        self._out.print(line)

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

    def _attempt(self, ended: AttemptEnded) -> None:
        line = self._line(ended.entry, "magenta", indent=2)
        style = {Done: "green", Retry: "yellow", Dead: "red"}[type(ended.outcome)]
        line.append(ended.next, style=style)
        what = "its timer came due" if ended.event_type == Timer.event_type else ended.event_type
        line.append(f"  {_milliseconds(ended)}  {printable(what)}  {printable(ended.key)}", style="dim")
        self._out.print(line)
        if ended.error is not None and not isinstance(ended.outcome, Done):
            self._explain(ended, ended.error)

    def _explain(self, ended: AttemptEnded, error: BaseException) -> None:
        if ended.entry in self._explained:
            return
        self._explained.add(ended.entry)
        self._out.print(Text("".join(traceback.format_exception(error)).rstrip(), style="red"))
        self.say(f"    what happens next: {ended.next}", "yellow")
        if not ended.event_id:
            self.say(f"    {shlex.join(self._words)} dead list shows its place, by which it can be replayed", "yellow")
            return
        is_dead = isinstance(ended.outcome, Dead)
        dies = "" if is_dead else "if it ends as a dead letter: "
        self.say(f"    {dies}mend the handler, start this again, then replay the event with:", "yellow")
        line = invocation.replay(self._words, printable(ended.event_id), ended.entry)
        self.say(f"    {line}", "bold yellow")

    def _note(self, entry: str, text: str) -> None:
        line = self._line(entry, "magenta", indent=2)
        line.append(text, style="dim")
        self._out.print(line)

    def _line(self, name: str, style: str, *, indent: int = 0) -> Text:
        line = Text(datetime.now().astimezone().strftime("%H:%M:%S") + "  " + " " * indent, style="")
        line.append(f"{printable(name):<{_WIDTH - indent}}", style=style)
        return line


def _milliseconds(ended: AttemptEnded) -> str:
    return f"{ended.took.total_seconds() * 1000:.0f} ms"
