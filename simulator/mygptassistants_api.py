"""MyGPTAssistants' REST API as its documentation describes it.

Sources: the API Reference, Chat API and API overview pages of docs.mygptassistants.com. Where they are silent:

- `error` is `{code, message}`; a conversation or contact that is not there is 404 with `INVALID_REQUEST`, since the
  only documented code for 404 is `BOT_NOT_FOUND`.
- `POST /bot/{botId}` answers in the envelope and repeats `response` beside it: the page's own sample reads it there.
- The stream sends `{"content": piece, "conversationId", "messageId"}` per `data:` line and ends with `[DONE]`.
- Sending is limited with the chat endpoints, reading with the data endpoints; windows are whole minutes and hours.
- `since` compares with `updatedAt`; the newest conversation comes first; `messageId` is the answer's.
- Contacts have no documentation at all: neutral paths and fields, see `simulator.contacts`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import ValidationError

from simulator.contacts import Contact, ContactFields
from simulator.conversations import Conversation
from simulator.errors import InvalidJsonError, RefusedError
from simulator.limits import Rate, RateWindows
from simulator.mygptassistants import MISSING, MyGPTAssistants, Turn
from simulator.platforms import Received
from simulator.wire import JsonObject, answer, encode, event_stream, iso, parse_iso, parse_object

BASE_PATH: Final = "/api/v1"

RATES: Final[Mapping[str, Rate]] = {"chat": Rate(100, 60), "data": Rate(1000, 3600)}
"""The published limits, counted per API key."""

MAX_BODY: Final = 256 * 1024
"""Bytes of a request; the documentation names no bound."""

MAX_METADATA: Final = 16 * 1024
"""Bytes of metadata one message may carry; the documentation names no bound."""

_LIMIT_HEADERS: Final = web.RequestKey("limit_headers", dict[str, str])

_PIECE = re.compile(r"\S+\s*")


def envelope(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, **beside: Any) -> web.Response:
    """Return a success in the documented envelope."""
    return answer({"success": True, "data": data, "error": None, **beside}, status=status, headers=headers)


def refusal(error: RefusedError) -> web.Response:
    """Return an error in the documented envelope."""
    told = {"code": error.code, "message": error.message}
    return answer({"success": False, "data": None, "error": told}, status=error.status, headers=error.headers)


def invalid(message: str) -> RefusedError:
    """Return the refusal of a request that does not fit; `message` says what to change."""
    return RefusedError(400, "INVALID_REQUEST", message)


class MyGPTAssistantsApi:
    """The endpoints over one `MyGPTAssistants`."""

    base_path = BASE_PATH

    def __init__(self, platform: MyGPTAssistants, *, limits: bool = True) -> None:
        self.platform = platform
        self._limits = limits
        self._windows = RateWindows(RATES)

    def routes(self) -> Sequence[web.RouteDef]:
        """Return all endpoints."""
        conversations, contacts = f"{BASE_PATH}/chat/{{bot_id}}/conversations", f"{BASE_PATH}/contacts"
        return [
            web.post(f"{BASE_PATH}/bot/{{bot_id}}", self.quick_start),
            web.post(f"{BASE_PATH}/chat/{{bot_id}}/message", self.send),
            web.post(f"{BASE_PATH}/chat/{{bot_id}}/stream", self.stream),
            web.get(conversations, self.conversations),
            web.get(f"{conversations}/{{conversation_id}}", self.history),
            web.post(contacts, self.create_contact),
            web.get(contacts, self.contacts),
            web.get(f"{contacts}/{{contact_id}}", self.contact),
            web.patch(f"{contacts}/{{contact_id}}", self.change_contact),
            web.delete(f"{contacts}/{{contact_id}}", self.delete_contact),
        ]

    def middlewares(self) -> Sequence[Middleware]:
        """Return errors as envelopes, then the key, the limit and the bot."""
        return [self._enveloped, self._admitted]

    def route_class(self, request: web.Request) -> Literal["chat", "data"]:
        """Say "chat" for what sends a message, "data" for everything else."""
        tail = request.path.partition(BASE_PATH)[2]
        return "chat" if request.method == "POST" and tail.startswith(("/chat/", "/bot/")) else "data"

    def broken(self, request: web.Request, status: int, *, reset: int | None = None) -> web.Response:
        """Return a 5xx, or a 429 whose limit ends at `reset`, in the platform's words."""
        if reset is None:
            return refusal(RefusedError(status, "INTERNAL_ERROR", "Something went wrong. Retry with backoff."))
        limit = RATES[self.route_class(request)].limit
        headers = {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
        return refusal(_too_many(headers))

    def forget_limits(self) -> None:
        """Begin counting requests anew."""
        self._windows.reset()

    # ------------------------------------------------------------------------------------------------ chat

    async def send(self, request: web.Request) -> web.Response:
        """POST /chat/{botId}/message."""
        body = await _body(request)
        turn = self._said(request, body, endpoint="message", conversation_id=_text(body, "conversationId"))
        return envelope(_reply(turn))

    async def quick_start(self, request: web.Request) -> web.Response:
        """POST /bot/{botId}: a session goes on where it was, without one a new conversation begins."""
        body = await _body(request)
        session_id = _text(body, "sessionId")
        _message(body)
        conversation_id = None
        if session_id is not None:
            conversation_id = self.platform.conversation_of_session(_bot_id(request), session_id)
        turn = self._said(request, body, endpoint="quick-start", conversation_id=conversation_id)
        reply = {**_reply(turn), "sessionId": session_id or turn.conversation.id}
        return envelope(reply, response=turn.answered.content)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """POST /chat/{botId}/stream: server-sent events, word by word."""
        body = await _body(request)
        turn = self._said(request, body, endpoint="stream", conversation_id=_text(body, "conversationId"))
        ids = {"conversationId": turn.conversation.id, "messageId": turn.answered.id}
        records = [encode({"content": piece, **ids}) for piece in _PIECE.findall(turn.answered.content)]
        return await event_stream(request, [*records, b"[DONE]"], headers=request[_LIMIT_HEADERS])

    async def history(self, request: web.Request) -> web.Response:
        """GET /chat/{botId}/conversations/{conversationId}."""
        found = self.platform.conversation(_bot_id(request), request.match_info["conversation_id"])
        messages = [
            {"id": item.id, "role": item.role, "content": item.content, "timestamp": iso(item.at)}
            for item in found.messages
        ]
        metadata = {"createdAt": iso(found.created_at), "messageCount": len(messages)}
        return envelope({"conversationId": found.id, "messages": messages, "metadata": metadata})

    async def conversations(self, request: web.Request) -> web.Response:
        """GET /chat/{botId}/conversations?page&limit&since."""
        since = _since(request)
        found = [
            item
            for item in self.platform.conversations.latest(_bot_id(request))
            if since is None or item.updated_at.replace(microsecond=0) >= since
        ]
        page, pagination = _page(request, found)
        return envelope({"conversations": [_listed(item) for item in page], "pagination": pagination})

    # -------------------------------------------------------------------------------------------- contacts

    async def create_contact(self, request: web.Request) -> web.Response:
        """POST /contacts."""
        around = self.platform.around
        fields = _contact_fields(await _body(request))
        contact = self.platform.contacts.create(around.ids.new("contact"), fields, around.clock.now())
        return envelope(contact.shown(), status=201)

    async def contacts(self, request: web.Request) -> web.Response:
        """GET /contacts?page&limit&email."""
        found = self.platform.contacts.all(request.query.get("email"))
        page, pagination = _page(request, found)
        return envelope({"contacts": [item.shown() for item in page], "pagination": pagination})

    async def contact(self, request: web.Request) -> web.Response:
        """GET /contacts/{id}."""
        return envelope(self._contact(request).shown())

    async def change_contact(self, request: web.Request) -> web.Response:
        """PATCH /contacts/{id}: the named fields change, the others stay."""
        fields = _contact_fields(await _body(request))
        changed = self.platform.contacts.change(self._contact(request), fields, self.platform.around.clock.now())
        return envelope(changed.shown())

    async def delete_contact(self, request: web.Request) -> web.Response:
        """DELETE /contacts/{id}."""
        contact = self._contact(request)
        self.platform.contacts.delete(contact.id)
        return envelope({"id": contact.id, "deleted": True})

    # --------------------------------------------------------------------------------------------- inside

    def _contact(self, request: web.Request) -> Contact:
        contact = self.platform.contacts.get(request.match_info["contact_id"])
        if contact is None:
            raise RefusedError(404, "INVALID_REQUEST", "Contact not found. Check the contact id.")
        return contact

    def _said(self, request: web.Request, body: JsonObject, *, endpoint: str, conversation_id: str | None) -> Turn:
        metadata, bot_id = _metadata(body), _bot_id(request)
        turn = self.platform.say(_message(body), bot_id=bot_id, conversation_id=conversation_id, metadata=metadata)
        asked = turn.asked
        self.platform.around.received.append(
            Received(
                platform=self.platform.name,
                endpoint=endpoint,
                at=asked.at,
                bot_id=bot_id,
                conversation_id=turn.conversation.id,
                message_id=asked.id,
                content=asked.content,
                metadata=metadata,
            ),
            asked.weight,
        )
        return turn

    @web.middleware
    async def _enveloped(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusedError as error:
            return refusal(error)
        except InvalidJsonError as error:
            return refusal(invalid(f"Malformed request: {error}."))
        except web.HTTPRequestEntityTooLarge:
            return refusal(invalid(f"The request body is larger than {MAX_BODY} bytes."))
        except web.HTTPException as error:
            # unknown path or method: the documentation has no words for it, the status says it
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
            return refusal(RefusedError(error.status, "INVALID_REQUEST", f"{error.reason}.", headers))

    @web.middleware
    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key or key == "invalid":
            raise RefusedError(401, "INVALID_API_KEY", "API key invalid. Check the key in the dashboard.")
        told: dict[str, str] = {}
        if self._limits:
            now = self.platform.around.clock.now()
            allowance = self._windows.take(self.route_class(request), key, now)
            told = allowance.headers()
            if not allowance.allowed:
                raise _too_many(told)
        request[_LIMIT_HEADERS] = told
        try:
            response = await self._existing(request, handler)
        except RefusedError as error:
            error.headers |= told
            raise
        if not response.prepared:
            response.headers.update(told)
        return response

    async def _existing(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.get("bot_id") == MISSING:
            raise RefusedError(404, "BOT_NOT_FOUND", "Bot ID does not exist. Verify the bot ID.")
        return await handler(request)


def _too_many(headers: Mapping[str, str]) -> RefusedError:
    return RefusedError(429, "RATE_LIMIT_EXCEEDED", "Too many requests. Implement backoff, wait and retry.", headers)


def _bot_id(request: web.Request) -> str:
    return request.match_info["bot_id"]


async def _body(request: web.Request) -> JsonObject:
    body = await request.read()
    if len(body) > MAX_BODY:
        raise invalid(f"The request body is larger than {MAX_BODY} bytes.")
    return parse_object(body)


def _text(body: JsonObject, name: str, *, longest: int = 256) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise invalid(f"{name} must be a string of 1 to {longest} characters.")
    return value


def _message(body: JsonObject) -> str:
    message = body.get("message")
    if not isinstance(message, str) or not message.strip():
        raise invalid("message is required and must be a string that is not empty.")
    return message


def _metadata(body: JsonObject) -> JsonObject:
    metadata = body.get("metadata")
    if metadata is None:
        return {}
    if not isinstance(metadata, dict) or len(encode(metadata)) > MAX_METADATA:
        raise invalid(f"metadata must be an object of at most {MAX_METADATA} bytes.")
    return metadata


def _contact_fields(body: JsonObject) -> ContactFields:
    try:
        return ContactFields.model_validate(body)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise invalid(f"{wrong}.") from None


def _reply(turn: Turn) -> JsonObject:
    return {
        "response": turn.answered.content,
        "conversationId": turn.conversation.id,
        "messageId": turn.answered.id,
    }


def _listed(conversation: Conversation) -> JsonObject:
    return {
        "id": conversation.id,
        "preview": conversation.messages[0].content[:80] if conversation.messages else "",
        "messageCount": len(conversation.messages),
        "createdAt": iso(conversation.created_at),
        "updatedAt": iso(conversation.updated_at),
    }


def _since(request: web.Request) -> datetime | None:
    text = request.query.get("since")
    try:
        return None if text is None else parse_iso(text)
    except ValueError:
        raise invalid("since must be an ISO date.") from None


def _number(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise invalid(f"{name} must be a number from 1 to {most}.")
    return int(text)


def _page(request: web.Request, found: Sequence[Any]) -> tuple[Sequence[Any], JsonObject]:
    """Return the page that was asked for, and the documented `pagination` object."""
    page, limit = _number(request, "page", 1, 999_999_999), _number(request, "limit", 20, 100)
    begin, end = (page - 1) * limit, page * limit
    pagination = {"page": page, "limit": limit, "total": len(found), "hasMore": end < len(found)}
    return found[begin:end], pagination
