"""Processes that plugins fork: they end where the code ends that forked them, and hold no port of ours."""

import os
import socket
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from dispatcher.attempt import end_if_forked

P = ParamSpec("P")
R = TypeVar("R")

_INTERNET = (socket.AF_INET, socket.AF_INET6)


class Threads(ThreadPoolExecutor):
    """The threads of `asyncio.to_thread`: a child that is forked in one of them ends with what was called there.

    It would wait for more to do for ever, in the one thread that it has.
    """

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Call a function in one of the threads."""
        return super().submit(_until_forked, fn, *args, **kwargs)


def let_go_of_ports() -> None:
    """In a child: give up what the process listens on, for nobody can listen there while any process does.

    The descriptors stay, with nothing behind them: objects that the child inherited may close them yet.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        for each in list(Path("/dev/fd").iterdir()):
            if _listens(int(each.name)):
                os.dup2(nothing, int(each.name), inheritable=False)
    finally:
        os.close(nothing)


def _listens(descriptor: int) -> bool:
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        return False
    try:
        return found.family in _INTERNET and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        return False
    finally:
        found.detach()


def _until_forked(fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    began = os.getpid()
    try:
        return fn(*args, **kwargs)
    finally:
        end_if_forked(began, sys.exception())
