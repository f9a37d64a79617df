"""Ports that cannot be listened on."""

import errno
import os
from pathlib import Path

import pytest

from cli.addresses import Address, announced
from cli.errors import Misconfigured
from cli.ports import holder, listening, refuse_equal


def test_equal_ports_are_refused() -> None:
    """Whether or not somebody else has them; 0 takes two free ones."""
    refuse_equal({"--port": 0, "--admin-port": 0})
    with pytest.raises(Misconfigured, match="--port and --simulator-port are both 5: choose two different ports"):
        refuse_equal({"--port": 5, "--admin-port": 6, "--simulator-port": 5})


@pytest.mark.parametrize("folder", ["", "dev"])
@pytest.mark.parametrize("kind", ["receiver", "admin", "simulator"])
def test_a_hookline_that_has_the_port_is_named(tmp_path: Path, folder: str, kind: str) -> None:
    """By its role, its process and its data folder."""
    there = Address.model_validate({"role": "run", "pid": os.getpid(), kind: "http://127.0.0.1:5"})
    with announced(tmp_path / folder, there):
        assert holder(5, tmp_path) == f"`hookline run` (process {os.getpid()}, data folder {tmp_path / folder})"


def test_the_advice_stands_there_once(tmp_path: Path) -> None:
    """What, who, and what to do."""
    error = OSError("first advice")
    error.__cause__ = OSError(errno.EADDRINUSE, "in use")
    # Nobody listens on port 0.
    told = listening(error, port=0, what="receiver", option="--port", root=tmp_path)
    assert str(told) == ("port 0 (receiver) is taken by another process. Stop it, or choose another port with --port")


def test_another_error_is_told_as_it_is(tmp_path: Path) -> None:
    """A port below 1024 is not taken."""
    error = OSError(errno.EACCES, "not ours")
    assert str(listening(error, port=1, what="receiver", option="--port", root=tmp_path)) == "[Errno 13] not ours"
