"""What GPTBots answers, read leniently."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from clients import gptbots_answers as answers
from clients.account import ChatMessage, Chunk, Contact, Sent
from clients.answers import Complaint
from clients.errors import BadAnswer, ClientError, NotFound, OutOfCredit, PartlyRejected, RateLimited
from clients.gptbots_asked import user_id_of
from clients.gptbots_stream import Reader, Step

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
KEYS = st.sampled_from(
    ["code", "message", "data", "conversation_id", "message_id", "output", "content", "text", "audio", "transcript",
     "conversation_content", "messages", "list", "total", "role", "branch_content", "type", "create_time",
     "message_type", "recent_chat_time", "subject", "message_count", "success_update", "fail_update", "property_name",
     "propertyName", "value", "user_id", "anonymous_id", "property_values", "workflowRunId", "status"]
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=25
)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"code": 40356, "message": "s3cret"}, Complaint("40356", NotFound, decides=True)),
        ({"code": "40379"}, Complaint("40379", OutOfCredit, decides=True)),
        ({"code": 41000, "message": "Rate-limit exceeded"}, Complaint("41000", RateLimited, decides=True)),
        ({"code": 41000, "message": "a sentence"}, Complaint("41000")),
        ({"code": -1}, Complaint("-1")),
    ],
)
def test_complaints(value: object, complaint: Complaint) -> None:
    """A code that is not 0 is an error; one that is documented decides what kind."""
    assert answers.complain(value) == complaint


@pytest.mark.parametrize(
    "value",
    [
        {"code": 0, "message": "OK"},
        {"code": 200},
        {"code": 40356, "conversation_id": "c"},
        {"code": 40356, "output": []},
        {"code": "a word"},
        {"code": True},
        {"code": None},
        {"code": "1" * 10},
        {"list": []},
        [{"code": 40356}],
        None,
    ],
)
def test_no_complaint(value: object) -> None:
    """A success, an answer that happens to have a code, and something else altogether."""
    assert answers.complain(value) is None


def test_numeric_and_missing_fields_of_a_receipt() -> None:
    """A message that was sent does not look like a failure for want of a field."""
    assert answers.sent({"message_id": 17}, "c9", what="w") == Sent(message_id="17", conversation_id="c9")
    assert answers.sent({"output": [{}, {"content": {"text": 5}}]}, "c9", what="w") == Sent(
        conversation_id="c9", reply="5"
    )


def test_names_of_refused_properties_are_only_ours() -> None:
    """A name that we did not send stays in the answer."""
    value = {"success_update": [], "fail_update": [{"property_name": "s3cret"}, {"property_name": "b"}]}
    with pytest.raises(PartlyRejected, match="does not take b: it has") as caught:
        answers.check_update(value, ["a", "b"], what="w")
    assert caught.value.fields == ("b",)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("value", [{"success_update": []}, {"fail_update": None, "success_update": []}])
def test_nothing_refused(value: object) -> None:
    """An update without a failure is one."""
    answers.check_update(value, ["a"], what="w")


def _message(number: int, second: int | None) -> ChatMessage:
    at = None if second is None else datetime(2024, 1, 15, 10, 0, second, tzinfo=UTC)
    return ChatMessage(id=str(number), role="user", content="", at=at)


@pytest.mark.parametrize(
    ("seconds", "order"),
    [
        ((1, 2, 2, 3), "0123"),
        ((3, 2, 2, 1), "3210"),
        ((1, 3, 2), "021"),
        ((2, None, 1), "012"),
        ((1,), "0"),
        ((), ""),
    ],
)
def test_messages_come_oldest_first(seconds: tuple[int | None, ...], order: str) -> None:
    """In whichever order the platform lists them; without all times nothing is guessed."""
    messages = [_message(number, second) for number, second in enumerate(seconds)]
    assert "".join(message.id for message in answers.in_order(messages)) == order


def test_users_under_a_name() -> None:
    """The list may stand under `data` or `list`; the one asked for is taken, and null is a field not set."""
    listed = [{"user_id": "v"}, {"user_id": "u", "property_values": [{"property_name": "email", "value": None}]}]
    for value in (listed, {"list": listed}, {"data": listed}):
        assert answers.user(value, "u", {"email": "email"}, what="w") == Contact(id="u")


def test_property_that_is_not_named_is_an_attribute() -> None:
    """Whatever it is called: the names are the agent's own."""
    listed = [{"user_id": "u", "property_values": [{"property_name": "phone", "value": "1"}]}]
    assert answers.user(listed, "u", {"phone": "mobile"}, what="w") == Contact(id="u", attributes={"phone": "1"})


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_number_that_cannot_be_written_again_is_a_bad_answer(number: str) -> None:
    """What JSON could not carry on is not taken in."""
    value = from_json(f'[{{"user_id": "u", "property_values": [{{"property_name": "a", "value": {number}}}]}}]')
    with pytest.raises(BadAnswer):
        answers.user(value, "u", {}, what="w")
    with pytest.raises(BadAnswer):
        answers.workflow_run({"workflowRunId": "r", "x": value}, what="w")


@given(JSON)
def test_any_document_is_a_result_or_a_client_error(value: Any) -> None:
    """Whatever JSON the platform answers, only results and our own errors come out."""
    answers.complain(value)
    answers.taken(value, "c")
    for read in (
        lambda: answers.created(value, what="w"),
        lambda: answers.sent(value, "c", what="w"),
        lambda: answers.messages(value, what="w"),
        lambda: answers.old_messages(value, what="w"),
        lambda: answers.conversations(value, what="w"),
        lambda: answers.check_update(value, ["a"], what="w"),
        lambda: answers.user(value, "u", {"name": "a"}, what="w"),
        lambda: answers.workflow_run(value, what="w"),
        lambda: answers.an_object(value, what="w"),
    ):
        with contextlib.suppress(ClientError):
            read()


@given(st.lists(JSON.map(json.dumps) | st.text(), max_size=4))
def test_any_line_of_a_stream_is_a_step_or_a_bad_answer(lines: list[str]) -> None:
    """No line of a stream makes the reader fall over."""
    reader = Reader("c", what="w")
    for line in lines:
        with contextlib.suppress(BadAnswer):
            assert isinstance(reader.line(line), Step)


@pytest.mark.parametrize("line", ["", "  ", ": ping", "event: message", "id: 7", "retry: 5"])
def test_lines_that_say_nothing(line: str) -> None:
    """Blank lines, comments and the other fields of an event stream are skipped."""
    assert Reader("c", what="w").line(line) == Step()


def test_whole_answer_after_its_pieces_is_left_out() -> None:
    """A flow's output repeats the text that came in pieces; without pieces it is the text."""
    whole = '{"code":10,"data":[{"content":"one","branch":"1"},{"content":"two"}]}'
    reader = Reader("c", what="w")
    assert reader.line(whole) == Step(Chunk(text="one\ntwo", conversation_id="c"))
    reader.line('{"code":3,"data":"one"}')
    assert reader.line(whole) == Step()


@pytest.mark.parametrize("data", [5, None, {}, [None, {"content": 5}], "text"])
def test_records_of_another_form_are_empty(data: object) -> None:
    """What has no text in it says nothing."""
    for code in (10, 39):
        assert Reader("c", what="w").line(json.dumps({"code": code, "data": data})) == Step()


def test_user_ids_keep_the_bound() -> None:
    """32 characters stay, 33 are hashed to 32."""
    assert user_id_of("u" * 32) == "u" * 32
    assert user_id_of("u" * 33) == "42ecace354820cb4f46fa3034a5802cb"
    assert len(user_id_of("\ud800" * 40)) == 32
