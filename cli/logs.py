"""Logging: to stderr, in colour on a terminal, as JSON lines otherwise."""

import logging
import sys
from collections.abc import Callable
from typing import TextIO, TypeAlias

import structlog

from cli import log_values
from cli.base import Format
from cli.foreign_logs import Foreign

# Sees each entry before it is written, with the name of its level; True: it was shown, and is not to be written too.
Onlooker: TypeAlias = Callable[[str, structlog.typing.EventDict], bool]


class Lines:
    """Where log lines go: one write each, and a line that cannot be written is dropped.

    The disk of a log may be full, its reader gone; no delivery and no handler may fail for that. Python's own buffer is
    passed by: it would keep what it could not write and end the process with status 120.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._raw = getattr(getattr(stream, "buffer", None), "raw", None)

    def write(self, text: str) -> int:
        """Write a line, or lose it."""
        try:
            if self._raw is None:
                self._stream.write(text)
                self._stream.flush()
            else:
                self._raw.write(text.encode(self._stream.encoding, "backslashreplace"))
        except (OSError, ValueError):  # no room, no reader, or closed behind our back
            return 0
        return len(text)

    def flush(self) -> None:
        """There is nothing to flush."""

    def msg(self, message: str) -> None:
        """Write one rendered log entry: what structlog calls, under the name of the level."""
        self.write(message + "\n")

    log = debug = info = warn = warning = error = critical = fatal = exception = failure = err = msg


def configure(form: Format = "auto", *, level: int = logging.INFO, onlooker: Onlooker | None = None) -> None:
    """Set up structlog and the standard library's logging for the whole process.

    Args:
        form: how a line is written.
        level: what is below it is not written.
        onlooker: is told of everything from INFO on, whatever the level.
    """
    pretty = form == "pretty" or (form == "auto" and sys.stderr.isatty())
    looks: list[structlog.typing.Processor] = [] if onlooker is None else [_looked_at(onlooker, level)]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _bounded,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=True)
    )
    lines = Lines(sys.stderr)
    structlog.configure(
        processors=[*looks, *shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(min(level, logging.INFO) if onlooker else level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[Foreign()], level=logging.WARNING, force=True)


def told_by_error(_level: str, entry: structlog.typing.EventDict) -> bool:
    """An onlooker of commands that end when the event log does not answer: their error tells why."""
    return bool(entry["event"] == "log.lost")


def _looked_at(onlooker: Onlooker, level: int) -> structlog.typing.Processor:
    def look(
        _logger: structlog.typing.WrappedLogger, method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        if onlooker(method, event) or logging.getLevelNamesMapping().get(method.upper(), logging.ERROR) < level:
            raise structlog.DropEvent
        return event

    return look


def _bounded(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Cut long values and replace what no line can hold, whoever logged it."""
    return log_values.fields(event)
