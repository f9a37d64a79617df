"""GPTBots' API as its documentation describes it.

Sources: the pages below https://www.gptbots.ai/docs/api-reference/overview. Where they are silent:

- A key belongs to one agent (documented): to the demo's, unless the key names another behind an `@`
  (`app-key@bot_2`). The agent `missing` was deleted, the agent `broke` has no credits left.
- Limits count per key and category (documented: 3 a minute on the free plan). The key of a custom plan has the word
  `enterprise` in it and 100 a minute. What exceeding one is answered with is documented as "a rate limit exceeded
  message": here 429 with code 42900, and without headers.
- Errors come with plausible statuses, see `gptbots_forms.CODES`.
- Messages come oldest first, conversations latest first. Streams have no prefix. Questions end at 10,000 characters.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from simulator import gptbots_forms as forms
from simulator.errors import InvalidJsonError, RefusedError
from simulator.gptbots import DEFAULT_BOT, GPTBots, Turn
from simulator.gptbots_asked import Sending, number, page_of, sending, text_of
from simulator.gptbots_more import GPTBotsMore
from simulator.limits import Rate, RateWindows
from simulator.platforms import Received
from simulator.wire import answer, json_lines, parse_object

RATES: Final[Mapping[str, Rate]] = {
    f"{category}/{plan}": Rate(limit, 60)
    for category in ("conversation", "workflow", "user")
    for plan, limit in (("free", 3), ("custom", 100))
}
"""Category and plan → its limit."""

MAX_BODY: Final = 1024 * 1024
"""Bytes of a request; the documentation names no bound."""

AGENT: Final = web.RequestKey("agent", str)
"""The agent whose key a request came with."""

_PIECE = re.compile(r"\S+\s*")
_SEND: Final = "/v2/conversation/message"


class GPTBotsApi:
    """The endpoints over one `GPTBots`."""

    base_path = ""

    def __init__(self, platform: GPTBots, *, limits: bool = True) -> None:
        self.platform = platform
        self._limits = limits
        self._windows = RateWindows(RATES)
        self._more = GPTBotsMore(platform, agent=AGENT, body=body_of)

    def routes(self) -> Sequence[web.RouteDef]:
        """Return all endpoints."""
        return [
            web.post("/v1/conversation", self.create),
            web.post(_SEND, self.send),
            web.get("/v1/bot/conversation/page", self.conversations),
            web.get("/v2/messages", self.messages),
            web.get("/v1/messages", self.old_messages),
            *self._more.routes(),
        ]

    def middlewares(self) -> Sequence[Middleware]:
        """Return errors as `{code, message}`, then the key and the limit."""
        return [self._enveloped, self._admitted]

    def route_class(self, request: web.Request) -> Literal["chat", "data"]:
        """Say "chat" for what sends a message, "data" for everything else."""
        return "chat" if request.path.endswith((_SEND, "/v1/human/message/receive")) else "data"

    def broken(self, request: web.Request, status: int, *, reset: int | None = None) -> web.Response:
        """Return a 5xx, or a 429, in the platform's words; when a limit ends it does not say."""
        del request
        return _refusal(forms.refused(50000, status=status) if reset is None else forms.refused(42900))

    def forget_limits(self) -> None:
        """Begin counting requests anew."""
        self._windows.reset()

    # ------------------------------------------------------------------------------------------------ chat

    async def create(self, request: web.Request) -> web.Response:
        """POST /v1/conversation."""
        user_id = text_of(await body_of(request), "user_id", longest=32)
        return answer({"conversation_id": self.platform.open(user_id, bot_id=request[AGENT]).id})

    async def send(self, request: web.Request) -> web.StreamResponse:
        """POST /v2/conversation/message, in each of the three modes."""
        asked = sending(await body_of(request))
        conversation = self.platform.conversation(asked.conversation_id, bot_id=request[AGENT])
        if request[AGENT] == "broke":
            raise forms.refused(40379)
        turn = self.platform.say(conversation, asked.text, mode=asked.mode)
        self._note(turn, asked)
        if asked.mode == "webhook":
            return answer({"code": 0, "message": "OK"})
        if asked.mode == "streaming":
            return await json_lines(request, list(_records(turn)))
        if turn.answered is None:
            return answer(forms.silence(conversation, turn.asked.at, turn.asked.id))
        return answer(forms.reply(conversation, turn.answered))

    async def conversations(self, request: web.Request) -> web.Response:
        """GET /v1/bot/conversation/page."""
        wanted = text_of(dict(request.query), "conversation_type", longest=40)
        user_id = request.query.get("user_id")
        begin, end = number(request, "start_time"), number(request, "end_time")
        found = [
            item
            for item in self.platform.conversations.latest(request[AGENT])
            if wanted in {"ALL", item.metadata["conversation_type"]}
            and user_id in {None, item.metadata["user_id"]}
            and begin <= forms.milliseconds(item.updated_at) <= end
        ]
        return answer({"list": [forms.listed(item) for item in page_of(request, found)], "total": len(found)})

    async def messages(self, request: web.Request) -> web.Response:
        """GET /v2/messages."""
        pairs = self._paired(request)
        page = [forms.message(*pair) for pair in page_of(request, pairs)]
        return answer({"total": len(pairs), "conversation_content": page})

    async def old_messages(self, request: web.Request) -> web.Response:
        """GET /v1/messages."""
        pairs = self._paired(request)
        return answer({"total": len(pairs), "messages": [forms.old_message(*pair) for pair in page_of(request, pairs)]})

    # --------------------------------------------------------------------------------------------- inside

    def _paired(self, request: web.Request) -> list[tuple[Any, Any]]:
        """Return each message of the conversation asked for, with the one before it."""
        wanted = text_of(dict(request.query), "conversation_id")
        messages = self.platform.conversation(wanted, bot_id=request[AGENT]).messages
        return list(zip(messages, [None, *messages], strict=False))

    def _note(self, turn: Turn, asked: Sending) -> None:
        received = Received(
            platform=self.platform.name,
            endpoint=asked.mode,
            at=turn.asked.at,
            bot_id=turn.conversation.bot_id,
            conversation_id=turn.conversation.id,
            message_id=turn.asked.id,
            content=turn.asked.content,
            metadata=asked.variables,
        )
        self.platform.around.received.append(received, turn.asked.weight)

    @web.middleware
    async def _enveloped(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusedError as error:
            return _refusal(error)
        except InvalidJsonError as error:
            return _refusal(forms.refused(40000, str(error)))
        except web.HTTPRequestEntityTooLarge:
            return _refusal(forms.refused(40000, f"more than {MAX_BODY} bytes"))
        except web.HTTPException as error:
            # unknown path or method: an error is documented, its code is not
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
            told = forms.refused(40000, error.reason, status=error.status)
            return answer(forms.error(told), status=error.status, headers=headers)

    @web.middleware
    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key or key == "invalid":
            raise forms.refused(40127)
        if self._limits:
            window = f"{_category(request.path)}/{'custom' if 'enterprise' in key else 'free'}"
            if not self._windows.take(window, key, self.platform.around.clock.now()).allowed:
                raise forms.refused(42900)
        request[AGENT] = key.partition("@")[2] or DEFAULT_BOT
        if request[AGENT] == "missing":
            raise forms.refused(40378)
        return await handler(request)


def _refusal(error: RefusedError) -> web.Response:
    return answer(forms.error(error), status=error.status)


def _category(path: str) -> str:
    """Return the category of the API, as the overview lists them."""
    if "/workflow/" in path:
        return "workflow"
    return "user" if any(part in path for part in ("/user/", "/property/", "/user-property/")) else "conversation"


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return the JSON object in a request."""
    body = await request.read()
    if len(body) > MAX_BODY:
        raise forms.refused(40000, f"more than {MAX_BODY} bytes")
    return parse_object(body)


def _records(turn: Turn) -> Sequence[dict[str, Any]]:
    """Return the records of a stream (send-message-v2: the table of codes)."""
    said = turn.answered
    text = said.content if said else ""
    words = len(text.split())
    cost = {"prompt_tokens": 1, "completion_tokens": words, "total_tokens": words + 1}
    return [
        {"code": 11, "message": "MessageInfo", "data": {"message_id": said.id if said else turn.asked.id}},
        *({"code": 3, "message": "Text", "data": piece} for piece in _PIECE.findall(text)),
        {"code": 4, "message": "Cost", "data": cost},
        {"code": 0, "message": "End", "data": None},
    ]
