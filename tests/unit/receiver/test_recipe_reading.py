"""What deliveries become by a recipe."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.sources.platform import Reading, Unreadable
from schemas.events import (
    ContactRef,
    ContactUpdated,
    ConversationCompleted,
    Data,
    MessageCreated,
    Unknown,
    WorkflowFinished,
)
from tests.unit.receiver.recipes import facts, read

READ = """
[read]
name = "type"
delivery = "id"
key = "data.thread"
time = "at"
"""
CHAT = (
    READ
    + """
[[events]]
name = "message.*"
where = { "data.internal" = [false, "no*"] }
type = "message.created"
message_id = "data.id"
conversation_id = "data.thread"
content = "data.text"
role = { path = "data.by.kind", user = "visitor", agent = ["admin", "owner"], assistant = ["bot"] }
contact = { id = "data.by.id", name = "data.by.name", email = ["data.by.email", "data.by.mail"] }
extra = { whole = "$.id" }

[[events]]
name = ["thread.closed", "thread.ended"]
type = "conversation.completed"
conversation_id = "data.thread"
status = "data.state"

[[events]]
name = "person.changed"
type = "contact.updated"
contact = { id = "data.id", name = "data.name", phone = "data.phone" }
attributes = "data.fields"

[[events]]
name = "run.done"
type = "workflow.finished"
workflow_run_id = "data.run"
status = "data.state"
"""
)
SAID = {
    "id": "d1",
    "type": "message.sent",
    "at": 1_700_000_000,
    "data": {
        "id": 5,
        "thread": "t1",
        "internal": False,
        "text": "hi",
        "by": {"kind": "visitor", "id": "u1", "name": "Ada", "email": "ada@example.org", "age": 36},
        "files": [1],
    },
}


def changed(**data: Any) -> dict[str, Any]:
    """The message with other data."""
    return {**SAID, "data": {**SAID["data"], **data}}  # type: ignore[dict-item]  # a literal above


def test_message_is_mapped() -> None:
    """Text where the recipe says it stands; what is left of the event is its extra."""
    [fact] = facts(CHAT, SAID)
    assert fact.data == MessageCreated(
        message_id="5",
        conversation_id="t1",
        role="user",
        content="hi",
        contact=ContactRef(id="u1", name="Ada", email="ada@example.org"),
        extra={
            "id": "d1",
            "type": "message.sent",
            "at": 1_700_000_000,
            # Of two places for the address neither is taken out: the other may be told by nobody else.
            "data": {"internal": False, "by": {"kind": "visitor", "age": 36, "email": "ada@example.org"}, "files": [1]},
            "whole": "d1",
        },
    )
    assert (fact.key, fact.entity, fact.name) == ("t1", "5", "message.sent")
    assert fact.time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(("kind", "role"), [("visitor", "user"), ("owner", "agent"), ("bot", "assistant")])
def test_role_is_found_by_the_senders_word(kind: str, role: str) -> None:
    """Each of the words of the recipe."""
    [fact] = facts(CHAT, changed(by={"kind": kind}))
    assert isinstance(fact.data, MessageCreated)
    assert (fact.data.role, fact.data.contact) == (role, None)


@pytest.mark.parametrize("data", [{"internal": True}, {"internal": None}, {"internal": "yes"}, {"internal": []}])
def test_condition_that_does_not_hold_leaves_it_unknown(data: dict[str, Any]) -> None:
    """An internal note is no message of the conversation."""
    [fact] = facts(CHAT, changed(**data))
    assert isinstance(fact.data, Unknown)


def test_condition_with_a_pattern() -> None:
    """`no*` means any text that begins so."""
    [fact] = facts(CHAT, changed(internal="not really"))
    assert isinstance(fact.data, MessageCreated)


@pytest.mark.parametrize(
    ("name", "data", "wanted"),
    [
        ("thread.closed", {"state": "ok"}, ConversationCompleted(conversation_id="t1", status="ok")),
        ("thread.ended", {}, ConversationCompleted(conversation_id="t1")),
        (
            "person.changed",
            {"name": "Ada", "phone": 123, "fields": {"plan": "pro"}},
            ContactUpdated(contact_id="5", name="Ada", phone="123", attributes={"plan": "pro"}),
        ),
        ("person.changed", {"fields": "none"}, ContactUpdated(contact_id="5")),
        ("run.done", {"run": "r1", "state": "ok"}, WorkflowFinished(workflow_run_id="r1", status="ok")),
    ],
)
def test_other_events_are_mapped(name: str, data: dict[str, Any], wanted: Data) -> None:
    """Conversations, contacts and workflows."""
    [fact] = facts(CHAT, {"type": name, "data": {"id": 5, "thread": "t1", **data}})
    assert fact.data.model_copy(update={"extra": {}}) == wanted


def test_unknown_event_keeps_bytes_name_key_and_time() -> None:
    """What the recipe does not map is told as it came."""
    body = b'{ "type": "odd.thing", "at": "2024-01-15T10:30:00Z", "id": 9, "data": {"thread": "t1"} }'
    [fact] = facts(CHAT, body)
    assert isinstance(fact.data, Unknown)
    assert (fact.raw, fact.name, fact.key) == (body, "odd.thing", "t1")
    assert fact.time == datetime(2024, 1, 15, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"id": None}, ("data.id",)),
        ({"id": "x" * 257, "thread": ""}, ("data.id", "data.thread")),
        ({"by": {"kind": "stranger"}}, ("role",)),
        ({"by": None}, ("role",)),
    ],
)
def test_mapped_event_without_what_it_needs_is_told(data: dict[str, Any], fields: tuple[str, ...]) -> None:
    """It goes to the quarantine with the places at fault, and no value."""
    assert read(CHAT, changed(**data)) == Unreadable(kind="not-fitting", fields=fields)


@pytest.mark.parametrize("at", ["soon", 1e400, [], True, -(10**30), "99999999999999999999"])
def test_time_that_is_none_is_left_out(at: object) -> None:
    """Then the receipt counts."""
    body = b'{"type":"x","at":"soon"}' if at == 1e400 else {"type": "x", "at": at}
    assert facts(CHAT, body)[0].time is None


def test_first_mapping_that_fits_counts() -> None:
    """In the order of the recipe, exact names and patterns alike."""
    text = (
        READ + '[[events]]\nname = "bot.*"\ntype = "bot.updated"\n[[events]]\nname = "bot.on"\ntype = "bot.published"\n'
    )
    assert facts(text, {"type": "bot.on"})[0].data.event_type == "bot.updated"


def test_delivery_has_its_id_from_a_header() -> None:
    """Where the sender has it there."""
    text = '[read]\nname = "header:x-event"\ndelivery = ["header:x-delivery", "id"]\n'
    reading = read(text, {"id": 3}, headers={"X-Delivery": "d9", "X-Event": "push"})
    assert isinstance(reading, Reading)
    assert (reading.delivery, reading.facts[0].name) == ("d9", "push")


def test_form_becomes_an_object() -> None:
    """A posted form is kept as JSON, since records are; a name twice has a list."""
    text = 'body = "form"\n[read]\nname = "Event"\ndelivery = "Sid"\n'
    reading = read(text, b"Event=sms&Sid=S1&Media=a+b&Media=%C3%A9&Empty=")
    assert isinstance(reading, Reading)
    assert (reading.delivery, reading.facts[0].name) == ("S1", "sms")
    assert reading.facts[0].raw == '{"Event":"sms","Sid":"S1","Media":["a b","é"],"Empty":""}'.encode()


def test_body_of_any_kind_is_what_its_content_type_says() -> None:
    """Twilio posts forms and JSON to one address."""
    text = 'body = "any"\n[read]\nname = "a"\n'
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert facts(text, b"a=b", headers=form)[0].name == "b"
    assert facts(text, b'{"a":"c"}', headers={"Content-Type": "application/json"})[0].name == "c"


def test_empty_body_is_an_event_where_the_recipe_says_so() -> None:
    """Zendesk posts nothing but headers where a trigger has no content."""
    assert facts("empty = true", b"")[0].raw == b"null"
    assert read("", b"") == Unreadable(kind="not-json")


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a":NaN}', b"[" * 5_000, b'"\\ud800"'])
def test_body_that_is_no_json_is_told(body: bytes) -> None:
    """Kept in the quarantine."""
    assert read(CHAT, body) == Unreadable(kind="not-json")


def test_number_nobody_can_hold_is_told_with_its_place() -> None:
    """Neither may be altered in silence."""
    assert read(CHAT, b'{"a":{"b":1e999}}') == Unreadable(kind="not-fitting", fields=("a.b",))


def test_more_kept_than_came_is_bounded() -> None:
    """Events that are kept with large surroundings cannot multiply a body without end."""
    body = {"around": "x" * 100_000, "events": [{"n": n} for n in range(1_000)]}
    assert read('[read]\nevents = "events[]"\n', body) == Unreadable(kind="not-fitting", fields=("$",))


def test_as_deep_as_the_parser_goes() -> None:
    """What can be parsed can be kept, whole or in parts."""
    body = b'{"type":"message.sent","data":{"id":1,"thread":"t","internal":false,"by":{"kind":"bot"},"x":' + b"[" * 180
    [fact] = facts(CHAT, body + b"]" * 180 + b"}}")
    assert isinstance(fact.data, MessageCreated)
    assert fact.data.model_dump_json()
    [part] = facts('[read]\nevents = "$[]"\n', b"[" * 190 + b"]" * 190)
    assert part.raw == b"[" * 190 + b"]" * 190


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "type", "at", "data", "by", "kind", "thread", "events"]) | st.text(), inner
        )
    ),
    max_leaves=20,
)
ANY_SPLIT = 'body = "any"\nempty = true\n' + CHAT.replace(
    "[read]", '[read]\nevents = "events[]"\nparts = ["data[]", "data.by[]"]\nitem = "{id}:{^.id}"'
)
TYPES = st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""])
NAMED = st.sampled_from(["message.sent", "thread.closed", "person.changed", "run.done"])


@settings(max_examples=300, deadline=None)
@given(body=JSON | st.builds(lambda name, data: {"type": name, "data": data}, NAMED, JSON), kind=TYPES)
def test_any_json_is_read_or_told(body: Any, kind: str) -> None:
    """No JSON raises, and the same delivery tells the same."""
    found = read(ANY_SPLIT, body, headers={"Content-Type": kind})
    assert found == read(ANY_SPLIT, body, headers={"Content-Type": kind})
    assert isinstance(found, Reading | Unreadable)
    for fact in found.facts if isinstance(found, Reading) else ():
        assert isinstance(fact.data, Unknown) == (fact.raw is not None)


@settings(max_examples=300, deadline=None)
@given(body=st.binary(), kind=TYPES, query=st.text())
def test_any_bytes_are_read_or_told(body: bytes, kind: str, query: str) -> None:
    """Whatever an authentic sender posts, as a form or as JSON."""
    assert isinstance(read(ANY_SPLIT, body, headers={"Content-Type": kind}, query=query), Reading | Unreadable)
