"""YourGPT: messages of sessions, posted to an address with a secret in it.

No page documents what is posted; the platform's own sample receiver does (github.com/YourGPT/custom-chatbot-widget,
api/chatbot-webhook.js): a POST of `{event, data}`, answered 200, that nothing signs, and the event `ping` as a trial of
the address. So the path holds a secret, and what is told is confirmed with the platform before anybody acts on it.
"""

from datetime import datetime

from pydantic import ValidationError

from receiver.handshakes import Handshake
from receiver.sources.platform import Fact, Platform, Reading, Unreadable, not_fitting, parse, unreadable
from receiver.verification import Verified
from schemas import yourgpt as payload
from schemas.events import MessageCreated, Unknown
from schemas.schemes import YOURGPT


def read(verified: Verified) -> Reading | Unreadable:
    """The one fact a delivery tells."""
    webhook = parse(payload.Webhook, verified.body)
    if isinstance(webhook, Unreadable):
        return webhook
    if webhook.event != payload.RECEIVED:
        return Reading(facts=(_unknown(webhook, verified.body),))
    if not isinstance(webhook.message, dict):
        return not_fitting(["data.message"])
    try:
        message = payload.Message.model_validate(webhook.message)
    except ValidationError as error:
        return unreadable(error, under="data.message")
    return Reading(facts=(_message(webhook, message),))


def _message(webhook: payload.Webhook, message: payload.Message) -> Fact:
    data = MessageCreated(
        message_id=message.message_id,
        conversation_id=message.session_id,
        role=message.role,
        content=message.content,
        contact=payload.contact_of(webhook),
        extra=payload.extra_of(webhook, message),
    )
    time = message.time if isinstance(message.time, datetime) else None
    return Fact(data=data, key=message.session_id, entity=message.message_id, time=time)


def _unknown(webhook: payload.Webhook, body: bytes) -> Fact:
    """An event of a name we have not seen: kept as it came."""
    return Fact(
        data=Unknown(payload=None),
        key=webhook.session_id or webhook.widget_uid,
        item=webhook.name,
        raw=body,
        name=webhook.event,
    )


PLATFORM = Platform(
    name="yourgpt",
    scheme=YOURGPT,
    read=read,
    handshakes=(Handshake(json_path="event", equals=payload.PING),),
    # the only status its sample receiver answers
    status=200,
    confirm=True,
    # of others it is not known whether they are posted
    repairs=frozenset({"user"}),
)
