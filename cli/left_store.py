"""A state store in the data folder that nobody uses, for the configuration names another: its contents stay behind."""

import shlex

from cli.base import Installation
from cli.findings import Finding
from cli.wiring import store_url
from store.addresses import SqliteAddress, address
from store.errors import StoreMisconfigured


def left_store(here: Installation) -> Finding | None:
    """What is in it, and what to do; None if there is nothing in it, or it is the configured one.

    Reads a file of the data folder; connects to nothing.
    """
    path = here.data / "state.db"
    try:
        used = address(store_url(here))
    except StoreMisconfigured:
        return None
    if isinstance(used, SqliteAddress) and used.path.absolute() == path.absolute():
        return None
    from store.copying import uncopied  # noqa: PLC0415 - hardly ever needed, and `check` does without SQLAlchemy

    tables = uncopied(path)
    if not tables:
        return None
    command = f"hookline migrate --copy-from {shlex.quote(f'sqlite:///{path}')}"
    why = (
        f"{path} holds {', '.join(tables)}; {used.shown}, which [store] names, knows nothing of it: before any role "
        f"works with that one, stop all roles and run `{command}`; or move the file away"
    )
    return Finding("store left behind", "degraded", why)
