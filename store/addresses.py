"""Where a store is: reading `[store] url` and showing it without its password."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from schemas.hosts import endpoint_problem
from store.errors import StoreMisconfigured

_POSTGRES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})
_SQLITE = frozenset({"sqlite", "sqlite+aiosqlite"})


@dataclass(frozen=True, slots=True)
class SqliteAddress:
    """One file on this machine."""

    path: Path

    @property
    def shown(self) -> str:
        """For messages."""
        return f"sqlite:///{self.path}"


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A PostgreSQL database."""

    # As libpq and asyncpg read it: every parameter they know may stand in it (`sslmode`, `sslrootcert`, `passfile`).
    dsn: str = field(repr=False)
    # The same without user, password and parameters.
    shown: str


Address = SqliteAddress | PostgresAddress


def address(url: str) -> Address:
    """Read a store's url: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user@host/database`.

    Raises:
        StoreMisconfigured: it is neither, or names no file.
    """
    try:
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        if scheme in _SQLITE:
            return SqliteAddress(_path(url))
        if scheme in _POSTGRES:
            _check_hosts(parts)
            return PostgresAddress(dsn="postgresql" + url[len(parts.scheme) :], shown=_shown(parts))
    except ValueError:
        # Its text may quote the part that holds the password, so it is neither repeated nor chained.
        raise StoreMisconfigured(
            "The [store] url cannot be read: write postgresql://user@host:port/database, percent-encoding what is"
            " special in user and password."
        ) from None
    if "://" not in url and "/" in url:
        meant = f"did you mean postgresql://{url}?" if "@" not in url else "write postgresql:// before it."
        raise StoreMisconfigured(f"The [store] url has no scheme: {meant} A file is sqlite:///state.db.")
    raise StoreMisconfigured(
        f"The [store] url begins with {scheme or 'nothing'!r}: hookline keeps state in SQLite or PostgreSQL. Write"
        " sqlite:///state.db or postgresql://user@host/database."
    )


def _path(url: str) -> Path:
    # A path is taken as it stands: it may hold `%` and `#`, which a url reader would swallow.
    slashes, name = url.partition(":")[2][:3], url.partition(":")[2][3:]
    if slashes != "///" or not name or name.endswith("/") or name == ":memory:" or "?" in name:
        raise StoreMisconfigured(
            "The [store] url names no SQLite file. Write sqlite:///state.db for a file in this folder,"
            " sqlite:////var/lib/hookline/state.db for an absolute path; memory and parameters are not supported."
        )
    return Path(name)


def _check_hosts(parts: SplitResult) -> None:
    """Several hosts are allowed, and none: then it is a socket of this machine, whose folder is percent-encoded."""
    hosts = parts.netloc.rpartition("@")[2]
    for host in hosts.split(",") if hosts else ():
        problem = None if host.lower().startswith("%2f") else endpoint_problem(host)
        if problem is not None:
            raise StoreMisconfigured(
                f"The [store] url names no server that can be reached: {problem}. Write"
                " postgresql://user@host:port/database, percent-encoding what is special in user and password."
            )


def _shown(parts: SplitResult) -> str:
    # Several hosts, `a:1,b:2`, are allowed by libpq and not by urlsplit().port, so the text is taken as it stands.
    hosts = parts.netloc.rpartition("@")[2]
    return f"postgresql://{hosts}{parts.path}"
