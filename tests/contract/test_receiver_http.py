"""The receiver's contract over real HTTP, on the real embedded log and dedupe store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
import structlog

from receiver.server import utc_now
from schemas.envelope import decode
from tests.contract.receivers import SOURCES, Running, opened, receiving
from tests.unit.receiver.parts import MESSAGE, SECRETS, signed

JSON = (b"Content-Type", b"application/json")
SIGNED = signed("mygptassistants", MESSAGE)
OTHER = MESSAGE.replace(b"msg_1", b"msg_2")


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Running]:
    """A receiver with the sources `support` and `standard`."""
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe) as running:
        yield running


async def test_accepted_delivery_is_in_the_log_when_it_is_answered(receiver: Running) -> None:
    """202, and the record can be read at once."""
    answer = await receiver.post()
    assert (answer.status, answer.json()) == (
        202,
        {"id": "message.created:msg_1", "ids": ["message.created:msg_1"], "duplicate": False, "stored": "sqlite"},
    )
    (record,) = await receiver.records("conversations")
    event = decode(record)
    assert (event.id, event.source, event.key, event.delivery_id) == (
        "message.created:msg_1",
        "support",
        "conv_1",
        "evt_1",
    )


async def test_delivery_itself_is_kept_without_credentials(receiver: Running) -> None:
    """The body byte for byte, and headers that let nobody act as the sender."""
    headers = [*signed("mygptassistants", MESSAGE), (b"Authorization", b"Bearer canary-7531")]
    await receiver.post(headers=headers)
    (record,) = await receiver.records("deliveries")
    assert (record.value, record.key) == (MESSAGE, b"conv_1")
    assert record.header("http-authorization") == b"***"
    assert record.header("http-x-mga-signature") is not None


async def test_same_delivery_again_is_a_duplicate(receiver: Running) -> None:
    """202, the same id, and nothing appended."""
    first, second = await receiver.post(), await receiver.post()
    assert second.status == 202
    assert second.json() == {**first.json(), "duplicate": True}
    assert len(await receiver.records("conversations")) == len(await receiver.records("deliveries")) == 1


async def test_copies_at_the_same_moment_are_one_event(receiver: Running) -> None:
    """Ten at once: one record, one that is told it was first."""
    answers = await asyncio.gather(*(receiver.post() for _ in range(10)))
    assert [answer.status for answer in answers] == [202] * 10
    assert sorted(answer.json()["duplicate"] for answer in answers) == [False] + [True] * 9
    assert len(await receiver.records("conversations")) == 1


async def test_dedupe_survives_a_restart(tmp_path: Path) -> None:
    """A sender that comes again after a deployment is known."""
    for duplicate in (False, True):
        async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe) as running:
            assert (await running.post()).json()["duplicate"] is duplicate


@pytest.mark.parametrize("secret", [SECRETS["standard"], SECRETS["standard"].removeprefix("whsec_")])
async def test_official_standard_webhooks_library_is_accepted(receiver: Running, secret: str) -> None:
    """What the library of the spec signs, we accept."""
    body = '{"type":"user.created","timestamp":"2022-11-03T20:26:10Z","data":{"name":"Ada Łovelace"}}'
    now = utc_now()
    signature = standardwebhooks.Webhook(secret).sign("msg_7", now, body)
    headers = [
        JSON,
        (b"webhook-id", b"msg_7"),
        (b"webhook-timestamp", str(int(now.timestamp())).encode()),
        (b"webhook-signature", signature.encode()),
    ]
    answer = await receiver.post("standard", body.encode(), headers)
    assert (answer.status, answer.json()["ids"]) == (202, ["msg_7"])
    (record,) = await receiver.records("platform")
    assert (record.value, record.header("ce_type"), record.key) == (body.encode(), b"unknown", b"msg_7")


async def test_what_we_sign_the_official_library_accepts() -> None:
    """`hookline send` speaks the spec, too."""
    headers = {name.decode(): value.decode() for name, value in signed("standard", b'{"a":1}', now=utc_now())}
    assert standardwebhooks.Webhook(SECRETS["standard"]).verify(b'{"a":1}', headers) == {"a": 1}


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "expected"),
    [
        ("POST", "/in/nobody", [JSON], b"{}", (404, "not-found")),
        ("POST", "/elsewhere", [JSON], b"{}", (404, "not-found")),
        ("GET", "/in/%2e%2e%2fsupport", [], b"", (404, "not-found")),
        ("POST", "/in/support", [JSON], MESSAGE, (401, "unauthenticated")),
        ("POST", "/in/support", [JSON, (b"x-mga-signature", b"sha256=\xff\xfe")], MESSAGE, (401, "unauthenticated")),
        ("GET", "/in/support", [], b"", (405, "method-not-allowed")),
        ("OPTIONS", "/in/support", [], b"", (405, "method-not-allowed")),
        ("POST", "/livez", [], b"", (405, "method-not-allowed")),
        ("POST", "/in/support", signed("mygptassistants", b"x" * 1_048_577), b"x" * 1_048_577, (413, "too-large")),
        ("POST", "/in/support", [*SIGNED, (b"Content-Encoding", b"gzip")], MESSAGE, (415, "unsupported-encoding")),
        ("POST", "/in/support", [*SIGNED[1:], (b"Content-Type", b"text/xml")], MESSAGE, (415, "unsupported-type")),
        ("POST", "/in/support", signed("mygptassistants", b"{"), b"{", (400, "not-json")),
        ("POST", "/in/support", signed("mygptassistants", b"{}"), b"{}", (422, "not-fitting")),
    ],
)  # fmt: skip
async def test_status_table(
    receiver: Running, method: str, target: str, headers: Any, body: bytes, expected: tuple[int, str]
) -> None:
    """Every line of the contract that a request alone can cause."""
    answer = await receiver.request(method, target, body, headers)
    assert answer.problem() == expected
    assert await receiver.records("conversations") == []


async def test_problem_never_says_which_check_failed(receiver: Running) -> None:
    """A missing and a wrong signature look alike; the report knows."""
    missing = await receiver.post(headers=[JSON])
    wrong = await receiver.post(headers=[JSON, (b"x-mga-signature", b"sha256=" + b"0" * 64)])
    told = [{**answer.json(), "instance": None} for answer in (missing, wrong)]
    assert told[0] == told[1]
    assert [one.reason for one in receiver.answered] == ["signature-missing", "signature-wrong"]
    assert (await receiver.request("POST", "/in/suport/t0ken", MESSAGE, [JSON])).status == 404
    assert [one.path for one in receiver.answered] == ["", "", "/in/suport..."]


async def test_every_answer_names_its_request(receiver: Running) -> None:
    """A sender's engineer who asks for help has an id to tell; that of a problem stands in its body, too."""
    accepted = await receiver.post()
    refused = await receiver.post(headers=[JSON, (b"X-Request-Id", b"the sender's own")])
    ids = [answer.headers["x-request-id"] for answer in (accepted, refused)]
    assert [one.request for one in receiver.answered] == ids
    assert len(set(ids)) == 2
    assert refused.json()["instance"] == f"urn:hookline:request:{ids[1]}"


async def test_refusal_can_be_asked_for_by_its_id(receiver: Running) -> None:
    """With all that was found out about it; what was accepted is not kept."""
    accepted = await receiver.post()
    forged = signed("mygptassistants", MESSAGE + b"\n")
    answer = await receiver.post(headers=[*forged, (b"User-Agent", b"curl/8.5.0 \xff")])
    refusals = receiver.server.refusals
    found = refusals.found(answer.headers["x-request-id"])
    assert found is not None
    assert (found["source"], found["status"], found["reason"]) == ("support", 401, "signature-wrong")
    assert (found["remote"], found["agent"]) == ("127.0.0.1", "curl/8.5.0")
    assert [hint["text"] for hint in found["hints"]] == [
        "the signature is right, by the secret, for the body with a line feed at its end"
    ]
    assert refusals.found(accepted.headers["x-request-id"]) is None


async def test_invalid_delivery_is_kept_in_quarantine(receiver: Running) -> None:
    """The sender is told under which id, the operator finds it there with the reason."""
    body = MESSAGE.replace(b'"role":"user",', b"")
    answer = await receiver.post(body=body)
    assert (answer.status, answer.json()["fields"]) == (422, ["data.role"])
    assert receiver.answered[-1].fields == ("data.role",)
    (record,) = await receiver.records("quarantine")
    assert (record.key, record.value) == (answer.json()["quarantined"].encode(), body)
    assert (record.header("hookline-reason"), record.header("hookline-fields")) == (b"not-fitting", b"data.role")


async def test_repeated_invalid_delivery_is_kept_once(receiver: Running) -> None:
    """Its sender will try for days."""
    for _ in range(3):
        assert (await receiver.post(body=b"{}")).status == 422
    assert len(await receiver.records("quarantine")) == 1


async def test_source_that_accepts_what_is_invalid(tmp_path: Path) -> None:
    """Some senders switch an endpoint off after 4xx."""
    sources = {"support": {**SOURCES["support"], "on_invalid": "accept"}}
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe, sources=sources) as running:
        answer = await running.post(body=b"{}")
        assert (answer.status, answer.json()["ids"]) == (202, [])
        (record,) = await running.records("quarantine")
        assert record.key == answer.json()["quarantined"].encode()


async def test_source_that_answers_as_its_platform_wants_it(tmp_path: Path) -> None:
    """200 and OK, as MyGPTAssistants' own sample answers."""
    sources = {"support": {**SOURCES["support"], "status": 200, "answer": "OK"}}
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe, sources=sources) as running:
        answer = await running.post()
        assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"OK", "text/plain; charset=utf-8")


async def test_secret_in_the_path(tmp_path: Path) -> None:
    """For platforms that sign nothing; the address is not written down anywhere."""
    sources = {"open": {"platform": "mygptassistants", "token": "canary-token-7531"}}
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe, sources=sources) as running:
        assert (await running.request("POST", "/in/open", MESSAGE, [JSON])).status == 401
        assert (await running.request("POST", "/in/open/canary-token-7532", MESSAGE, [JSON])).status == 401
        assert (await running.request("POST", "/in/open/canary-token-7531", MESSAGE, [JSON])).status == 202
        (record,) = await running.records("deliveries")
        assert record.header("hookline-path") == b"/in/open/***"


async def test_rotation_of_secrets(tmp_path: Path) -> None:
    """Old and new are valid side by side, and which one matched is told."""
    sources = {
        "support": {"platform": "mygptassistants", "secrets": ["new-secret-0123456789", SECRETS["mygptassistants"]]}
    }
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe, sources=sources) as running:
        await running.post()
        await running.post(headers=signed("mygptassistants", OTHER, secret="new-secret-0123456789"), body=OTHER)
        assert [one.secret for one in running.answered] == [1, 0]


async def test_rate_of_a_source(tmp_path: Path) -> None:
    """What is over it is told when to come again; a forger cannot use it up."""
    sources = {"support": {**SOURCES["support"], "rate": "2/h"}}
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe, sources=sources) as running:
        for _ in range(5):
            assert (await running.post(headers=[JSON])).status == 401
        assert [(await running.post()).status for _ in range(2)] == [202, 202]
        answer = await running.post()
        assert answer.problem() == (429, "rate-exceeded")
        assert 1700 < int(answer.headers["retry-after"]) <= 1800


async def test_secrets_and_people_are_in_no_output(tmp_path: Path) -> None:
    """Canaries in secrets, headers and bodies: not one in log lines, answers, metrics or reports."""
    canary = "canary7531"
    sources = {"support": {"platform": "mygptassistants", "secrets": [f"{canary}-secret-0123456789"]}}
    bodies = [
        MESSAGE.replace(b'"hi"', f'"{canary}@example.com"'.encode()),
        MESSAGE.replace(b'"user"', f'"{canary}"'.encode()),
        f'{{"type":"{canary}","data":{{"{canary}":1}}}}'.encode(),
        f'{{"{canary}'.encode(),
    ]
    said: list[bytes] = []
    with structlog.testing.capture_logs() as lines:
        async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe, sources=sources) as running:
            for body in bodies:
                for secret in (f"{canary}-secret-0123456789", f"wrong-{canary}-0123456789"):
                    headers = [*signed("mygptassistants", body, secret=secret), (b"Authorization", canary.encode())]
                    answer = await running.post(body=body, headers=[*headers, (b"X-Note", canary.encode())])
                    said += [answer.body, str(answer.headers).encode()]
            said += [str(one).encode() for one in running.answered]
    assert len(lines) >= len(bodies)
    assert [text for text in (*said, str(lines).encode()) if canary.encode() in text] == []


async def test_health_and_interface_are_served(receiver: Running) -> None:
    """What load balancers and engineers look at."""
    assert (await receiver.request("GET", "/livez")).json() == {"status": "ok", "checks": {}}
    assert (await receiver.request("GET", "/readyz")).json() == {
        "status": "ok",
        "checks": {"accepting": "ok", "log": "ok", "dedupe": "ok"},
    }
    document = await receiver.request("GET", "/openapi.json")
    assert (document.json()["openapi"], document.json()["info"]["version"]) == ("3.1.0", "1.2.3")
    assert (await receiver.request("HEAD", "/readyz")).status == 200


async def test_answers_say_nothing_about_the_software(receiver: Running) -> None:
    """No versions, no sniffing."""
    answer = await receiver.request("GET", "/livez")
    assert (answer.headers["server"], answer.headers["x-content-type-options"]) == ("hookline", "nosniff")
