"""Which cluster a process works with: the first one it met.

Behind the same addresses another cluster may come up, after a disk was wiped or a name was moved. Appends to it would
be lost among other readers, and positions and offsets of the first would be taken for its own.
"""

from aiokafka.errors import KafkaError


class AnotherClusterError(KafkaError):
    """Not the cluster this process began with. Waiting helps only if that one comes back."""


class Identity:
    """Remembers the cluster; shared by everything that connects."""

    def __init__(self) -> None:
        self._known: str | None = None

    def meet(self, cluster: str) -> str:
        """Take note of the cluster that answers; returns the log's identity.

        Args:
            cluster: its id, as brokers give it with metadata.

        Raises:
            AnotherClusterError: it is not the one that answered first.
        """
        if self._known is None:
            self._known = cluster
        elif self._known != cluster:
            raise AnotherClusterError(f"its cluster id is {cluster!r}, it was {self._known!r}")
        return f"kafka:{self._known}"
