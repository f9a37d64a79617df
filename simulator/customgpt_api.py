"""CustomGPT.ai's API as its documentation describes it.

Source: https://docs.customgpt.ai/openapi/openapi.json. Where it is silent:

- Any key works but `invalid`, and reaches every project but `missing`. The project `broke` has no query credits left.
- Requests are not limited (none is documented); queries are counted by key, 10,000 of them.
- Lists are newest first by default, `start_date` and `end_date` of the report are days, both included.
- Streams are data-only events with pieces of words, ended by `{"status":"finish"}`.
- What an unsupported argument is: a completion with `tools`, `functions`, `n` or `stop`.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from simulator import bot
from simulator import customgpt_forms as forms
from simulator.conversations import Conversation
from simulator.customgpt import MAX_NAME, QUERIES, CustomGPT, Prompt
from simulator.errors import InvalidJsonError, RefusedError
from simulator.platforms import Received
from simulator.wire import JsonObject, answer, encode, event_stream, parse_object

KEY: Final = web.RequestKey("key", str)
"""The key a request came with."""

MAX_BODY: Final = 1024 * 1024
MAX_PROMPT: Final = 10_000
MAX_EXTERNAL_ID: Final = 128

_PROJECT: Final = "/projects/{project}"
_CONVERSATION: Final = f"{_PROJECT}/conversations/{{session}}"
_MESSAGE: Final = f"{_CONVERSATION}/messages/{{prompt}}"
_PIECE = re.compile(r"\S+\s*")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_UNSUPPORTED: Final = ("tools", "functions", "n", "stop")
_SOURCES: Final = ("default", "own_content", "openai_content")


class CustomGPTApi:
    """The endpoints over one `CustomGPT`."""

    base_path = "/api/v1"

    def __init__(self, platform: CustomGPT, *, limits: bool = True) -> None:
        self.platform = platform
        self._limits = limits

    def routes(self) -> Sequence[web.RouteDef]:
        """Return all endpoints."""
        base = self.base_path
        return [
            web.get(f"{base}/projects", self.projects),
            web.post(f"{base}/projects", self.create_project),
            web.get(f"{base}{_PROJECT}", self.project),
            web.get(f"{base}{_PROJECT}/conversations", self.conversations),
            web.post(f"{base}{_PROJECT}/conversations", self.create),
            web.put(f"{base}{_CONVERSATION}", self.rename),
            web.delete(f"{base}{_CONVERSATION}", self.delete),
            web.get(f"{base}{_CONVERSATION}/messages", self.messages),
            web.post(f"{base}{_CONVERSATION}/messages", self.send),
            web.get(f"{base}{_MESSAGE}", self.message),
            web.put(f"{base}{_MESSAGE}/feedback", self.react),
            web.post(f"{base}{_PROJECT}/chat/completions", self.complete),
            web.get(f"{base}{_PROJECT}/citations/{{citation}}", self.citation),
            web.get(f"{base}{_PROJECT}/reports/intelligence", self.intelligence),
            web.get(f"{base}/limits/usage", self.usage),
        ]

    def middlewares(self) -> Sequence[Middleware]:
        """Return errors in the envelope, then the key."""
        return [self._enveloped, self._admitted]

    def route_class(self, request: web.Request) -> Literal["chat", "data"]:
        """Say "chat" for what asks the project something, "data" for everything else."""
        asks = request.method == "POST" and request.path.endswith(("/messages", "/chat/completions"))
        return "chat" if asks else "data"

    def broken(self, request: web.Request, status: int, *, reset: int | None = None) -> web.Response:
        """Return a 5xx, or the 429 of used-up credits, in the platform's words; when they come back it does not say."""
        words = "Internal server error." if reset is None else "You have exhausted your current query credits."
        return _refusal(request, RefusedError(status, str(status), words))

    def forget_limits(self) -> None:
        """Begin counting queries anew."""
        self.platform.forget_credits()

    # -------------------------------------------------------------------------------------------- projects

    async def projects(self, request: web.Request) -> web.Response:
        """GET /projects."""
        now = self.platform.around.clock.now()
        names = sorted({item.bot_id for item in self.platform.conversations.latest()})
        return answer(forms.success(_page(request, [forms.project(name, f"Project {name}", now) for name in names])))

    async def create_project(self, request: web.Request) -> web.Response:
        """POST /projects."""
        body = await _body(request)
        name = _text(body, "project_name", longest=MAX_NAME)
        now = self.platform.around.clock.now()
        made = forms.project(str(self.platform.number()), name, now) | {"sitemap_path": body.get("sitemap_path")}
        return answer(forms.success(made), status=201)

    async def project(self, request: web.Request) -> web.Response:
        """GET /projects/{projectId}."""
        name = request.match_info["project"]
        return answer(forms.success(forms.project(name, f"Project {name}", self.platform.around.clock.now())))

    # --------------------------------------------------------------------------------------- conversations

    async def conversations(self, request: web.Request) -> web.Response:
        """GET …/conversations."""
        found = self.platform.listed(request.match_info["project"])
        wanted = request.query.get("name")
        if wanted is not None:
            found = [item for item in found if wanted.casefold() in item.metadata["name"].casefold()]
        if request.query.get("orderBy", "created_at") not in {"id", "created_at"}:
            raise _bad("orderBy must be id or created_at")
        return answer(forms.success(_page(request, [forms.conversation(item) for item in _ordered(request, found)])))

    async def create(self, request: web.Request) -> web.Response:
        """POST …/conversations."""
        name = _text(await _body(request), "name", longest=MAX_NAME)
        opened = self.platform.open(name, project=request.match_info["project"])
        return answer(forms.success(forms.conversation(opened)), status=201)

    async def rename(self, request: web.Request) -> web.Response:
        """PUT …/conversations/{sessionId}."""
        found = self._conversation(request)
        found.metadata["name"] = _text(await _body(request), "name", longest=MAX_NAME)
        return answer(forms.success(forms.conversation(found)))

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE …/conversations/{sessionId}."""
        self.platform.delete(self._conversation(request))
        return answer(forms.success({"deleted": True}))

    # -------------------------------------------------------------------------------------------- messages

    async def messages(self, request: web.Request) -> web.Response:
        """GET …/messages."""
        found = self._conversation(request)
        prompts = _ordered(request, self.platform.prompts(found)[::-1])
        page = _page(request, [self._shown(prompt) for prompt in prompts])
        return answer(forms.success({"conversation": forms.conversation(found), "messages": page}))

    async def send(self, request: web.Request) -> web.StreamResponse:
        """POST …/messages, whole or as a stream."""
        found = self._conversation(request)
        body = await _body(request)
        text = _text(body, "prompt", longest=MAX_PROMPT)
        if body.get("response_source", "default") not in _SOURCES:
            raise _bad(f"response_source must be one of {', '.join(_SOURCES)}")
        external_id = request.query.get("external_id")
        if external_id is not None and len(external_id) > MAX_EXTERNAL_ID:
            raise _bad(f"external_id may have {MAX_EXTERNAL_ID} characters")
        self.platform.spend(request[KEY], found.bot_id, limits=self._limits)
        streamed = request.query.get("stream", "false") in {"true", "1"}
        prompt = self.platform.ask(found, text, {"external_id": external_id, "request_source": "api"})
        self._note(prompt, "stream" if streamed else "message")
        if streamed:
            return await event_stream(request, _records(prompt.answered.content))
        return answer(forms.success(self._shown(prompt)))

    async def message(self, request: web.Request) -> web.Response:
        """GET …/messages/{promptId}."""
        return answer(forms.success(self._shown(self._prompt(request))))

    async def react(self, request: web.Request) -> web.Response:
        """PUT …/messages/{promptId}/feedback."""
        prompt = self._prompt(request)
        reaction = (await _body(request)).get("reaction")
        if reaction not in forms.REACTIONS:
            raise _bad(f"reaction must be one of {', '.join(forms.REACTIONS)}")
        self.platform.reactions.set(str(prompt.id), reaction)
        return answer(forms.success(self._shown(prompt)))

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """POST …/chat/completions."""
        body = await _body(request)
        if unsupported := [name for name in _UNSUPPORTED if name in body]:
            raise RefusedError(501, "501", f"Unsupported argument: {', '.join(unsupported)}")
        messages = body.get("messages")
        last = messages[-1] if isinstance(messages, list) and messages else None
        if not isinstance(last, dict):
            raise _bad("messages must be a list that is not empty")
        text = _text(last, "content", longest=MAX_PROMPT)
        self.platform.spend(request[KEY], request.match_info["project"], limits=self._limits)
        said, now = bot.answer(text, turn=0), self.platform.around.clock.now()
        whole = forms.completion(self.platform.number(), str(body.get("model", "gpt-4-o"))[:100], said, now)
        return answer(whole)

    # --------------------------------------------------------------------------------------------- reports

    async def citation(self, request: web.Request) -> web.Response:
        """GET …/citations/{citationId}: none of the simulated answers has one."""
        raise RefusedError(404, "404", f"Citation with id {request.match_info['citation'][:100]} not found.")

    async def intelligence(self, request: web.Request) -> web.Response:
        """GET …/reports/intelligence."""
        days = [
            request.query.get(name, usual) for name, usual in (("start_date", "0001-01-01"), ("end_date", "9999-12-31"))
        ]
        if not all(_DAY.fullmatch(day) for day in days):
            raise _bad("start_date and end_date must be days, such as 2024-01-15")
        found = self.platform.between(request.match_info["project"], days[0], days[1])
        rows = [forms.row(prompt, self.platform.reactions.get(str(prompt.id))) for prompt in found]
        return answer(forms.success(_page(request, rows, size=_number(request, "limit", 10, most=100))))

    async def usage(self, request: web.Request) -> web.Response:
        """GET /limits/usage."""
        told = {
            "max_projects_num": 10,
            "current_projects_num": 1,
            "max_total_storage_credits": 1_000_000,
            "current_total_storage_credits": 1_000,
            "max_queries": QUERIES,
            "current_queries": self.platform.used(request[KEY]),
        }
        return answer(forms.success(told))

    # ---------------------------------------------------------------------------------------------- inside

    def _conversation(self, request: web.Request) -> Conversation:
        return self.platform.conversation(request.match_info["session"], project=request.match_info["project"])

    def _prompt(self, request: web.Request) -> Prompt:
        wanted = request.match_info["prompt"]
        for prompt in self.platform.prompts(self._conversation(request)):
            if str(prompt.id) == wanted:
                return prompt
        raise RefusedError(404, "404", f"Conversation message with id {wanted[:100]} not found.")

    def _shown(self, prompt: Prompt) -> JsonObject:
        return forms.prompt(prompt, self.platform.reactions.get(str(prompt.id)))

    def _note(self, prompt: Prompt, endpoint: str) -> None:
        received = Received(
            platform=self.platform.name,
            endpoint=endpoint,
            at=prompt.asked.at,
            bot_id=prompt.conversation.bot_id,
            conversation_id=prompt.conversation.id,
            message_id=str(prompt.id),
            content=prompt.asked.content,
            metadata=prompt.asked.metadata,
        )
        self.platform.around.received.append(received, prompt.asked.weight)

    @web.middleware
    async def _enveloped(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusedError as error:
            return _refusal(request, error)
        except InvalidJsonError as error:
            return _refusal(request, _bad(str(error)))
        except web.HTTPRequestEntityTooLarge:
            return _refusal(request, _bad(f"more than {MAX_BODY} bytes"))
        except web.HTTPException as error:
            told = _refusal(request, RefusedError(error.status, str(error.status), error.reason))
            if "Allow" in error.headers:
                told.headers["Allow"] = error.headers["Allow"]
            return told

    @web.middleware
    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key.strip() in {"", "invalid"}:
            raise RefusedError(401, "401", "API Token is either missing or invalid")
        request[KEY] = key.strip()
        if request.match_info.get("project") == "missing":
            raise RefusedError(404, "404", "Project with id missing not found.")
        return await handler(request)


def _refusal(request: web.Request, error: RefusedError) -> web.Response:
    return answer(forms.error(error, str(request.rel_url)), status=error.status)


def _bad(words: str) -> RefusedError:
    return RefusedError(400, "400", words)


async def _body(request: web.Request) -> JsonObject:
    body = await request.read()
    if len(body) > MAX_BODY:
        raise _bad(f"more than {MAX_BODY} bytes")
    return parse_object(body)


def _text(body: JsonObject, name: str, *, longest: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise _bad(f"{name} must be a text of 1 to {longest} characters")
    return value


def _number(request: web.Request, name: str, usual: int, *, most: int) -> int:
    text = request.query.get(name, str(usual))
    if not re.fullmatch(r"[0-9]{1,10}", text) or not 1 <= int(text) <= most:
        raise _bad(f"{name} must be a number from 1 to {most}")
    return int(text)


def _ordered(request: web.Request, newest_first: Sequence[Any]) -> Sequence[Any]:
    order = request.query.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise _bad("order must be asc or desc")
    return newest_first if order == "desc" else newest_first[::-1]


def _page(request: web.Request, items: Sequence[JsonObject], *, size: int = forms.PER_PAGE) -> JsonObject:
    return forms.page(items, _number(request, "page", 1, most=10**9), str(request.url.with_query(None)), size=size)


def _records(text: str) -> list[bytes]:
    told: list[JsonObject] = [{"status": "progress", "message": piece} for piece in _PIECE.findall(text)]
    return [encode(one) for one in [*told, {"status": "finish"}]]
