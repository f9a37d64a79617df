"""Programs of the tests' own, forked from a process that has imported them: a start takes 0.1 s instead of 1.5."""

import asyncio
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

PROGRAMS = ["tests.faults.crash_child", "tests.faults.dispatch_child", "tests.faults.store_writer"]


def forked(program: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Run a function of a module, with arguments that can be pickled, in a process of its own."""
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(PROGRAMS)
    process = fork.Process(target=program, args=arguments)
    process.start()
    return process


async def telling(program: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, asyncio.StreamReader]:
    """The same, and what it writes to stdout until it ends."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = forked(_with_stdout, theirs, program, *arguments)
    theirs.close()
    told = asyncio.StreamReader()
    reading = os.fdopen(os.dup(ours.fileno()), "rb", buffering=0)
    ours.close()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), reading)
    return process, told


def _with_stdout(out: Connection, program: Callable[..., None], *arguments: Any) -> None:
    os.dup2(out.fileno(), 1)
    out.close()
    program(*arguments)
