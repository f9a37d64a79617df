"""Whatever is sent: no 500, no answer that is not in the document, no forgery accepted."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from receiver.openapi import document
from receiver.server import utc_now
from tests.contract.receivers import Answer, Running, opened, receiving
from tests.unit.receiver.parts import MESSAGE, signed

STATUSES = {400, 401, 404, 405, 413, 415, 422, 429}
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


class Background:
    """A receiver in a thread of its own, for tools that know no asyncio."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.running: Running = self.do(self._start(folder))
        self.url = f"http://127.0.0.1:{self.running.port}"

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    async def _start(self, folder: Path) -> Running:
        log, dedupe = await self.stack.enter_async_context(opened(folder))
        return await self.stack.enter_async_context(receiving(log, dedupe))

    def stop(self) -> None:
        self.do(self.stack.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def raw(self, data: bytes) -> list[Answer]:
        answers: list[Answer] = self.do(self.running.raw(data))
        return answers

    def events(self) -> int:
        return sum(len(self.do(self.running.records(topic))) for topic in ("conversations", "platform", "quarantine"))


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Background]:
    """A receiver over the real log, for the whole file."""
    background = Background(tmp_path_factory.mktemp("receiver"))
    yield background
    background.stop()


schema = schemathesis.openapi.from_dict(document("1.2.3"))


@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
def test_every_answer_is_in_the_document(case: Any, receiver: Background) -> None:
    """Requests made from the OpenAPI document, good and bad ones, get documented answers."""
    case.call_and_validate(
        base_url=receiver.url,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ],
    )


header_name = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_", min_size=1, max_size=30).map(str.encode)
header_value = st.binary(max_size=200).map(lambda value: value.translate(None, b"\r\n\0"))
sources = st.sampled_from([b"support", b"standard", b"nobody", b"%73upport", b"support/x"])


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(
    headers=st.lists(st.tuples(header_name, header_value), max_size=8),
    body=st.binary(max_size=300),
    source=sources,
    method=st.sampled_from([b"POST", b"GET", b"PUT", b"DELETE", b"PATCH", b"BREW"]),
)
def test_any_headers_and_body_are_refused_within_the_table(
    receiver: Background, headers: list[tuple[bytes, bytes]], body: bytes, source: bytes, method: bytes
) -> None:
    """Nothing unsigned is accepted, and nothing is answered outside of the table."""
    before = receiver.events()
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    head = method + b" /in/" + source + b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n" + fields
    answers = receiver.raw(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert {answer.status for answer in answers} <= STATUSES
    assert receiver.events() == before


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(body=st.binary(max_size=300) | st.just(MESSAGE), source=st.sampled_from(["support", "standard"]))
def test_any_signed_body_is_accepted_or_kept(receiver: Background, body: bytes, source: str) -> None:
    """An authentic delivery is an event or in quarantine; it is never lost and never a 500."""
    platform = "standard" if source == "standard" else "mygptassistants"
    headers = signed(platform, body, now=utc_now())
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    head = b"POST /in/" + source.encode() + b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n" + fields
    (answer,) = receiver.raw(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert answer.status == 202 or (answer.status in (400, 422) and answer.json()["quarantined"])


def _cut(value: bytes, at: int) -> bytes:
    return value[: at % max(1, len(value))]


def _flip(value: bytes, at: int) -> bytes:
    place = at % len(value)
    return value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]


FORGERIES: dict[str, Any] = {
    "truncated": _cut,
    "one bit": _flip,
    "other prefix": lambda value, _: b"sha1=" + value.partition(b"=")[2],
    "no prefix": lambda value, _: value.partition(b"=")[2],
    "prefix twice": lambda value, _: b"sha256=" + value,
    "more behind": lambda value, at: value + b"0" * (1 + at % 20),
    "more before": lambda value, at: b"0" * (1 + at % 20) + value,
    "reversed": lambda value, _: value[::-1],
    "empty": lambda _, __: b"",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(at=st.integers(0, 500))
def test_forged_signature_is_refused(receiver: Background, forge: Any, at: int) -> None:
    """From a true signature, everything but the true signature is wrong."""
    (_, content_type), (name, value) = signed("mygptassistants", MESSAGE)
    forged = forge(value, at)
    if forged.strip() == value:
        return
    head = b"POST /in/support HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: " + content_type
    before = receiver.events()
    (answer,) = receiver.raw(
        head + b"\r\n" + name + b": " + forged + b"\r\nContent-Length: %d\r\n\r\n" % len(MESSAGE) + MESSAGE
    )
    assert answer.status in (400, 401)
    assert receiver.events() == before
