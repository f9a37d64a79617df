"""What MyGPTAssistants answers, read leniently."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from clients import mygptassistants_answers as answers
from clients.account import Chunk, Sent
from clients.answers import Complaint
from clients.errors import BadAnswer, ClientError, NotFound, PlatformDown, RateLimited, Rejected, Unauthorized
from clients.sse import SseEvent

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
KEYS = st.sampled_from(
    ["success", "data", "error", "code", "response", "conversationId", "messageId", "sessionId", "messages", "id",
     "role", "content", "timestamp", "conversations", "contacts", "contact", "pagination", "hasMore", "total",
     "preview",
     "messageCount", "createdAt", "updatedAt", "email", "tags", "attributes", "delta", "text"]
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=25
)


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        ("RATE_LIMIT_EXCEEDED", "RATE_LIMIT_EXCEEDED", RateLimited),
        ({"code": "INVALID_API_KEY", "message": "s3cret"}, "INVALID_API_KEY", Unauthorized),
        ({"code": "BOT_NOT_FOUND"}, "BOT_NOT_FOUND", NotFound),
        ("INVALID_REQUEST", "INVALID_REQUEST", Rejected),
        ("INTERNAL_ERROR", "INTERNAL_ERROR", PlatformDown),
        ("a sentence", None, None),
        ({"code": "s3cret"}, None, None),
        ({"code": ["x"]}, None, None),
        ({}, None, None),
        (7, None, None),
        (None, None, None),
    ],
)
def test_complaints(error: object, code: str | None, kind: type[ClientError] | None) -> None:
    """`error` may be a code, a sentence or an object; only documented codes are taken over."""
    assert answers.complain({"success": False, "error": error}) == Complaint(code, kind)


@pytest.mark.parametrize(
    "value",
    [
        {"success": True, "data": {}},
        {"success": True, "error": None},
        {"response": "hi"},
        {"error": None},
        [],
        None,
        "x",
    ],
)
def test_no_complaint(value: object) -> None:
    """A success, a flat answer and something else altogether hold no complaint."""
    assert answers.complain(value) is None


def test_error_without_success_is_a_complaint() -> None:
    """A flat `{"error": …}` is a failure too."""
    assert answers.complain({"error": "BOT_NOT_FOUND"}) == Complaint("BOT_NOT_FOUND", NotFound)


@pytest.mark.parametrize(
    "value",
    [
        {"success": True, "data": {"response": "Hi", "conversationId": "c1", "messageId": "m1"}},
        {"success": True, "data": {"response": "Hi", "conversationId": "c1", "messageId": "m1"}, "error": None, "x": 1},
        {"response": "Hi", "conversationId": "c1", "messageId": "m1"},
        {"data": {"response": "Hi", "sessionId": "c1", "messageId": "m1"}},
    ],
)
def test_sent_nested_or_flat(value: object) -> None:
    """The platform's pages disagree about the form; both are read."""
    assert answers.sent(value, None, what="w") == Sent(message_id="m1", conversation_id="c1", reply="Hi")


def test_sent_with_numeric_ids() -> None:
    """Ids may be numbers."""
    value = {"success": True, "data": {"response": "Hi", "conversationId": 17, "messageId": 2**60}}
    assert answers.sent(value, None, what="w") == Sent(
        message_id="1152921504606846976", conversation_id="17", reply="Hi"
    )


@pytest.mark.parametrize("value", [{"success": True}, {"success": True, "data": {"response": 7.5, "messageId": []}}])
def test_sent_with_a_poor_receipt_is_still_sent(value: object) -> None:
    """A message that was sent does not look like a failure for want of a field."""
    assert answers.sent(value, "c9", what="w") == Sent(conversation_id="c9")


@pytest.mark.parametrize("value", [None, [], "ok", {}, {"ok": 1}, {"data": None}])
def test_sent_that_is_something_else(value: object) -> None:
    """A document that says nothing of a message is not taken for a receipt."""
    with pytest.raises(BadAnswer) as caught:
        answers.sent(value, "c9", what="w")
    assert not caught.value.nothing_happened


def test_history_maps_words_and_times() -> None:
    """Words for authors become the four we use; unknown ones stay; times are UTC in any form."""
    value = {"data": {"messages": [
        {"id": 1, "role": "user", "content": "a", "timestamp": "2024-01-15T10:00:00Z"},
        {"id": "2", "role": "Bot", "content": "b", "timestamp": 1_705_312_800_000, "x": 1},
        {"id": "3", "role": "operator", "createdAt": "2024-01-15 10:00:00"},
        {"id": "4", "role": "robot"},
    ]}}  # fmt: skip
    at = datetime(2024, 1, 15, 10, tzinfo=UTC)
    assert [(m.id, m.role, m.content, m.at) for m in answers.history(value, what="w")] == [
        ("1", "user", "a", at), ("2", "assistant", "b", at), ("3", "agent", "", at), ("4", "robot", "", None),
    ]  # fmt: skip


@pytest.mark.parametrize("value", [{}, {"data": {}}, {"data": {"messages": [{"role": "user"}]}}, None])
def test_history_without_messages_or_ids(value: object) -> None:
    """Ids are what cannot be missing."""
    with pytest.raises(BadAnswer, match="does not fit"):
        answers.history(value, what="w")


@pytest.mark.parametrize(
    ("pagination", "found", "more"),
    [
        ({"hasMore": True}, 1, True),
        ({"hasMore": False, "total": 999}, 100, False),
        ({"hasMore": True}, 0, False),
        ({"total": 250}, 100, True),
        ({"total": 200}, 100, False),
        ({}, 100, True),
        ({}, 99, False),
    ],
)
def test_whether_another_page_follows(pagination: dict[str, object], found: int, *, more: bool) -> None:
    """`hasMore` is believed, then the total, then a full page; an empty page is always the last."""
    items = [{"id": str(number)} for number in range(found)]
    value = {"data": {"conversations": items, "pagination": pagination}}
    assert answers.conversation_page(value, page=2, limit=100, what="w").more is more


def test_contacts_plain_or_named() -> None:
    """An undocumented list may be the data itself or stand under its name."""
    item = {"id": 5, "email": "a@b.c", "tags": None, "attributes": {"k": [1, {"x": None}]}}
    for data in ([item], {"contacts": [item]}):
        page = answers.contact_page({"data": data}, page=1, limit=100, what="w")
        assert [(c.id, c.email, c.tags, c.attributes) for c in page.items] == [
            ("5", "a@b.c", (), {"k": [1, {"x": None}]})
        ]


def _event(name: str, *data: str) -> answers.StreamStep:
    return answers.read_event(SseEvent(name, data))


@pytest.mark.parametrize(
    ("line", "chunk"),
    [
        ("plain text", Chunk(text="plain text")),
        (" world", Chunk(text=" world")),
        ('{"response": "a", "content": "b"}', Chunk(text="a")),
        ('{"content": "b", "text": "c"}', Chunk(text="b")),
        ('{"delta": "d"}', Chunk(text="d")),
        ('{"delta": {"content": "d"}}', Chunk(text="d")),
        ('{"text": "t"}', Chunk(text="t")),
        (
            '{"token": "k", "conversationId": "c1", "messageId": 7}',
            Chunk(text="k", conversation_id="c1", message_id="7"),
        ),
        ('{"success": true, "data": {"response": "r", "messageId": "m"}}', Chunk(text="r", message_id="m")),
        ('"quoted"', Chunk(text="quoted")),
        ("42", Chunk(text="42")),
        ("[1]", Chunk(text="[1]")),
        ('{"broken', Chunk(text='{"broken')),
    ],
)
def test_pieces_of_a_stream(line: str, chunk: Chunk) -> None:
    """A JSON object gives its first text field and its ids, any other line is text as it stands."""
    assert _event("", line) == answers.StreamStep((chunk,))


@pytest.mark.parametrize("line", ['{"type": "ping"}', "{}", '{"content": ""}'])
def test_pieces_that_say_nothing(line: str) -> None:
    """An object without text and ids is skipped."""
    assert _event("", line) == answers.StreamStep()


def test_plain_lines_of_one_event_are_lines_of_the_answer() -> None:
    """Two data lines in one event are two lines of text."""
    assert "".join(chunk.text for chunk in _event("", "one", "two").chunks) == "one\ntwo"


def test_json_lines_of_one_event_are_pieces() -> None:
    """Each data line that is JSON is a piece of its own."""
    assert [chunk.text for chunk in _event("message", '{"text":"a"}', '{"text":"b"}').chunks] == ["a", "b"]


@pytest.mark.parametrize("event", [SseEvent("", ("[DONE]",)), SseEvent("done"), SseEvent("END", ("",))])
def test_three_ways_to_end(event: SseEvent) -> None:
    """`[DONE]` and the events done and end are the end."""
    assert answers.read_event(event) == answers.StreamStep(ended=True)


def test_last_event_repeats_the_answer_but_may_bring_ids() -> None:
    """What a closing event carries is not appended to the text again."""
    step = _event("done", '{"response": "the whole answer", "conversationId": "c1", "messageId": "m1"}')
    assert step == answers.StreamStep((Chunk(conversation_id="c1", message_id="m1"),), ended=True)


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        (
            SseEvent("", ('{"success":false,"error":"RATE_LIMIT_EXCEEDED"}',)),
            Complaint("RATE_LIMIT_EXCEEDED", RateLimited),
        ),
        (SseEvent("error", ("out of tokens",)), Complaint()),
        (SseEvent("error", ('{"error":{"code":"INTERNAL_ERROR"}}',)), Complaint("INTERNAL_ERROR", PlatformDown)),
    ],
)
def test_errors_in_the_stream(event: SseEvent, complaint: Complaint) -> None:
    """An envelope that complains, or an event called error, ends the stream as an error."""
    assert answers.read_event(event).complaint == complaint


@given(JSON)
def test_any_document_is_a_result_or_a_client_error(value: Any) -> None:
    """Whatever JSON the platform answers, only results and our own errors come out."""
    answers.complain(value)
    for read in (
        lambda: answers.sent(value, None, what="w"),
        lambda: answers.history(value, what="w"),
        lambda: answers.conversation_page(value, page=1, limit=100, what="w"),
        lambda: answers.contact_page(value, page=1, limit=100, what="w"),
        lambda: answers.contact(value, what="w"),
    ):
        with contextlib.suppress(ClientError):
            read()


@given(st.sampled_from(["", "done", "error", "x"]), st.lists(JSON.map(json.dumps) | st.text(), max_size=4))
def test_any_event_is_read(name: str, lines: list[str]) -> None:
    """No event of a stream makes the reader fall over."""
    assert isinstance(answers.read_event(SseEvent(name, tuple(lines))), answers.StreamStep)


def test_deep_attributes_are_a_result_or_a_client_error() -> None:
    """A contact nested to the parser's bound does not make the models fall over."""
    nested: object = "x"
    for _ in range(190):
        nested = [nested]
    with contextlib.suppress(ClientError):
        answers.contact({"data": {"id": "c1", "attributes": {"deep": nested}}}, what="w")


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_infinite_attribute_is_a_bad_answer(number: str) -> None:
    """What JSON could not carry on is not taken in, and its name is not shown."""
    value = from_json(f'{{"data": {{"id": "5", "attributes": {{"s3cret": [{number}]}}}}}}')
    with pytest.raises(BadAnswer, match=r"at data\.attributes") as caught:
        answers.contact(value, what="w")
    assert "s3cret" not in str(caught.value)


def test_numbers_of_thousands_of_digits_are_results_or_client_errors() -> None:
    """Python refuses to write them as text; no such refusal comes out, wherever they stand."""
    long = 10**5000
    receipt = {"success": True, "data": {"messageId": long, "conversationId": long, "response": long}}
    assert answers.sent(receipt, "c9", what="w") == Sent(conversation_id="c9")
    for message in ({"id": long, "role": "user"}, {"id": "1", "role": "user", "timestamp": long}):
        with pytest.raises(BadAnswer, match="does not fit"):
            answers.history({"data": {"messages": [message]}}, what="w")
    with pytest.raises(BadAnswer, match="does not fit"):
        answers.contact({"data": {"id": "5", "attributes": {"a": long}}}, what="w")
    page = answers.conversation_page(
        {"data": {"conversations": [{"id": "1"}], "pagination": {"total": long}}}, page=1, limit=100, what="w"
    )
    assert page.more
    assert answers.read_event(SseEvent(data=('{"text": "a", "messageId": 1' + "0" * 4000 + "}",))).chunks == (
        Chunk(text="a"),
    )
