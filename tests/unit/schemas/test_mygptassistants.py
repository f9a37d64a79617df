"""MyGPTAssistants' payloads: documented ones, and the spellings that may stand for undocumented fields."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.events import BY_TYPE, ContactRef
from schemas.mygptassistants import EVENT_TYPES, About, DeletedMessageFields, MessageFields, Webhook

MESSAGE = {"conversationId": "c", "messageId": "m", "role": "user", "content": "hi"}


def test_every_documented_event_is_canonical() -> None:
    """The nine types of the dashboard are types of ours."""
    assert set(EVENT_TYPES) <= set(BY_TYPE)


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {}}])
def test_data_is_optional(data: dict[str, Any]) -> None:
    """An event may tell its type alone."""
    assert Webhook.model_validate({"type": "bot.updated", **data}).data == {}


@pytest.mark.parametrize("body", [{}, {"type": ""}, {"type": 5}, {"type": "x", "data": []}, {"type": "x" * 201}])
def test_envelope_without_a_type_does_not_fit(body: dict[str, Any]) -> None:
    """What an event is must be said."""
    with pytest.raises(ValidationError):
        Webhook.model_validate(body)


@pytest.mark.parametrize(
    "data",
    [
        {"conversation_id": "c", "message_id": "m", "sender": "user", "text": "hi"},
        {"conversationId": "c", "id": "m", "sender": {"type": "user"}, "message": "hi"},
        {"conversationId": "c", "message": {"id": "m", "role": "user", "content": "hi"}},
        {"conversationId": "c", "messageId": "m", "role": "VISITOR", "content": "hi"},
    ],
)
def test_message_in_other_spellings(data: dict[str, Any]) -> None:
    """Each spelling means the same message."""
    fields = MessageFields.model_validate(data)
    assert (fields.conversation_id, fields.message_id, fields.role, fields.content) == ("c", "m", "user", "hi")


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ("assistant", "assistant"),
        ("bot", "assistant"),
        ("AI", "assistant"),
        ("operator", "agent"),
        ("system", "system"),
    ],
)
def test_roles_in_other_words(said: str, role: str) -> None:
    """Who wrote a message is one of four."""
    assert MessageFields.model_validate({**MESSAGE, "role": said}).role == role


@pytest.mark.parametrize("missing", ["conversationId", "messageId", "role", "content"])
def test_message_without_a_field_does_not_fit(missing: str) -> None:
    """Nothing about a message is invented."""
    with pytest.raises(ValidationError, match=missing):
        MessageFields.model_validate({name: value for name, value in MESSAGE.items() if name != missing})


def test_role_nobody_knows_does_not_fit() -> None:
    """A new role is not taken for an old one."""
    with pytest.raises(ValidationError, match="role"):
        MessageFields.model_validate({**MESSAGE, "role": "tool"})


def test_deleted_message_need_not_repeat_itself() -> None:
    """A role that is not told is none that handlers answer."""
    fields = DeletedMessageFields.model_validate({"conversationId": "c", "messageId": "m"})
    assert (fields.role, fields.content) == ("system", "")


@pytest.mark.parametrize(
    ("data", "contact"),
    [
        ({"contact": {"id": "u", "email": "a@b.c"}}, ContactRef(id="u", email="a@b.c")),
        ({"user": {"userId": 5, "full_name": "Ada"}}, ContactRef(id="5", name="Ada")),
        ({"customer": "u"}, ContactRef(id="u")),
        ({"metadata": {"userId": "u", "name": "Ada", "phone": 49}}, ContactRef(id="u", name="Ada", phone="49")),
        ({"contact": {"id": "u"}, "metadata": {"userId": "v", "email": "a@b.c"}}, ContactRef(id="u", email="a@b.c")),
        ({"metadata": {"id": "page-7"}}, None),
        ({"contact": ["u"], "metadata": "none"}, None),
        ({}, None),
    ],
)
def test_contact_is_found_where_it_may_stand(data: dict[str, Any], contact: ContactRef | None) -> None:
    """The payload's own person wins, the caller's metadata completes it."""
    assert About.model_validate(data).contact() == contact


def test_other_fields_are_kept() -> None:
    """What has no place of its own comes along untouched."""
    about = About.model_validate({"botId": 3, "contact": {"id": "u", "plan": "pro"}, "metadata": {"a": 1}, "b": [2]})
    assert about.extra() == {"botId": "3", "contact": {"plan": "pro"}, "metadata": {"a": 1}, "b": [2]}


def test_errors_do_not_quote_the_payload() -> None:
    """A field at fault is named, its value is nobody's business."""
    with pytest.raises(ValidationError) as caught:
        MessageFields.model_validate({**MESSAGE, "role": "canary-7531", "content": ["canary-7531"]})
    assert "canary-7531" not in str(caught.value)
