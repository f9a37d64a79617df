"""The presets over real HTTP: what each sender is answered, and what is in the log then."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from receiver.server import utc_now
from tests.contract.presets import CATALOGUE, PRESETS, Sample, posted, samples, settings
from tests.contract.receivers import Answer, Running, opened, receiving

SOURCES: dict[str, dict[str, Any]] = {
    preset: {
        **settings(preset).model_dump(exclude_unset=True),
        **({"verify_token": "word-of-meta"} if preset == "meta" else {}),
    }
    for preset in PRESETS
}


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Running]:
    """A receiver with a source of each preset, named as it."""
    async with opened(tmp_path) as (log, dedupe), receiving(log, dedupe, sources=SOURCES) as running:
        yield running


async def post(receiver: Running, sample: Sample, now: datetime, *, typed: bool = True) -> Answer:
    """A sample at the address of its preset's source."""
    sent = posted(sample, now=now)
    rest = f"/{sent.target.rest}" if sent.target.rest else ""
    query = f"?{sent.target.query}" if sent.target.query else ""
    headers = [one for one in sent.headers.raw if typed or one[0] != b"content-type"]
    return await receiver.request("POST", f"/in/{sample.preset}{rest}{query}", sent.body, headers)


def wanted(preset: str) -> tuple[int, str]:
    """The status and the content type a sender is answered with."""
    platform = CATALOGUE[preset]
    return platform.status, "application/json" if platform.answer is None else "text/plain; charset=utf-8"


async def test_every_sample_is_answered_as_its_sender_wants(receiver: Running) -> None:
    """And every event of it is in the log."""
    known = [sample for preset in PRESETS for sample in samples(preset)]
    answers = {str(sample): (sample.preset, await post(receiver, sample, utc_now())) for sample in known}
    told = {name: (answer.status, answer.headers["content-type"]) for name, (_, answer) in answers.items()}
    assert told == {name: wanted(preset) for name, (preset, _) in answers.items()}
    kept = [
        record.header("ce_source")
        for topic in ("conversations", "contacts", "platform")
        for record in await receiver.records(topic)
    ]
    # Two samples of Intercom tell one message, and two notifications have one id: copies.
    assert len(kept) == len({(sample.preset, event["id"]) for sample in known for event in sample.events})


async def test_zendesk_may_post_nothing_at_all(receiver: Running) -> None:
    """No body, and then no content type either."""
    [empty] = [one for one in samples("zendesk") if not one.body]
    assert (await post(receiver, empty, utc_now(), typed=False)).status == 202
    [record] = await receiver.records("platform")
    assert record.value == b"null"


async def test_line_verifies_with_no_events(receiver: Running) -> None:
    """200 with nothing, and nothing is kept."""
    [verify] = [one for one in samples("line") if not one.events]
    answer = await post(receiver, verify, utc_now())
    assert (answer.status, answer.body) == (200, b"")
    assert await receiver.records("deliveries") == []


async def test_slack_is_given_its_challenge(receiver: Running) -> None:
    """As plain text, within the same request."""
    trial = Sample(
        "slack",
        "trial",
        b'{"type":"url_verification","challenge":"3eZbrw1a"}',
        {"Content-Type": "application/json"},
        [],
    )
    answer = await post(receiver, trial, utc_now())
    assert (answer.status, answer.body) == (200, b"3eZbrw1a")


async def test_meta_is_given_its_challenge(receiver: Running) -> None:
    """By GET, for the word that was agreed on."""
    path = "/in/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    answer = await receiver.request("GET", f"{path}word-of-meta")
    assert (answer.status, answer.body) == (200, b"1158201444")
    assert (await receiver.request("GET", f"{path}another-word")).status == 401
