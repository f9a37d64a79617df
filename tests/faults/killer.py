"""Run hookline and kill -9 it at a named step.

    python -m tests.faults.killer module:function:before|after:n -- receive …

The step is any function or coroutine function of hookline (or of a library it calls), wrapped from outside, so the
product carries no test code; a renamed function makes the test fail instead of pass. `n` counts the calls: 3 is the
third. Tests that kill many processes fork them from one that has imported everything: `nursery.py`.
"""

import functools
import importlib
import inspect
import itertools
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cli.main import main
from dispatcher.equipment import Limits
from eventlog import sqlite
from eventlog.sqlite_member import LeaseSettings


def shorten_leases() -> None:
    """Let the embedded log miss a dead worker after two seconds instead of ten: a hundred deaths are waited for."""
    short = functools.partial(LeaseSettings, lasts=timedelta(seconds=2), heartbeat=timedelta(seconds=0.4))
    vars(sqlite)["LeaseSettings"] = short


def park_soon() -> None:
    """Let every lane that waits be parked, not only one that waits for a minute."""
    defaults = Limits.__init__.__kwdefaults__
    assert defaults is not None
    assert "lane_wait" in defaults
    defaults["lane_wait"] = timedelta()


def arm(step: str) -> None:
    """Wrap the step so that its n-th call ends the process.

    Raises:
        AttributeError: there is no such function.
        ValueError: it neither is before nor after something.
    """
    module, path, when, n = step.split(":")
    if when not in {"before", "after"}:
        raise ValueError(f"{step}: neither before nor after")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    static = inspect.getattr_static(owner, name)
    original = getattr(owner, name)
    calls = itertools.count(1)

    def strike() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    wrapped = _wrapped(original, when, lambda: next(calls) == int(n), strike)
    setattr(owner, name, staticmethod(wrapped) if isinstance(static, staticmethod | classmethod) else wrapped)
    if not owners:
        _replace_imported(original, wrapped)


def _replace_imported(original: object, wrapped: object) -> None:
    """Put the wrapper wherever the function was imported by name."""
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()):
            if value is original and module is not None:
                setattr(module, name, wrapped)


def _wrapped(
    original: Callable[..., Any], when: str, due: Callable[[], bool], strike: Callable[[], None]
) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def later(*args: Any, **kwargs: Any) -> Any:
            now = due()
            if now and when == "before":
                strike()
            result = await original(*args, **kwargs)
            if now:
                strike()
            return result

        return later

    @functools.wraps(original)
    def at_once(*args: Any, **kwargs: Any) -> Any:
        now = due()
        if now and when == "before":
            strike()
        result = original(*args, **kwargs)
        if now:
            strike()
        return result

    return at_once


if __name__ == "__main__":
    split = sys.argv.index("--")
    for wanted in sys.argv[1:split]:
        arm(wanted)
    sys.argv = ["hookline", *sys.argv[split + 1 :]]
    main()
