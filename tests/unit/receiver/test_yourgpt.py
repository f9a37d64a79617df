"""YourGPT as a source: what proves a delivery, what becomes of it, what it is answered."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import SourceMisconfigured
from receiver.intake import Accepted, Handshaken, Outcome, Refusal, intake
from schemas.envelope import decode
from schemas.events import ContactRef, Event, MessageCreated
from schemas.examples import NoExample, example
from schemas.record import StoredRecord
from tests.unit.receiver.parts import NOW, TOKENS, TOPICS, delivery, source

TOKEN = TOKENS["yourgpt"]
MESSAGE = (
    b'{"event":"message:received","data":{"widget_uid":"w","message":'
    b'{"message_id":9,"session_id":4,"send_by":"user","message":"hi"}}}'
)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(
    ["event", "data", "widget_uid", "message", "message_id", "id", "session_id", "session_uid", "send_by", "createdAt",
     "contact", "contact_data", "contact_id", "name", "email", "operator"]
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=8), max_leaves=25
)


def posted(body: bytes, *, target: str = f"/in/support/{TOKEN}", **settings: Any) -> Outcome:
    """What becomes of a body at the source's address."""
    headers = [(b"Content-Type", b"application/json")]
    return intake(source("yourgpt", **settings), delivery(body, headers, target=target), TOPICS, NOW)


def event_of(outcome: Outcome) -> Event:
    assert isinstance(outcome, Accepted), outcome
    record = outcome.records[0].record
    fields = {name: getattr(record, name) for name in ("topic", "key", "value", "headers", "timestamp")}
    return decode(StoredRecord(**fields, partition=0, offset=0))


def received(**message: Any) -> bytes:
    told = {"message_id": 9, "session_id": 4, "send_by": "user", "message": "hi"} | message
    return json.dumps({"event": "message:received", "data": {"widget_uid": "w", "message": told}}).encode()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        f"/{TOKEN[:-1]}",
        f"/{TOKEN}0",
        f"/{TOKEN.upper()}",
        f"/{TOKEN[::-1]}",
        f"//{TOKEN}",
        f"/x/{TOKEN}",
        f"?token={TOKEN}",
        f"/?{TOKEN}",
        "/null",
        f"/%20{TOKEN}",
        f"/{TOKEN};x",
    ],
)
@pytest.mark.parametrize("body", [MESSAGE, b'{"event":"ping"}'])
def test_every_other_path_is_refused(path: str, body: bytes) -> None:
    """Nothing is signed, so the token stands at its place, whole; the trial of the address needs it too."""
    outcome = posted(body, target=f"/in/support{path}")
    assert isinstance(outcome, Refusal)
    assert (outcome.problem.status, outcome.reason, outcome.quarantine) == (401, "path-token-wrong", None)


def test_nothing_stands_below_the_token() -> None:
    """The platform appends nothing."""
    outcome = posted(MESSAGE, target=f"/in/support/{TOKEN}/more")
    assert isinstance(outcome, Refusal)
    assert (outcome.problem.status, outcome.reason) == (404, "suffix")


@pytest.mark.parametrize(
    "body", [b'{"event":"ping"}', b'{"event":"ping","data":null}', b'{"event":"ping","data":{"widget_uid":"w"}}']
)
def test_ping_is_answered_and_tells_nothing(body: bytes) -> None:
    """The handshake: 200, and no event; `data` may be missing."""
    outcome = posted(body)
    assert isinstance(outcome, Handshaken)
    assert (outcome.answer.status, outcome.answer.body) == (200, b"")


def test_it_is_answered_as_the_sample_receiver_does() -> None:
    """200: no other status is shown to be taken for success."""
    assert source("yourgpt").status == 200


@pytest.mark.parametrize(
    ("send_by", "role"),
    [
        ("user", "user"),
        ("assistant", "assistant"),
        ("operator", "agent"),
        ("bot", "system"),
        (None, "system"),
        (5, "system"),
    ],
)
def test_who_speaks(send_by: object, role: str) -> None:
    """A role nobody told is not the user's: handlers act on what users write."""
    data = event_of(posted(received(send_by=send_by))).data
    assert isinstance(data, MessageCreated)
    assert data.role == role


def test_webhook_and_history_agree_on_the_id() -> None:
    """The message names the fact, whatever else differs in the delivery."""
    others: list[dict[str, Any]] = [{}, {"choices": []}, {"id": 9}, {"message_id": "9"}]
    ids = {event_of(posted(received(**more))).id for more in others}
    assert ids == {"message.created:9"}


def test_contact_of_a_message() -> None:
    """Where a delivery tells of one, in the words of the API's lists."""
    data = event_of(posted(received(contact={"id": 7, "email": "a@example.com", "phone": 5}))).data
    assert isinstance(data, MessageCreated)
    assert data.contact == ContactRef(id="7", email="a@example.com", phone="5")


def test_long_uid_is_kept_digit_by_digit() -> None:
    """As text, since a number of 17 digits is not exact for every reader."""
    data = event_of(posted(received(session_uid=20394857612345679))).data
    assert isinstance(data, MessageCreated)
    assert data.extra["session_uid"] == "20394857612345679"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"[]", "$"),
        (b"{}", "event"),
        (b'{"event":""}', "event"),
        (b'{"event":"message:received","data":[]}', "data"),
        (b'{"event":"message:received"}', "data.message"),
        (b'{"event":"message:received","data":{"message":"hi"}}', "data.message"),
        (received(message_id=None), "data.message.message_id"),
        (received(session_id={}), "data.message.session_id"),
    ],
)
def test_what_does_not_fit_is_kept(body: bytes, fields: str) -> None:
    """It is quarantined with the fields at fault."""
    outcome = posted(body)
    assert isinstance(outcome, Refusal)
    assert outcome.quarantine is not None
    assert (outcome.problem.status, outcome.quarantine.record.header("hookline-fields")) == (422, fields.encode())


@given(JSON, st.sampled_from(["message:received", "conversation:assigned", "ping", None]))
def test_any_body_is_accepted_or_kept(value: Any, name: str | None) -> None:
    """Whatever an authentic body holds, it is a trial, an event or in quarantine."""
    outcome = posted(json.dumps(value if name is None else {"event": name, "data": value}).encode())
    if isinstance(outcome, Refusal):
        assert outcome.problem.status in (400, 422)
        assert outcome.quarantine is not None
    elif isinstance(outcome, Accepted):
        data = event_of(outcome).data
        assert not (isinstance(data, MessageCreated) and data.role == "user") or '"user"' in json.dumps(value)


# ------------------------------------------------------------------------------------------------ a hint


@pytest.mark.parametrize(
    ("settings", "unconfirmed"), [({}, True), ({"confirm": True}, True), ({"confirm": False}, False)]
)
def test_what_it_says_is_a_hint(settings: dict[str, Any], *, unconfirmed: bool) -> None:
    """Unless the source says otherwise: its events are marked, in their record too."""
    outcome = posted(MESSAGE, token=TOKEN, **settings)
    assert isinstance(outcome, Accepted)
    assert outcome.records[0].record.header("ce_unconfirmed") == (b"true" if unconfirmed else None)
    assert event_of(outcome).unconfirmed == unconfirmed


def test_signed_platform_is_believed_unless_told_otherwise() -> None:
    """The mark is the source's to set, on any platform."""
    assert [source().confirm, source(confirm=True).confirm] == [False, True]


def test_secret_of_a_signature_makes_no_sense() -> None:
    """Who sets `secrets` is told where the secret belongs."""
    with pytest.raises(SourceMisconfigured, match="yourgpt signs nothing; put the secret into the path"):
        source("yourgpt", secrets=["whatever-0123456789"])


def test_source_without_any_proof_does_not_open() -> None:
    """Nothing is signed, so somebody has to say what proves a delivery."""
    with pytest.raises(SourceMisconfigured, match="a source needs a secret"):
        source("yourgpt", secrets=[])


def test_token_is_masked_in_the_copy() -> None:
    """It does not reach the topic of deliveries."""
    outcome = posted(MESSAGE)
    assert isinstance(outcome, Accepted)
    assert outcome.copy is not None
    assert TOKEN.encode() not in b"".join(value for _, value in outcome.copy.headers)


def test_examples() -> None:
    """What `hookline send` posts is taken."""
    ping, message = (
        json.dumps(example("yourgpt", name, now=NOW, unique="a1b2c3d4e5f6").body).encode()
        for name in ("ping", "message:received")
    )
    assert isinstance(posted(ping), Handshaken)
    assert event_of(posted(message)).type == "message.created"
    with pytest.raises(NoExample, match="it sends message:received, ping"):
        example("yourgpt", "message.created", now=NOW, unique="1")
