"""What a poll of CustomGPT.ai was told becomes events; what is posted to such a source is refused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import SourceMisconfigured
from receiver.intake import Accepted, Refusal, intake, polled
from schemas.envelope import decode
from schemas.events import Event
from schemas.record import StoredRecord
from tests.contract.polling import source
from tests.contract.receivers import opened, receiving
from tests.unit.receiver.parts import NOW, TOPICS, delivery

SAMPLES = Path(__file__).parents[1] / "samples" / "customgpt"
SESSION = "f1b9aaf0-5e4e-11eb-ae93-0242ac130002"
AT = datetime(2024, 1, 15, 10, 0, 1, tzinfo=UTC)
MANGLED: dict[str, Any] = {
    "no conversation": {"conversation": None},
    "no session": {"conversation": {"id": 1}},
    "no number": {"message": {"user_query": "x"}},
    "odd question": {"message": {"id": 1, "user_query": {}}},
    "odd answer": {"message": {"id": 1, "user_query": "", "openai_response": 5}},
    "odd time": {"message": {"id": 1, "user_query": "", "created_at": "soon"}},
    "endless number": {"message": {"id": "9" * 300, "user_query": ""}},
}


def body_of(name: str) -> bytes:
    return (SAMPLES / f"polled_{name}.json").read_bytes()


def events_of(name: str) -> list[Event]:
    """The events of a documented answer."""
    outcome = polled(source(), body_of(name), TOPICS, NOW)
    assert isinstance(outcome, Accepted)
    fields = ("topic", "key", "value", "headers", "timestamp")
    return [
        decode(StoredRecord(**{field: getattr(one.record, field) for field in fields}, partition=0, offset=0))
        for one in outcome.records
    ]


def test_a_conversation() -> None:
    """It was created under the id that paths want; its number and its name are extra."""
    (event,) = events_of("conversation")
    assert (event.id, event.type, event.key) == (f"conversation.created:{SESSION}", "conversation.created", SESSION)
    assert (event.origin, event.platform, event.time) == ("poll", "customgpt", datetime(2024, 1, 15, 10, tzinfo=UTC))
    assert event.data.extra["id"] == "1001"
    assert event.data.extra["name"] == "crm:12345 – ACME"  # noqa: RUF001 - as the vendor writes it


def test_a_record() -> None:
    """A question and its answer are two messages; the external id is the contact's."""
    asked, answered = events_of("record")
    assert [asked.id, answered.id] == ["message.created:501:question", "message.created:501:answer"]
    assert {asked.key, answered.key, asked.data.conversation_id} == {SESSION}  # type: ignore[attr-defined]  # a message
    shown = [event.data.model_dump(mode="json", exclude_none=True) for event in (asked, answered)]
    assert [(one["role"], one["content"], one["contact"]) for one in shown] == [
        ("user", "Hello world", {"id": "crm:12345"}),
        ("assistant", "Hi! How can I help you today?", {"id": "crm:12345"}),
    ]
    assert asked.time == AT
    assert asked.data.extra["metadata"] == {
        "user_ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "request_source": "web",
    }


def test_a_record_without_an_answer() -> None:
    """It is one message, of nobody that is known."""
    (asked,) = events_of("record_unanswered")
    assert asked.data.model_dump(exclude_none=True).get("contact") is None


def test_a_message_of_ours() -> None:
    """What we sent is an agent's, and the mark is no part of the contact's id."""
    asked, answered = events_of("record_ours")
    roles = [event.data.role for event in (asked, answered)]  # type: ignore[attr-defined]  # messages
    contacts = [event.data.contact.id for event in (asked, answered)]  # type: ignore[attr-defined]  # with contacts
    assert (roles, contacts) == (["agent", "assistant"], ["crm:12345", "crm:12345"])


@pytest.mark.parametrize("change", MANGLED.values(), ids=MANGLED.keys())
def test_what_does_not_fit_is_quarantined(change: dict[str, Any]) -> None:
    """It is kept byte for byte with the fields at fault."""
    body = json.dumps(json.loads(body_of("record")) | change).encode()
    outcome = polled(source(), body, TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.quarantine is not None
    assert outcome.quarantine.record.value == body


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda one: st.dictionaries(
            st.sampled_from(["conversation", "message", "id", "session_id", "user_query", "metadata", "external_id"]),
            one,
        ),
    )
)
def test_nothing_that_is_told_raises(told: object) -> None:
    """Whatever JSON it is, it is accepted or refused."""
    outcome = polled(source(), json.dumps(told).encode("utf-8", "surrogatepass"), TOPICS, NOW)
    assert isinstance(outcome, Accepted | Refusal)


def test_too_large() -> None:
    """What the log would refuse for ever is refused."""
    outcome = polled(source(body_limit=100), body_of("record"), TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert (outcome.reason, outcome.quarantine) == ("body-limit", None)


@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
def test_what_is_posted_is_refused(method: str) -> None:
    """Anybody could: nothing is signed."""
    posted = delivery(body_of("record"), [(b"Content-Type", b"application/json")], method=method)
    outcome = intake(source("support"), posted, TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert (outcome.problem.name, outcome.problem.status, outcome.reason) == ("polled", 405, "polled")


async def test_a_post_is_told_why(tmp_path: Path) -> None:
    """The answer says that the platform is asked, and by what."""
    async with (
        opened(tmp_path) as (log, dedupe),
        receiving(log, dedupe, sources={"help": {"platform": "customgpt"}}) as at,
    ):
        told = await at.request("POST", "/in/help", body_of("record"), [(b"Content-Type", b"application/json")])
        assert await at.records("conversations") == []
    assert (told.status, told.headers["allow"], told.json()["type"]) == (405, "", "urn:hookline:problem:polled")
    assert "`hookline poll` asks it" in told.json()["detail"]


@pytest.mark.parametrize(
    "setting", [{"secrets": ["0123456789abcdef"]}, {"token": "0123456789abcdef"}, {"verify": "none"}]
)
def test_secrets_of_a_polled_source_are_a_mistake(setting: dict[str, Any]) -> None:
    """They would look as if they protected something."""
    with pytest.raises(SourceMisconfigured, match="posts nothing, so nothing is verified; remove it"):
        source(**setting)
