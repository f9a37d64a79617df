"""GPTBots as a source: what proves a delivery, what becomes of it, what it is answered."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import SourceMisconfigured
from receiver.intake import Accepted, Outcome, Refusal, intake
from schemas.envelope import decode
from schemas.events import Event, HandoffRequested, MessageCreated
from schemas.examples import NoExample, example
from schemas.record import StoredRecord
from tests.unit.receiver.parts import NOW, SECRETS, TOPICS, delivery, signed, source

SECRET = SECRETS["gptbots"].encode()
TOKEN = "path-token-0123456789"
REPLY = b'{"conversation_id":"c1","message_id":"m1","create_time":1679587005,"output":[{"content":{"text":"hi"}}]}'
ESTABLISH = (
    b'{"conversation_id":"h1","timestamp":1705312800123,"user_info":{"user_id":"u1"},"email":"support@gptbots.ai"}'
)
SUFFIXES = ("conversation/establish", "chat", "conversation/close")

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(
    ["conversation_id", "message_id", "output", "content", "text", "audio", "transcript", "message_type", "create_time",
     "timestamp", "body", "type", "user_info", "user_id", "anonymous_id", "email", "phone", "workflowRunId", "status",
     "endTime"]
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=8), max_leaves=25
)


def posted(body: bytes, *headers: tuple[bytes, bytes], suffix: str = "", **settings: Any) -> Outcome:
    """What becomes of a body at the source's address, or below its token."""
    path = "/".join(part for part in ("/in/support", TOKEN if "token" in settings else "", suffix) if part)
    kind = (b"Content-Type", b"application/json")
    return intake(source("gptbots", **settings), delivery(body, [kind, *headers], target=path), TOPICS, NOW)


def event_of(outcome: Outcome) -> Event:
    assert isinstance(outcome, Accepted), outcome
    record = outcome.records[0].record
    fields = {name: getattr(record, name) for name in ("topic", "key", "value", "headers", "timestamp")}
    return decode(StoredRecord(**fields, partition=0, offset=0))


@pytest.mark.parametrize("value", [b"Bearer " + SECRET, b"bearer " + SECRET, b"Basic " + SECRET, b"BASIC  " + SECRET])
def test_static_header_in_both_words(value: bytes) -> None:
    """Bearer and Basic are both documented, in any case."""
    assert event_of(posted(REPLY, (b"Authorization", value))).id == "message.created:m1"


MUTATIONS: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "missing": (),
    "empty": ((b"Authorization", b""),),
    "word alone": ((b"Authorization", b"Bearer"),),
    "no word": ((b"Authorization", SECRET),),
    "another word": ((b"Authorization", b"Token " + SECRET),),
    "words run together": ((b"Authorization", b"Bearer" + SECRET),),
    "cut off": ((b"Authorization", b"Bearer " + SECRET[:-1]),),
    "longer": ((b"Authorization", b"Bearer " + SECRET + b"0"),),
    "one bit": ((b"Authorization", b"Bearer " + SECRET[:-1] + bytes([SECRET[-1] ^ 1])),),
    "in capitals": ((b"Authorization", b"Bearer " + SECRET.upper()),),
    "twice": ((b"Authorization", b"Bearer " + SECRET), (b"Authorization", b"Bearer " + SECRET)),
    "two words": ((b"Authorization", b"Bearer Basic " + SECRET),),
    "another header": ((b"X-Authorization", b"Bearer " + SECRET),),
    "not text": ((b"Authorization", b"Bearer \xff\xfe"),),
}


@pytest.mark.parametrize("headers", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_every_mutation_of_the_header_is_refused(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """From the true header, everything but the true header is wrong; the sender is told 401 and no more."""
    outcome = posted(REPLY, *headers)
    assert isinstance(outcome, Refusal)
    assert (outcome.problem.status, outcome.quarantine) == (401, None)


@pytest.mark.parametrize(
    "path", ["", "/", "/path-token-012345678", f"/{TOKEN}0", f"/{TOKEN.upper()}", f"/chat/{TOKEN}", f"//{TOKEN}"]
)
def test_every_other_path_is_refused(path: str) -> None:
    """The token stands at its place, whole."""
    own = source("gptbots", token=TOKEN)
    outcome = intake(own, delivery(REPLY, signed("gptbots", REPLY), target=f"/in/support{path}"), TOPICS, NOW)
    assert isinstance(outcome, Refusal)
    assert (outcome.problem.status, outcome.reason) == (401, "path-token-wrong")


@pytest.mark.parametrize("suffix", ["", *SUFFIXES])
def test_token_in_the_path_proves_everything(suffix: str) -> None:
    """The handoff's calls carry no header; a header that comes along does no harm."""
    body = b'{"conversation_id":"h1","body":"hi","output":[],"message_id":"m1"}'
    for headers in ((), ((b"Authorization", b"Bearer whatever"),)):
        assert isinstance(posted(body, *headers, suffix=suffix, token=TOKEN), Accepted)


@pytest.mark.parametrize("suffix", ["conversation", "conversation/establish/", "Chat", "close", "chat/x"])
def test_path_that_nobody_posts_to_is_404(suffix: str) -> None:
    """Only the three documented paths stand below the address."""
    outcome = posted(ESTABLISH, suffix=suffix, token=TOKEN)
    assert isinstance(outcome, Refusal)
    assert (outcome.problem.status, outcome.reason) == (404, "suffix")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_handoff_is_answered_as_the_page_says(suffix: str) -> None:
    """`{code, message}`; replies are told the ids, as everybody."""
    body = b'{"conversation_id":"h1","body":"hi"}'
    call, reply = posted(body, suffix=suffix, token=TOKEN), posted(REPLY, token=TOKEN)
    assert isinstance(call, Accepted)
    assert isinstance(reply, Accepted)
    assert (json.loads(call.answer or b""), reply.answer) == ({"code": 0, "message": "success"}, None)


def test_unreadable_call_that_is_accepted_is_answered_so_too() -> None:
    """A source that accepts what it cannot read speaks the platform's words."""
    call = posted(b"{}", suffix="chat", token=TOKEN, on_invalid="accept")
    assert isinstance(call, Accepted)
    assert call.quarantined is not None
    assert call.answer == b'{"code":0,"message":"success"}'


def test_address_of_the_support_is_nobodys() -> None:
    """The contact comes from `user_info` only; the `email` beside it is the platform's own."""
    body = b'{"conversation_id":"h1","user_info":{},"email":"support@gptbots.ai"}'
    data = event_of(posted(body, suffix="conversation/establish", token=TOKEN)).data
    assert isinstance(data, HandoffRequested)
    assert (data.contact, data.extra) == (None, {"email": "support@gptbots.ai"})


def test_same_words_again_are_another_fact() -> None:
    """A user who says the same a second later is heard; the same call again is a copy."""
    first = b'{"conversation_id":"h1","timestamp":1705312800000,"body":"hi"}'
    later = b'{"conversation_id":"h1","timestamp":1705312801000,"body":"hi"}'
    ids = [event_of(posted(body, suffix="chat", token=TOKEN)).id for body in (first, later, first)]
    assert ids[0] == ids[2] != ids[1]


def test_end_of_a_run_is_told_once_for_each_status() -> None:
    """A run that is told as running and as done is two facts."""
    bodies = [b'{"workflowRunId":"r1","status":"%s","output":null}' % status for status in (b"RUNNING", b"SUCCEED")]
    assert [event_of(posted(body, token=TOKEN)).id for body in bodies] == ["workflow:r1:RUNNING", "workflow:r1:SUCCEED"]


@pytest.mark.parametrize(
    ("suffix", "body", "fields"),
    [
        ("", b'{"output":[],"message_id":"m"}', ("conversation_id",)),
        ("", b'{"output":5,"message_id":"m","conversation_id":"c"}', ("output",)),
        ("", b'{"message_type":5,"message_id":"m","conversation_id":"c"}', ("message_type",)),
        ("", b"[]", ("$",)),
        ("conversation/establish", b"{}", ("conversation_id",)),
        ("chat", b'{"conversation_id":"h","body":5}', ("body",)),
        ("conversation/close", b'{"conversation_id":"h","timestamp":"soon"}', ("timestamp",)),
    ],
)
def test_what_does_not_fit_is_kept(suffix: str, body: bytes, fields: tuple[str, ...]) -> None:
    """An authentic body that is not what the platform sends is quarantined, with the fields at fault."""
    outcome = posted(body, suffix=suffix, token=TOKEN)
    assert isinstance(outcome, Refusal)
    assert outcome.quarantine is not None
    assert (outcome.problem.status, outcome.quarantine.record.header("hookline-fields")) == (
        422,
        ",".join(fields).encode(),
    )


@given(JSON, st.sampled_from(["", *SUFFIXES]))
def test_any_body_is_accepted_or_kept(value: Any, suffix: str) -> None:
    """Whatever an authentic body holds, it is an event or in quarantine, and a number for a role is no user's word."""
    outcome = posted(json.dumps(value).encode(), suffix=suffix, token=TOKEN)
    if isinstance(outcome, Refusal):
        assert outcome.problem.status in (400, 422)
        assert outcome.quarantine is not None
    else:
        data = event_of(outcome).data
        assert (
            not (isinstance(data, MessageCreated) and data.role == "user")
            or suffix == "chat"
            or "QUESTION" in str(value)
        )


@pytest.mark.parametrize(
    ("name", "event_type"),
    [
        ("reply", "message.created"),
        ("reply-v1", "message.created"),
        ("establish", "handoff.requested"),
        ("chat", "message.created"),
        ("close", "handoff.closed"),
        ("workflow", "workflow.finished"),
    ],
)
def test_examples_are_what_they_show(name: str, event_type: str) -> None:
    """What `hookline send` posts is read as the event it stands for."""
    made = example("gptbots", name, now=NOW, unique="1")
    event = event_of(posted(json.dumps(made.body).encode(), suffix=made.suffix, token=TOKEN))
    assert (event.type, event.time) == (event_type, NOW)


def test_example_of_something_else_is_refused() -> None:
    """With the names there are."""
    with pytest.raises(NoExample, match=r"gptbots sends no message\.created; it sends chat, close, establish, reply"):
        example("gptbots", "message.created", now=NOW, unique="1")


def test_secret_of_the_header_is_masked_in_the_copy() -> None:
    """Neither the header nor the token in the path reaches the topic of deliveries."""
    for outcome in (posted(REPLY, (b"Authorization", b"Bearer " + SECRET)), posted(REPLY, token=TOKEN)):
        assert isinstance(outcome, Accepted)
        assert outcome.copy is not None
        shown = b"".join(value for _, value in outcome.copy.headers)
        assert SECRET not in shown
        assert TOKEN.encode() not in shown


def test_source_without_any_proof_does_not_open() -> None:
    """Nothing is signed, so somebody has to say what proves a delivery."""
    with pytest.raises(SourceMisconfigured, match="a source needs a secret"):
        source("gptbots", secrets=[])
