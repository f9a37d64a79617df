"""What is the process's own while plugins are imported: they may close a stream or take a signal, and we go on."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO

import structlog

log = structlog.get_logger()

# Those that end a role (`cli.process`).
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def kept() -> Iterator[None]:
    """Run what imports plugins; stdout, stderr and the signals that stop us are ours again afterwards."""
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    with ExitStack() as stack:
        for stream, redirect in ((sys.stdout, redirect_stdout), (sys.stderr, redirect_stderr)):
            if (copy := _copy(stream)) is not None:
                stack.callback(_mend, stream.fileno(), os.dup(stream.fileno()))
                stack.enter_context(redirect(copy))
        yield
    # Only the main thread may set them, and only there can they have been set.
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
                log.warning("plugin.signal", signal=number.name)


def _copy(stream: TextIO) -> TextIO | None:
    """The same stream, to be closed without harm; None for what is no file, as in a test."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return None
    return io.TextIOWrapper(
        io.FileIO(number, "w", closefd=False),
        encoding=stream.encoding,
        errors=stream.errors,
        write_through=True,
    )


def _mend(number: int, copy: int) -> None:
    """Open a descriptor again that somebody closed."""
    try:
        os.fstat(number)
    except OSError:
        os.dup2(copy, number)
    os.close(copy)
