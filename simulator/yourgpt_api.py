"""YourGPT's API as its documentation describes it.

Sources: the pages below https://docs.yourgpt.ai/chatbot/api-reference (a copy: yourgpt-docs.vercel.app), and the widget
(github.com/YourGPT/custom-chatbot-widget) for streams. Where they are silent:

- Statuses of errors are plausible ones (the texts of three are documented); a session that is not there is 404.
- No limits are documented, so there are none; a 429 on order says "Too many requests".
- `from` and `to` mean the day a session began; a session without messages is ordered by its beginning. `filter` knows
  the model SESSION, the keys id, session_uid, status and state, and the operator eq.
- No page of the organisation's level could be read: it knows the token, and no path.
- A stream stands at `/stream`, and can be fetched again; it needs its token and no key.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from simulator import yourgpt_forms as forms
from simulator.conversations import Conversation
from simulator.errors import InvalidJsonError, RefusedError
from simulator.platforms import Received
from simulator.wire import JsonObject, answer, encode, event_stream
from simulator.yourgpt import MISSING, SendBy, Turn, YourGPT
from simulator.yourgpt_asked import body_of, choice_of, days_of, page_of, text_of, uid_of
from simulator.yourgpt_contacts import YourGPTContacts

BASE_PATH: Final = "/chatbot/v1"
ORGANISATION_PATH: Final = "/api/v1"
STREAM_PATH: Final = "/stream"

KIND: Final = web.RequestKey("kind", str)
"""The kind of key a request came with: "key" of a project, or "token" of an organisation."""

_PIECE = re.compile(r"\S+\s*")
_ORDERS: Final = ("ASC", "DESC")
_SENDERS: Final[Mapping[str, SendBy]] = {"user": "user", "assistant": "assistant", "operator": "operator"}
_KINDS: Final = ("text", "picker", "image", "audio", "video", "file")
_KEYS: Final = ("id", "session_uid", "status", "state")
_UPDATES: Final = frozenset({"widget_uid", "project_uid", "session_uid", "state", "chat_mode", "segment"})


class YourGPTApi:
    """The endpoints over one `YourGPT`."""

    base_path = BASE_PATH

    def __init__(self, platform: YourGPT) -> None:
        self.platform = platform
        self._contacts = YourGPTContacts(platform.people, kind=KIND, project=self._project)

    def routes(self) -> Sequence[web.RouteDef]:
        """Return all endpoints; each is a POST."""
        return [
            web.post(f"{BASE_PATH}/createSession", self.create),
            web.post(f"{BASE_PATH}/sendMessage", self.send),
            web.post(f"{BASE_PATH}/getSessionMessages", self.messages),
            web.post(f"{BASE_PATH}/getSessions", self.sessions),
            web.post(f"{BASE_PATH}/updateSession", self.update),
            web.post(STREAM_PATH, self.stream),
            *self._contacts.routes(BASE_PATH),
        ]

    def middlewares(self) -> Sequence[Middleware]:
        """Return errors in the envelope, then the key."""
        return [self._enveloped, self._admitted]

    def route_class(self, request: web.Request) -> Literal["chat", "data"]:
        """Say "chat" for what sends a message, "data" for everything else."""
        return "chat" if request.path.endswith("/sendMessage") else "data"

    def broken(self, request: web.Request, status: int, *, reset: int | None = None) -> web.Response:
        """Return a 5xx, or a 429, in the platform's envelope."""
        del request
        return answer(forms.error("Something went wrong" if reset is None else "Too many requests"), status=status)

    def forget_limits(self) -> None:
        """Do nothing: there are none."""

    # ------------------------------------------------------------------------------------------------ chat

    async def create(self, request: web.Request) -> web.Response:
        """POST /createSession."""
        project = self._project(request, await body_of(request, form=True))
        return answer(forms.success(forms.created(self.platform.open(project)), "Session created successfully"))

    async def send(self, request: web.Request) -> web.Response:
        """POST /sendMessage, answered at once or by a stream."""
        body = await body_of(request, form=True)
        session = self._session(request, body)
        text = text_of(body, "message", longest=10_000)
        send_by = _SENDERS[choice_of(body, "send_by", tuple(_SENDERS), "user")]
        choice_of(body, "content_type", _KINDS, "text")
        turn = self.platform.say(session, text, send_by=send_by)
        self._note(turn, send_by)
        if body.get("is_stream") is True and turn.answered is not None:
            token = self.platform.around.ids.hexadecimal(32)
            self.platform.streams.set(token, turn.answered)
            told = {"stream_url": _stream_url(request), "stream_token": token}
            return answer(forms.success(told, "Stream created"))
        if turn.answered is None:
            return answer(forms.success(forms.sent(session, turn.said), "Message sent"))
        return answer(forms.success([forms.sent(session, turn.answered)], "AI reply"))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """POST {stream_url}."""
        said = self.platform.streams.get(text_of(await body_of(request, form=False), "token"))
        if said is None:
            raise forms.not_found("Stream")
        return await event_stream(request, [encode(one) for one in forms.pieces(said, _PIECE.findall(said.content))])

    async def messages(self, request: web.Request) -> web.Response:
        """POST /getSessionMessages."""
        body = await body_of(request, form=False)
        session = self._session(request, body)
        pairs = list(zip(session.messages, [None, *session.messages], strict=False))
        if choice_of(body, "orderBy", _ORDERS, "ASC") == "DESC":
            pairs.reverse()
        page = [forms.message(session, said, before) for said, before in page_of(body, pairs)]
        return answer(forms.success(page, total=len(pairs)))

    async def sessions(self, request: web.Request) -> web.Response:
        """POST /getSessions, in both forms: a token may send a form, a project's key a filter."""
        by_token = request[KIND] == "token"
        body = await body_of(request, form=by_token)
        project, (first, last) = self._project(request, body), days_of(body)
        wanted = {} if by_token else _filter(body)
        if by_token and "status" in body:
            wanted["status"] = choice_of(body, "status", ("open", "closed"), "open")
        found = [
            item
            for item in reversed(self.platform.sessions.latest(project))
            if first <= f"{item.created_at:%Y-%m-%d}" <= last and _fits(item, wanted)
        ]
        found.sort(key=lambda item: item.messages[-1].at if item.messages else item.created_at)
        if choice_of(body, "orderBy", _ORDERS, "ASC") == "DESC":
            found.reverse()
        page = [forms.listed(item, self.platform.contact_of(item)) for item in page_of(body, found)]
        return answer(forms.success(page, total=len(found)))

    async def update(self, request: web.Request) -> web.Response:
        """POST /updateSession: unknown fields are refused; `resolved` is the bot's (documented)."""
        body = await body_of(request, form=True)
        session = self._session(request, body)
        if body.keys() - _UPDATES or (body.get("state") == "resolved" and "chat_mode" in body):
            raise forms.invalid()
        changed: JsonObject = {}
        if "state" in body:
            changed["state"] = choice_of(body, "state", forms.STATES, "")
        if "chat_mode" in body:
            changed["chat_mode"] = choice_of(body, "chat_mode", tuple(forms.MODES), "")
        if "segment" in body:
            changed["segment"] = text_of(body, "segment")
        if changed.get("state") == "resolved":
            changed["chat_mode"] = "bot"
        session.metadata |= changed
        return answer(forms.success(forms.listed(session, self.platform.contact_of(session)), "Session updated"))

    # --------------------------------------------------------------------------------------------- inside

    def _project(self, request: web.Request, body: Mapping[str, Any]) -> str:
        """Return the project that a body names in the way of its kind of key."""
        uid = text_of(body, "project_uid" if request[KIND] == "token" else "widget_uid")
        if uid == MISSING:
            raise forms.not_found("Project")
        return uid

    def _session(self, request: web.Request, body: Mapping[str, Any]) -> Conversation:
        project = self._project(request, body)
        return self.platform.session(uid_of(body), project=project)

    def _note(self, turn: Turn, send_by: SendBy) -> None:
        received = Received(
            platform=self.platform.name,
            endpoint=send_by,
            at=turn.said.at,
            bot_id=turn.session.bot_id,
            conversation_id=turn.session.id,
            message_id=turn.said.id,
            content=turn.said.content,
            metadata={},
        )
        self.platform.around.received.append(received, turn.said.weight)

    @web.middleware
    async def _enveloped(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusedError as error:
            return answer(forms.error(error.message), status=error.status)
        except InvalidJsonError:
            return answer(forms.error(forms.invalid().message), status=400)
        except web.HTTPException as error:
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
            return answer(forms.error(error.reason), status=error.status, headers=headers)

    @web.middleware
    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith(STREAM_PATH) and request.method == "POST":
            return await handler(request)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        key = request.headers.get("api-key", "").strip()
        by_token = not key and scheme.lower() == "bearer"
        if (token.strip() if by_token else key) in {"", "invalid"}:
            raise forms.unauthenticated()
        if ORGANISATION_PATH in request.path and not by_token:
            raise forms.forbidden()
        request[KIND] = "token" if by_token else "key"
        return await handler(request)


def _stream_url(request: web.Request) -> str:
    """Return where streams stand, as the caller reaches us."""
    prefix = request.path.partition(BASE_PATH)[0]
    return str(request.url.origin().with_path(prefix + STREAM_PATH))


def _filter(body: Mapping[str, Any]) -> JsonObject:
    """Return the fields that the filter of a project's key asks for."""
    wanted: JsonObject = {}
    given = body.get("filter", [])
    for one in given if isinstance(given, list) else [None]:
        if not isinstance(one, dict) or one.get("key") not in _KEYS:
            raise forms.invalid()
        if (one.get("model"), one.get("operator")) != ("SESSION", "eq"):
            raise forms.invalid()
        wanted[one["key"]] = one.get("value")
    return wanted


def _fits(session: Conversation, wanted: Mapping[str, Any]) -> bool:
    shown = {"id": session.id, "session_uid": session.metadata["uid"], **session.metadata}
    return all(str(shown[key]) == str(value) for key, value in wanted.items())
