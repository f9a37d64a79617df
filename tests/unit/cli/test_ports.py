"""Ports that cannot be listened on."""

import errno
import os
import socket
from pathlib import Path

import pytest

from cli.addresses import Address, announced
from cli.errors import CommandFailed, Misconfigured
from cli.ports import Wanted, chosen, holder, listening, refuse_equal


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


def test_taken_ports_are_all_told_and_those_nobody_named_are_moved(tmp_path: Path) -> None:
    """So that a second `dev` needs one flag."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        taken = [each.getsockname()[1] for each in (one, two)]
        wanted = {
            "--port": Wanted("receiver", "127.0.0.1", taken[0]),
            "--admin-port": Wanted("admin port", "127.0.0.1", taken[1]),
            "--simulator-port": Wanted("simulated platforms", "127.0.0.1", 0),
        }
        with pytest.raises(CommandFailed) as caught:
            chosen(wanted, {"--port", "--admin-port"}, tmp_path)
        assert [line.split(" is taken by ")[0].strip() for line in str(caught.value).splitlines()] == [
            f"port {taken[0]} (receiver)",
            f"port {taken[1]} (admin port)",
        ]
        assert chosen(wanted, (), tmp_path) == {"--port": 0, "--admin-port": 0, "--simulator-port": 0}
