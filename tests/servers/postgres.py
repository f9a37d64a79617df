"""A PostgreSQL server as the tests see it, and the ways to one, best first."""

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import asyncpg  # type: ignore[import-untyped]  # the package brings no types
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from tests.servers.child import Child, Program
from tests.servers.errors import ServerStartError, ServerUnavailableError
from tests.servers.jars import CACHE
from tests.servers.machine import Machine
from tests.servers.pg_binaries import Binaries, cluster, ordinary_user, reachable
from tests.servers.ports import Port

Kind = Literal["given", "docker", "installed", "wheel"]
IMAGE = "postgres:17"
SUPERUSER = "hook"
READY_WITHIN = 30.0
ANSWERS_WITHIN = 5.0
# fsync stays on: what a test shows about a crash must hold in production. The rest keeps it small.
SETTINGS = {"fsync": "on", "max_connections": "100", "shared_buffers": "32MB", "listen_addresses": "127.0.0.1"}


@dataclass(kw_only=True)
class PostgresServer:
    """A server in which each test gets a database of its own."""

    kind: Kind
    # Of its maintenance database; drivername postgresql+asyncpg.
    url: URL
    # Where it comes from, for the summary.
    origin: str
    # As it says of itself once it is ready, such as "15.13 (Debian …)".
    version: str = ""

    def url_of(self, database: str) -> str:
        """The SQLAlchemy URL of a database, `postgresql+asyncpg://…`, password and all."""
        return self.url.set(database=database).render_as_string(hide_password=False)

    async def create_database(self) -> str:
        """Create an empty database with a name nobody has; returns the name.

        Raises:
            OSError, asyncpg.PostgresError: the server is away or refuses.
        """
        name = f"hookline_{secrets.token_hex(6)}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return name

    async def drop_database(self, name: str) -> None:
        """Drop it, whoever is still connected to it.

        Raises:
            OSError, asyncpg.PostgresError: the server is away or refuses.
        """
        await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def wait_ready(self, timeout: float = READY_WITHIN) -> float:
        """Wait until it answers a query; learns its `version`; returns the seconds it took.

        Raises:
            ServerStartError: it does not within `timeout` seconds, or has ended.
        """
        began = time.monotonic()
        why = "nobody asked it"
        while time.monotonic() - began < timeout:
            try:
                self.version = str(await self._execute("SHOW server_version"))
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                why = f"{type(error).__name__}: {error}"
            else:
                return time.monotonic() - began
            self._check_runs()
            await asyncio.sleep(0.05)
        raise ServerStartError(f"PostgreSQL on {self.url} is not ready after {timeout:.0f} s ({why}).")

    async def _execute(self, statement: str) -> object:
        dsn = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        async with asyncio.timeout(ANSWERS_WITHIN * 4):
            connection = await asyncpg.connect(dsn, timeout=ANSWERS_WITHIN)
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close(timeout=ANSWERS_WITHIN)

    def _check_runs(self) -> None:
        """Raise ServerStartError when waiting on has no sense."""


@dataclass(kw_only=True)
class PrivatePostgres(PostgresServer):
    """A server of a test's own, which the test may hurt. `start` and what hurts it return in milliseconds."""

    machine: Machine
    # `host:port` for a proxy before it.
    listener: tuple[str, int]
    ports: Sequence[Port] = field(default=())

    def start(self) -> None:
        """Start it, the first time or again on the same data and port; then `await wait_ready()`."""
        self.machine.start()

    def kill(self) -> None:
        """Kill it and its children as `kill -9` does; it is gone on return, its data stay."""
        self.machine.kill()

    def stop(self) -> None:
        """Freeze it and its children (SIGSTOP): connections stay open, nothing answers."""
        self.machine.stop()

    def cont(self) -> None:
        """Let it run on (SIGCONT)."""
        self.machine.cont()

    async def terminate(self) -> None:
        """Let it shut down in order, at once ("fast"), and wait for that.

        Raises:
            ServerStartError: it did not end in time.
        """
        await asyncio.to_thread(self.machine.terminate)

    def running(self) -> bool:
        """Tell whether its main process lives; a frozen one does."""
        return self.machine.running()

    def close(self) -> None:
        """Kill it and remove its data; doing it twice does no harm."""
        self.machine.close()
        for port in self.ports:
            port.release()

    def log_tail(self) -> str:
        """The last lines of its log."""
        return self.machine.log_tail()

    def _check_runs(self) -> None:
        if not self.machine.running():
            raise ServerStartError(f"PostgreSQL on {self.url} has ended.\n{self.machine.log_tail()}")


def given(url: str) -> PostgresServer:
    """A server somebody else runs, named by HOOKLINE_TEST_POSTGRES; its user must be allowed to create databases.

    Raises:
        ServerUnavailableError: that is no URL of a PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ServerUnavailableError(
            f"not a URL like postgresql://user:password@host:5432/postgres ({error})"
        ) from error
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ServerUnavailableError(f"{parsed.get_backend_name()}:// is no PostgreSQL")
    parsed = parsed.set(drivername="postgresql+asyncpg", database=parsed.database or "postgres")
    return PostgresServer(kind="given", url=parsed, origin=f"HOOKLINE_TEST_POSTGRES {parsed}")


def from_binaries(kind: Kind, binaries: Binaries, logs: Path) -> PrivatePostgres:
    """A server from binaries on this machine, initialised and not yet started; its log goes to the folder `logs`.

    Raises:
        ServerUnavailableError: they do not run here.
    """
    user = ordinary_user()
    port = Port.claim()
    home = Path(tempfile.mkdtemp(prefix="hookline-postgres-"))
    try:
        if user:
            os.chown(home, *user)
        folder = reachable(binaries, home, user)
        data = cluster(folder, home, SUPERUSER, user, CACHE)
    except BaseException:
        port.release()
        shutil.rmtree(home, ignore_errors=True)
        raise
    settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
    argv = [str(folder / "postgres"), "-D", str(data), "-p", str(port.number), "-k", str(home), *settings]
    log = logs / f"{home.name}.log"
    program = Program(argv=argv, cwd=home, log=log, removed=[home], user=user, end_signal="INT")
    return PrivatePostgres(
        kind=kind,
        url=_url("127.0.0.1", port),
        origin=binaries.origin,
        machine=Child(program),
        listener=("127.0.0.1", port.number),
        ports=[port],
    )


def from_docker() -> PrivatePostgres:
    """A server in a container, not yet started.

    Raises:
        ServerUnavailableError: no Docker engine answers.
    """
    from tests.servers.containers import Container, Image, engine_host  # noqa: PLC0415 - its libraries are seldom needed

    host = engine_host()
    port = Port.claim()
    env = {"POSTGRES_USER": SUPERUSER, "POSTGRES_DB": "postgres", "POSTGRES_HOST_AUTH_METHOD": "trust"}
    image = Image(name=IMAGE, env=env, ports=[port.number], command=["postgres", "-p", str(port.number)])
    return PrivatePostgres(
        kind="docker",
        url=_url(host, port),
        origin=f"Docker, image {IMAGE}",
        machine=Container(image),
        listener=(host, port.number),
        ports=[port],
    )


def _url(host: str, port: Port) -> URL:
    return URL.create("postgresql+asyncpg", username=SUPERUSER, host=host, port=port.number, database="postgres")
