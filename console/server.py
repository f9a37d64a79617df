"""The admin port as a server that can be started and stopped."""

import errno
from collections.abc import Collection, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry

from console.app import Check, Document, build_app


class AdminAddressTaken(OSError):
    """Nothing can listen on the admin address."""


class AdminServer:
    """Serves metrics and health of one process.

    Args:
        host: where to listen.
        port: 0 takes a free one; `url` tells which.
        registry: the metrics.
        checks: the named checks of `/readyz`.
        documents: what else is told, by path.
        names: by which it is called, beside addresses and names without a dot.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        registry: CollectorRegistry,
        checks: Mapping[str, Check],
        documents: Mapping[str, Document],
        names: Collection[str] = (),
    ) -> None:
        self._host = host
        self._port = port
        self._runner = web.AppRunner(
            build_app(registry=registry, checks=checks, documents=documents, names={host, *names}),
            access_log=None,
            shutdown_timeout=1.0,
            handle_signals=False,
        )

    async def start(self) -> None:
        """Listen.

        Raises:
            AdminAddressTaken: another process has the port, or it is not ours to use.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            taken = "is taken by another process" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
            raise AdminAddressTaken(
                f"the admin address {self._host}:{self._port} {taken}; name another with --admin-port"
            ) from error

    async def stop(self) -> None:
        """Close all connections."""
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
