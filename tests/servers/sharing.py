"""One set of shared servers for all workers of pytest-xdist: the controller starts them, workers ask it for them.

A server belongs to the controller because that one lives longest: a worker may crash, and another takes its place.
"""

import secrets
import threading
from collections.abc import Mapping
from dataclasses import fields
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any, TypeVar

from tests.servers.broker import Broker
from tests.servers.errors import NoServerError
from tests.servers.harness import Harness, Shared
from tests.servers.postgres import PostgresServer
from tests.servers.ways import Found

T = TypeVar("T", Broker, PostgresServer)
STOP = None


class Desk:
    """Where the controller answers its workers, one after another, so that each server is started once."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._key = secrets.token_bytes(16)
        self._listener = Listener(family="AF_UNIX", authkey=self._key)
        self._thread = threading.Thread(target=self._serve, name="servers-desk", daemon=True)
        self._thread.start()

    def told(self) -> dict[str, str]:
        """What a worker needs to ask, as plain text."""
        return {"desk": str(self._listener.address), "key": self._key.hex(), "logs": str(self._harness.logs)}

    def close(self) -> None:
        """Answer nobody any more."""
        _ask(self.told(), STOP)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                with self._listener.accept() as worker:
                    if (question := worker.recv()) is STOP:
                        worker.send(STOP)
                        return
                    worker.send(self._answer(*question))
            except (AuthenticationError, EOFError, OSError):  # a worker that died while it asked
                continue

    def _answer(self, what: str, text: str) -> Any:
        try:
            match what:
                case "kafka":
                    return _description(self._harness.kafka, Broker)
                case "postgres":
                    return _description(self._harness.postgres, PostgresServer)
                case _:
                    return self._harness.miss(text)
        except NoServerError as error:
            return error


class Guest(Harness):
    """The harness of a worker: shared servers are the controller's, those of a single test are started here."""

    def __init__(self, told: Mapping[str, str]) -> None:
        super().__init__(Path(told["logs"]))
        self._told = told
        self.kafka = Shared(self._kafka_of_controller)
        self.postgres = Shared(lambda: self._found("postgres", PostgresServer))

    def miss(self, why: str) -> None:
        """Tell the controller, whose summary names it."""
        _ask(self._told, ("missed", why))

    def close(self, *, keep_logs: bool) -> None:  # noqa: ARG002 - the logs are the controller's
        """End what is ours."""
        super().close(keep_logs=True)

    def _kafka_of_controller(self) -> Found[Broker]:
        found = self._found("kafka", Broker)
        if found.server.kind != "mock":
            return found
        return Found(self._mock(), found.name, found.refusals)  # topics of a mock are made by the process that has it

    def _found(self, what: str, kind: type[T]) -> Found[T]:
        answer = _ask(self._told, (what, ""))
        if isinstance(answer, NoServerError):
            raise answer
        name, refusals, described = answer
        return Found(kind(**described), name, refusals)


def _description(shared: Shared[T], kind: type[T]) -> tuple[str, Any, dict[str, Any]]:
    """What another process needs to use the server, without what only its owner may do to it.

    Raises:
        NoServerError: there is none.
    """
    server = shared.get()
    assert shared.found is not None
    described = {field.name: getattr(server, field.name) for field in fields(kind)}
    return shared.found.name, shared.found.refusals, described


def _ask(told: Mapping[str, str], question: object) -> Any:
    with Client(told["desk"], authkey=bytes.fromhex(told["key"])) as desk:
        desk.send(question)
        return desk.recv()
