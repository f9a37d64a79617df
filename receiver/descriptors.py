"""How many connections the system lets this process have: each is an open file."""

import sys

if sys.platform == "win32":
    resource = None
else:
    import resource

# Of the log, the store, libraries and the sockets of clients.
_OTHERS = 512


def limit_of(connections: int, files: int | None) -> int:
    """How many connections there may be, so that log and store can still open what they need.

    Args:
        connections: what is configured.
        files: what the process may have open; None: nobody says.
    """
    return connections if files is None else min(connections, max(files // 2, files - _OTHERS))


def open_files() -> int | None:
    """How many files this process may have open, after asking for as many as it is allowed to ask for."""
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return None if hard == resource.RLIM_INFINITY else hard
