"""GPTBots: replies at the source's address, and the three calls of a human handoff below it.

Documented below https://www.gptbots.ai/docs/api-reference/overview: nothing is signed; replies may carry a static
`Authorization` header that was configured in the dashboard (conversation-api/webhook-receives-messages-v2), the calls
of a handoff carry nothing (conversation-api/human-handoff-service), so a token in the path proves both. Those calls
want 200 and `{code, message}`. No ids of deliveries, no retries and no order are documented.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from receiver.sources.platform import Fact, Model, Platform, Reading, Unreadable, parse
from receiver.verification import Verified
from schemas import gptbots as payload
from schemas.events import HandoffClosed, HandoffRequested, MessageCreated, Unknown, WorkflowFinished
from schemas.ids import digest
from schemas.schemes import GPTBOTS

_TAKEN = b'{"code":0,"message":"success"}'


def read(verified: Verified) -> Reading | Unreadable:
    """The one fact a delivery tells."""
    told = _FACTS[verified.suffix](verified.body)
    return told if isinstance(told, Unreadable) else Reading(facts=(told,))


def _at_the_address(body: bytes) -> Fact | Unreadable:
    """A reply in either form, a workflow's end, or something else: kept as it came."""
    marks = parse(payload.Marks, body)
    if isinstance(marks, Unreadable):
        return marks
    if marks.run is not None:
        return _read(payload.WorkflowRun, body, _workflow)
    if marks.output is not None:
        return _read(payload.Reply, body, _reply)
    if marks.message_type is not None:
        return _read(payload.OldReply, body, _old_reply)
    return Fact(data=Unknown(payload=None), raw=body)


def _read(model: type[Model], body: bytes, make: Callable[[Model, bytes], Fact]) -> Fact | Unreadable:
    found = parse(model, body)
    return found if isinstance(found, Unreadable) else make(found, body)


def _reply(reply: payload.Reply, body: bytes) -> Fact:
    del body
    data = MessageCreated(
        message_id=reply.message_id,
        conversation_id=reply.conversation_id,
        role="assistant",
        content=reply.content,
        extra=reply.extra(),
    )
    return Fact(data=data, key=reply.conversation_id, entity=reply.message_id, time=reply.create_time)


def _old_reply(reply: payload.OldReply, body: bytes) -> Fact:
    del body
    data = MessageCreated(
        message_id=reply.message_id,
        conversation_id=reply.conversation_id,
        role=reply.role,
        content=reply.content,
        extra=reply.extra(),
    )
    return Fact(data=data, key=reply.conversation_id, entity=reply.message_id, time=reply.create_time)


def _established(call: payload.Establish, body: bytes) -> Fact:
    data = HandoffRequested(conversation_id=call.conversation_id, contact=call.contact(), extra=call.extra())
    return Fact(data=data, key=call.conversation_id, item=_named(payload.ESTABLISH, call, body), time=call.timestamp)


def _said(call: payload.Chat, body: bytes) -> Fact:
    """A user's words to the human agent; they have no id of their own."""
    name = _named(payload.CHAT, call, body)
    data = MessageCreated(
        message_id=name,
        conversation_id=call.conversation_id,
        role="user",
        content=call.body,
        extra=dict(call.model_extra or {}),
    )
    return Fact(data=data, key=call.conversation_id, entity=name, time=call.timestamp)


def _closed(call: payload.Close, body: bytes) -> Fact:
    data = HandoffClosed(conversation_id=call.conversation_id, status=call.kind, extra=dict(call.model_extra or {}))
    return Fact(data=data, key=call.conversation_id, item=_named(payload.CLOSE, call, body), time=call.timestamp)


def _workflow(run: payload.WorkflowRun, body: bytes) -> Fact:
    del body
    data = WorkflowFinished(workflow_run_id=run.run_id, status=run.status, extra=dict(run.model_extra or {}))
    return Fact(data=data, key=run.run_id, item=f"workflow:{run.run_id}:{run.status or 'none'}", time=run.ended)


def _named(path: str, call: payload.Establish | payload.Chat | payload.Close, body: bytes) -> str:
    """Name a call that has no id: the same call again has the same name, another one within a millisecond another."""
    at = "none" if call.timestamp is None else str(round(call.timestamp.timestamp() * 1000))
    return f"{path}:{call.conversation_id}:{at}:{digest(body)[:16]}"


_FACTS: Mapping[str, Callable[[bytes], Fact | Unreadable]] = MappingProxyType(
    {
        "": _at_the_address,
        payload.ESTABLISH: lambda body: _read(payload.Establish, body, _established),
        payload.CHAT: lambda body: _read(payload.Chat, body, _said),
        payload.CLOSE: lambda body: _read(payload.Close, body, _closed),
    }
)

PLATFORM = Platform(
    name="gptbots",
    scheme=GPTBOTS,
    read=read,
    suffixes=frozenset(_FACTS),
    answers=MappingProxyType({suffix: _TAKEN for suffix in _FACTS if suffix}),
    # what users say is posted in a handoff only, and under no id of the platform's
    repairs=frozenset({"assistant", "agent"}),
)
