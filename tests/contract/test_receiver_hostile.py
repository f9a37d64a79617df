"""Hostile HTTP, byte for byte: one request in, at most one event out; no 500; nobody holds a place for long."""

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.receiver_wire import CHUNKED, CLOSE, LINE, SIGNED, chunked, request
from tests.contract.receivers import Answer, Running, hang_up, opened, receiving
from tests.unit.receiver.logs import MemoryLog, MemoryStore
from tests.unit.receiver.parts import MESSAGE, signed


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Running]:
    """A receiver with short deadlines, over the real log."""
    deadlines: Any = {"body_timeout": "500ms", "header_timeout": "500ms"}
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe, **deadlines) as running:
        yield running


MALFORMED = {
    "length and chunks": request(CHUNKED),
    "chunks and length": request(CHUNKED, body=chunked(MESSAGE)),
    "two lengths": request(b"Content-Length: 3"),
    "two equal lengths": request(b"Content-Length: %d" % len(MESSAGE)),
    "list of lengths": request(b"Content-Length: 5, 5", length=False),
    "signed length": request(b"Content-Length: +5", length=False),
    "negative length": request(b"Content-Length: -5", length=False),
    "hexadecimal length": request(b"Content-Length: 0x5", length=False),
    "endless length": request(b"Content-Length: " + b"9" * 30, length=False),
    "unknown coding": request(b"Transfer-Encoding: xchunked", length=False, body=chunked(MESSAGE)),
    "chunked twice": request(CHUNKED, CHUNKED, length=False, body=chunked(MESSAGE)),
    "identity coding": request(b"Transfer-Encoding: identity"),
    "coding after chunked": request(b"Transfer-Encoding: chunked, gzip", length=False, body=chunked(MESSAGE)),
    "space before colon": request(b"Transfer-Encoding : chunked", length=False, body=chunked(MESSAGE)),
    "vertical tab": request(b"Transfer-Encoding: \x0bchunked", length=False, body=chunked(MESSAGE)),
    "chunk without size": request(CHUNKED, length=False, body=b"zz\r\n" + MESSAGE),
    "negative chunk": request(CHUNKED, length=False, body=b"-1\r\n" + MESSAGE),
    "endless chunk": request(CHUNKED, length=False, body=b"f" * 20 + b"\r\n" + MESSAGE),
    "chunks of bare LF": request(CHUNKED, length=False, body=chunked(MESSAGE, end=b"\n")),
    "two hosts": request(b"Host: other"),
    "no host": request(host=False),
    "folded header": request(b"X-A: b\r\n c"),
    "bare LF": request(end=b"\n"),
    "bare CR in a value": request(b"X-A: b\rX-B: c"),
    "NUL in a value": request(b"X-A: b\0c"),
    "header without colon": request(b"X-A b"),
    "header without name": request(b": b"),
    "200 headers": request(*[b"X-%d: a" % n for n in range(200)]),
    "long header": request(b"X-A: " + b"a" * 16_384),
    "long target": request(line=b"POST /in/support?" + b"a" * 16_384 + b" HTTP/1.1"),
    "long method": request(line=b"A" * 9_000 + b" /in/support HTTP/1.1"),
    "lower-case method": request(line=b"post /in/support HTTP/1.1"),
    "version of tomorrow": request(line=b"POST /in/support HTTP/9.9"),
    "version that is not spoken so": request(line=b"POST /in/support HTTP/2.0"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
    "garbage": b"\x00\xff" * 200 + b"\r\n\r\n",
    "bytes in the target": request(line=b"POST /in/\xff\xfe HTTP/1.1"),
    "bytes in the query": request(line=b"POST /in/support?\xff\xfe HTTP/1.1"),
    "broken authority": request(line=b"POST http://[::1/in/support HTTP/1.1"),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_is_not_http_is_told_so_and_cut_off(receiver: Running, raw: bytes) -> None:
    """400 as a problem, the connection closed, nothing kept; what follows on the connection is not looked at."""
    answers = await receiver.raw(raw + request(CLOSE))
    assert [answer.status for answer in answers] == [400]
    assert answers[0].json()["type"] == "urn:hookline:problem:malformed-request"
    assert answers[0].headers["connection"] == "close"
    assert await receiver.records("conversations") == []


TOLERATED = {
    "chunks": request(CHUNKED, CLOSE, length=False, body=chunked(MESSAGE)),
    "chunk extension": request(CHUNKED, CLOSE, length=False, body=chunked(MESSAGE, b";a=b")),
    "other case": request(b"tRANSFER-eNCODING: CHUNKED", CLOSE, length=False, body=chunked(MESSAGE)),
    "trailer that poses as a signature": request(
        CHUNKED, CLOSE, length=False, body=chunked(MESSAGE)[:-2] + b"X-Mga-Signature: sha256=0\r\n\r\n"
    ),
    "HTTP/1.0": request(line=b"POST /in/support HTTP/1.0"),
    "absolute target": request(CLOSE, line=b"POST http://elsewhere/in/support HTTP/1.1"),
    "unknown expectation": request(b"Expect: the-unexpected", CLOSE),
    "upgrade to WebSocket": request(b"Upgrade: websocket", b"Connection: upgrade"),
    "upgrade to HTTP/2": request(b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: x"),
    "request behind an upgrade": request(b"Upgrade: websocket", b"Connection: upgrade") + request(CLOSE),
}


@pytest.mark.parametrize("raw", TOLERATED.values(), ids=TOLERATED.keys())
async def test_unusual_request_is_one_event(receiver: Running, raw: bytes) -> None:
    """What HTTP allows is taken; one request in, one event out."""
    answers = await receiver.raw(raw)
    assert [answer.status for answer in answers] == [202]
    assert len(await receiver.records("conversations")) == 1


REFUSED = {
    "dots in the source": (request(CLOSE, line=b"POST /in/%2e%2e%2fsupport HTTP/1.1"), 404),
    "NUL in the source": (request(CLOSE, line=b"POST /in/support%00 HTTP/1.1"), 404),
    "escaped source": (request(CLOSE, line=b"POST /in/%73upport HTTP/1.1"), 404),
    "double slash": (request(CLOSE, line=b"POST //in/support HTTP/1.1"), 404),
    "CONNECT": (request(CLOSE, line=b"CONNECT example.com:443 HTTP/1.1"), 404),
    "CONNECT, kept alive": (request(line=b"CONNECT example.com:443 HTTP/1.1"), 404),
    "OPTIONS *": (request(CLOSE, line=b"OPTIONS * HTTP/1.1"), 404),
    "TRACE": (request(CLOSE, line=b"TRACE /in/support HTTP/1.1"), 405),
    "GET with a body": (request(CLOSE, line=b"GET /in/support HTTP/1.1"), 405),
    "bytes in the signature": (request(CLOSE, headers=[(b"x-mga-signature", b"sha256=\xff\xfe\x80")]), 401),
    "two signatures": (request(b"X-MGA-SIGNATURE: sha256=00", CLOSE), 401),
    "the same signature twice": (request(SIGNED[1][0] + b": " + SIGNED[1][1], CLOSE), 401),
    "form": (request(CLOSE, headers=[(b"Content-Type", b"multipart/form-data; boundary=x"), SIGNED[1]]), 415),
    "coding before chunked": (
        request(b"Transfer-Encoding: gzip, chunked", CLOSE, length=False, body=chunked(MESSAGE)), 415,
    ),
    "told too long": (request(b"Content-Length: 99999999", CLOSE, length=False), 413),
    "told too long, kept alive": (request(b"Content-Length: 99999999", length=False), 413),
    "longer than told by chunks": (
        request(CHUNKED, CLOSE, length=False, body=chunked(b"x" * 1_048_577)), 413,
    ),
    "chunks without end": (request(CHUNKED, length=False, body=b"1ffffff\r\n" + b"x" * 1_200_000), 413),
    "shorter than told": (request(b"Content-Length: 1000", length=False), 400),
    "HTTP/0.9": (b"POST /in/support\r\n\r\n", 401),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "status"), REFUSED.values(), ids=REFUSED.keys())
async def test_hostile_request_is_refused(receiver: Running, raw: bytes, status: int) -> None:
    """Each with the status of the table, and nothing kept."""
    answers = await receiver.raw(raw)
    assert [answer.status for answer in answers] == [status]
    assert await receiver.records("conversations") == []


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzip.compress(MESSAGE)),
        (b"gzip, gzip", gzip.compress(gzip.compress(MESSAGE))),
        (b"deflate", zlib.compress(MESSAGE)),
        (b"br", b"\x0b\x02\x80"),
        (b"identity", MESSAGE),
        (b"gzip", gzip.compress(b"\0" * 10_000_000)),
    ],
)
async def test_compressed_body_is_not_opened(receiver: Running, coding: bytes, body: bytes) -> None:
    """415 before a byte is inflated: what is signed is what is sent."""
    headers = signed("mygptassistants", body)
    (answer,) = await receiver.raw(request(b"Content-Encoding: " + coding, CLOSE, headers=headers, body=body))
    assert (answer.status, answer.json()["type"]) == (415, "urn:hookline:problem:unsupported-encoding")


async def test_body_in_single_bytes_is_one_event(receiver: Running) -> None:
    """A body of one-byte chunks costs its sender more than us."""
    body = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in MESSAGE) + b"0\r\n\r\n"
    (answer,) = await receiver.raw(request(CHUNKED, CLOSE, length=False, body=body))
    assert answer.status == 202


async def test_request_in_single_bytes_is_one_event(receiver: Running) -> None:
    """However TCP cuts it."""
    raw = request(CLOSE)
    (answer,) = await receiver.raw(*(raw[n : n + 1] for n in range(len(raw))))
    assert answer.status == 202


async def test_pipelined_requests_are_answered_in_order(receiver: Running) -> None:
    """Fifty at once: fifty answers, each to its own."""
    bodies = [MESSAGE.replace(b"msg_1", b"m%02d" % n) for n in range(50)]
    raw = b"".join(request(headers=signed("mygptassistants", body), body=body) for body in bodies[:-1])
    last = request(CLOSE, headers=signed("mygptassistants", bodies[-1]), body=bodies[-1])
    answers = await receiver.raw(raw + last)
    assert [answer.json()["id"] for answer in answers] == [f"message.created:m{n:02}" for n in range(50)]
    records = await receiver.records("conversations")
    assert [record.header("ce_id") for record in records] == [b"message.created:m%02d" % n for n in range(50)]


async def test_ten_thousand_signatures_are_one_refusal(receiver: Running) -> None:
    """In a header as long as headers may be."""
    value = b"v1,AAAA " * 1_000
    headers = [(b"webhook-id", b"m"), (b"webhook-timestamp", b"1700000000"), (b"webhook-signature", value)]
    (answer,) = await receiver.raw(request(CLOSE, line=b"POST /in/standard HTTP/1.1", headers=headers))
    assert answer.status == 401


async def test_continue_is_said_before_a_body_is_sent(receiver: Running) -> None:
    """Who waits for it is told to go on; whose body is too long is spared it."""
    answers = await receiver.raw(request(b"Expect: 100-continue", CLOSE))
    assert [answer.status for answer in answers] == [100, 202]
    answers = await receiver.raw(
        request(b"Expect: 100-continue", b"Content-Length: 99999999", CLOSE, length=False, body=b"")
    )
    assert [answer.status for answer in answers] == [413]


async def test_headers_of_a_megabyte_are_cut_off(receiver: Running) -> None:
    """Each short enough, and together too much."""
    fields = [b"X-%d: " % n + b"a" * 8_000 for n in range(100)]
    assert await receiver.raw(request(*fields, CLOSE)) == []
    assert receiver.answered[-1].reason == "head-limit"


@pytest.mark.parametrize("begun", [b"", b"POST /in/sup", LINE + b"\r\nHost: t\r\nX-A: "])
async def test_header_that_does_not_come_is_cut_off(receiver: Running, begun: bytes) -> None:
    """A connection that says nothing, or half of something, is closed after the deadline."""
    started = time.monotonic()
    assert await receiver.raw(begun, within=9) == []
    assert time.monotonic() - started < 5


async def test_dripping_header_is_cut_off(receiver: Running) -> None:
    """A byte now and then does not extend the deadline."""
    drops = [bytes([byte]) for byte in LINE + b"\r\nX-A: " + b"a" * 60]
    started = time.monotonic()
    assert await receiver.raw(*drops, pause=0.05, within=9) == []
    assert time.monotonic() - started < 9


async def test_half_a_header_after_a_request_is_cut_off(receiver: Running) -> None:
    """The deadline holds for every request of a connection."""
    started = time.monotonic()
    answers = await receiver.raw(request(), LINE, pause=0.1, within=9)
    assert [answer.status for answer in answers] == [202]
    assert time.monotonic() - started < 6


async def test_body_that_does_not_come_is_answered(receiver: Running) -> None:
    """400, and the place is free again."""
    started = time.monotonic()
    (answer,) = await receiver.raw(request()[:-10], within=9)
    assert (answer.status, answer.json()["type"]) == (400, "urn:hookline:problem:incomplete-body")
    assert time.monotonic() - started < 7
    assert receiver.server._receiver.budget.requests == 0


async def test_dripping_body_is_cut_off(receiver: Running) -> None:
    """Less than the least rate is too slow, however steadily it comes."""
    raw = request()
    head, body = raw[: -len(MESSAGE)], raw[-len(MESSAGE) :]
    (answer,) = await receiver.raw(head, *(body[n : n + 1] for n in range(40)), pause=0.03, within=9)
    assert answer.status == 400


async def test_slow_but_steady_body_is_taken(tmp_path: Path) -> None:
    """A body that keeps the least rate may take longer than the deadline."""
    body = MESSAGE.replace(b'"hi"', b'"' + b"x" * 2_000 + b'"')
    raw = request(CLOSE, headers=signed("mygptassistants", body), body=body)
    head, rest = raw[: -len(body)], raw[-len(body) :]
    pieces = [rest[n : n + 220] for n in range(0, len(rest), 220)]
    bounds: Any = {"body_timeout": "200ms", "min_body_rate": 1_000}
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe, **bounds) as running:
        answers = await running.raw(head, *pieces, pause=0.08, within=5)
        assert [answer.status for answer in answers] == [202]


async def test_sender_that_does_not_read_is_cut_off() -> None:
    """Answers are not gathered for somebody who does not want them."""
    async with receiving(MemoryLog(), MemoryStore(), write_timeout="300ms") as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1)
        writer.transport.set_write_buffer_limits(high=0)
        ask = b"GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n" * 200

        async def ask_on() -> None:
            while True:
                writer.write(ask)
                await writer.drain()

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(ask_on(), 10)
        del reader
        await hang_up(writer)


def statuses(answers: list[Answer]) -> set[int]:
    return {answer.status for answer in answers}


async def test_flood_of_forgeries_leaves_nothing_behind(receiver: Running) -> None:
    """Five hundred wrong signatures: refused, counted, and no place is lost."""
    raw = request(headers=[(b"x-mga-signature", b"sha256=" + b"0" * 64)]) * 50
    answers = await asyncio.gather(*(receiver.raw(raw + request(CLOSE, headers=[])) for _ in range(10)))
    assert set.union(*(statuses(one) for one in answers)) == {401}
    assert receiver.server._receiver.budget.requests == 0
    assert await receiver.records("conversations") == []
