"""Ports that are taken: by whom, as far as this machine tells, and what to do about it."""

import errno
import socket
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.addresses import running
from cli.errors import CommandFailed, Misconfigured
from cli.following import shown

# The state of a socket that listens, as /proc/net/tcp writes it (`man 5 proc_net`).
_LISTENS = "0A"
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a server is to listen."""

    what: str
    host: str
    port: int


def chosen(wanted: Mapping[str, Wanted], fixed: Collection[str], root: Path) -> dict[str, int]:
    """The ports to listen on: a free one (0) in place of one that is taken and nobody insists on.

    Args:
        wanted: option → where.
        fixed: the options whose port is meant.
        root: the data folder, whose roles are known by name.

    Raises:
        CommandFailed: ports that are meant are taken; the text names all of them.
    """
    in_use = {option for option, one in wanted.items() if one.port and _is_taken(one.host, one.port)}
    told = [
        _taken_by(one.port, one.what, option, root) for option, one in wanted.items() if option in in_use & {*fixed}
    ]
    if told:
        raise CommandFailed("\n  ".join(told))
    return {option: 0 if option in in_use else one.port for option, one in wanted.items()}


def _is_taken(host: str, port: int) -> bool:
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        # What else is wrong is told by the server itself.
        return error.errno == errno.EADDRINUSE
    return False


def refuse_equal(ports: Mapping[str, int]) -> None:
    """Two servers of one process cannot share a port.

    Args:
        ports: option → port; 0 takes a free one.

    Raises:
        Misconfigured: two are the same.
    """
    options: dict[int, str] = {}
    for option, port in ports.items():
        if port and port in options:
            raise Misconfigured(f"{options[port]} and {option} are both {port}: choose two different ports")
        options[port] = option


def taken(error: OSError | BaseException | None, *, port: int, what: str, option: str, root: Path) -> str | None:
    """What to tell when a port is taken; None if the error is another one.

    Args:
        error: what the system said.
        port: which one.
        what: was to listen there.
        option: names another port.
        root: the data folder, whose roles are known by name.
    """
    if not isinstance(error, OSError) or error.errno != errno.EADDRINUSE:
        return None
    return _taken_by(port, what, option, root)


def _taken_by(port: int, what: str, option: str, root: Path) -> str:
    return f"port {port} ({what}) is taken by {holder(port, root)}. Stop it, or choose another port with {option}"


def listening(error: OSError | BaseException, *, port: int, what: str, option: str, root: Path) -> CommandFailed:
    """The failure of a command whose server cannot listen; its arguments are those of `taken`."""
    told = taken(error, port=port, what=what, option=option, root=root) or taken(
        error.__cause__, port=port, what=what, option=option, root=root
    )
    return CommandFailed(told or str(error))


def holder(port: int, root: Path) -> str:
    """Who listens on a port of this machine."""
    for folder in (root, root / "dev"):
        for one in running(folder):
            if port in (_port(one.receiver), _port(one.admin), _port(one.simulator)):
                return f"`hookline {one.role}` (process {one.pid}, data folder {shown(folder)})"
    pid = next(_listeners(port), None)
    if pid is None:
        return "another process"
    name = _read(_PROC / str(pid) / "comm").strip()
    return f"process {pid} ({name})" if name.isprintable() and name else f"process {pid}"


def _port(url: str | None) -> int | None:
    return urlsplit(url).port if url else None


def _listeners(port: int) -> Iterator[int]:
    """Processes that listen on a port, of those that may be looked at; none where there is no /proc."""
    sockets = {
        f"socket:[{words[9]}]"
        for table in ("tcp", "tcp6")
        for line in _read(_PROC / "net" / table).splitlines()[1:]
        if (words := line.split())[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port
    }
    for folder in _PROC.glob("[0-9]*/fd") if sockets else ():
        try:
            found = any(str(descriptor.readlink()) in sockets for descriptor in folder.iterdir())
        except OSError:
            # gone meanwhile, or another user's
            continue
        if found:
            yield int(folder.parent.name)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
