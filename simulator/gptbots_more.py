"""GPTBots' API beyond chat: opinions of answers, the agent, users, workflows and the human handoff.

Sources: conversation-api, account-api (get-bot-information), user-api, workflow-api and human-handoff-service below
https://www.gptbots.ai/docs/api-reference/overview. Where they are silent: an opinion of an answer that is not there
changes none (`affectCount` 0), a quality is told in a field `quality`, an agent has an id and a name; `set-userid` and
the handoff's two calls answer `{code: 0, message}`; `get-user-cdp` shows what is known; the properties of a user that
no conversation has named cannot be changed (40000); a query that names one unknown user is 503 as a whole, and the
error stands in the usual envelope.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from simulator import gptbots_forms as forms
from simulator.errors import RefusedError
from simulator.gptbots import GPTBots, Run
from simulator.gptbots_asked import text_of
from simulator.gptbots_users import MAX_BOUND, MAX_USER_ID
from simulator.wire import JsonObject, answer

_DONE: Final = {"code": 0, "message": "success"}
_MOST_ASKED: Final = 100
_FEEDBACK: Final = ("POSITIVE", "NEGATIVE", "CANCELED")
_QUALITY: Final = ("NONE", "UNRESOLVED", "PARTIALLY_RESOLVED", "FULLY_RESOLVED")
# What takes an opinion back.
_NOTHING: Final = ("CANCELED", "NONE")


class GPTBotsMore:
    """The endpoints of users, workflows and handoffs over one `GPTBots`."""

    def __init__(
        self,
        platform: GPTBots,
        *,
        agent: web.RequestKey[str],
        body: Callable[[web.Request], Awaitable[JsonObject]],
    ) -> None:
        self.platform = platform
        self._agent = agent
        self._body = body

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.post("/v1/message/feedback", self.feedback),
            web.post("/v1/message/quality", self.quality),
            web.get("/v1/bot/detail", self.detail),
            web.post("/v1/user/set-userid", self.set_user_id),
            web.post("/v1/property/update", self.update_properties),
            web.get("/v2/user-property/query", self.query_properties),
            web.get("/v1/user/get-user-cdp", self.profile),
            web.post("/v1/workflow/invoke", self.invoke),
            web.post("/v1/workflow/query/result", self.query_run),
            web.post("/v1/human/message/receive", self.answer_handoff),
            web.post("/v1/human/close", self.close_handoff),
        ]

    # ---------------------------------------------------------------------------------------------- opinions

    async def feedback(self, request: web.Request) -> web.Response:
        """POST /v1/message/feedback: an opinion that is taken back is gone."""
        return await self._opinion(request, "feedback", _FEEDBACK)

    async def quality(self, request: web.Request) -> web.Response:
        """POST /v1/message/quality."""
        return await self._opinion(request, "quality", _QUALITY)

    async def detail(self, request: web.Request) -> web.Response:
        """GET /v1/bot/detail."""
        return answer({"bot_id": request[self._agent], "bot_name": "Simulated agent"})

    async def _opinion(self, request: web.Request, name: str, known: Sequence[str]) -> web.Response:
        body = await self._body(request)
        wanted, opinion = text_of(body, "answer_id"), text_of(body, name)
        if opinion not in known:
            raise forms.refused(40000, f"{name} must be one of {', '.join(known)}")
        count = 0
        for conversation in self.platform.conversations.latest(request[self._agent]):
            for said in [one for one in conversation.messages if one.id == wanted and one.role == "assistant"]:
                others = {key: value for key, value in said.metadata.items() if key != name}
                told = others if opinion in _NOTHING else {**others, name: opinion}
                self.platform.conversations.replace(conversation, replace(said, metadata=told))
                count += 1
        return answer({"affectCount": count})

    # ------------------------------------------------------------------------------------------------- users

    async def set_user_id(self, request: web.Request) -> web.Response:
        """POST /v1/user/set-userid."""
        body = await self._body(request)
        user_id = text_of(body, "user_id", longest=MAX_USER_ID)
        ids = [
            {name: text_of(one, name) for name in ("anonymous_id", "conversation_type")}
            for one in _objects(body, "anonymous_ids", most=MAX_BOUND)
        ]
        self.platform.users.bind(user_id, ids)
        return answer(_DONE)

    async def update_properties(self, request: web.Request) -> web.Response:
        """POST /v1/property/update: 200 also when some properties were not taken."""
        body = await self._body(request)
        user_id = text_of(body, "user_id", longest=MAX_USER_ID)
        if self.platform.users.get(user_id) is None:
            raise forms.refused(40000, "no such user")
        taken, refused = [], []
        for one in _objects(body, "property_values", most=1_000):
            name, value = text_of(one, "property_name"), one.get("value")
            if self.platform.users.set(user_id, name, value):
                taken.append({"propertyName": name, "value": value})
            else:
                refused.append({"property_name": name, "value": value})
        return answer({"success_update": taken, "fail_update": refused})

    async def query_properties(self, request: web.Request) -> web.Response:
        """GET /v2/user-property/query: 503 for an unknown user id, 504 for an unknown anonymous id."""
        if user_ids := _asked(request, "user_ids"):
            return answer([{"user_id": one, "property_values": self._properties(one, 503)} for one in user_ids])
        if anonymous_ids := _asked(request, "anonymous_ids"):
            return answer(
                [
                    {"anonymous_id": one, "property_values": self._properties(self.platform.users.bound_to(one), 504)}
                    for one in anonymous_ids
                ]
            )
        raise forms.refused(40000, "name user_ids or anonymous_ids")

    async def profile(self, request: web.Request) -> web.Response:
        """GET /v1/user/get-user-cdp."""
        users = self.platform.users
        user_id = request.query.get("user_id") or users.bound_to(request.query.get("anonymous_id", ""))
        values = self._properties(user_id, 503)
        return answer({"user_id": user_id, "anonymous_ids": users.bound(user_id or ""), "property_values": values})

    def _properties(self, user_id: str | None, status: int) -> list[JsonObject]:
        found = None if user_id is None else self.platform.users.get(user_id)
        if found is None:
            kind = "user id" if status == 503 else "anonymous id"  # noqa: PLR2004  # as documented for this call
            raise RefusedError(status, str(status), f"{kind} not found")
        return [{"property_name": name, "value": value} for name, value in found.items()]

    # --------------------------------------------------------------------------------------------- workflows

    async def invoke(self, request: web.Request) -> web.Response:
        """POST /v1/workflow/invoke: answers the run, or its id alone when nobody waits for it."""
        body = await self._body(request)
        given, later = body.get("input"), body.get("isAsync", False)
        if not isinstance(given, dict) or not isinstance(later, bool):
            raise forms.refused(40000, "input must be an object, isAsync true or false")
        callbacks = [_callback(one) for one in _objects(body, "webhook", most=10, least=0)]
        now = self.platform.around.clock.now()
        document = forms.workflow_run(self.platform.new_id(), given, now, now)
        self.platform.run_workflow(Run(document, request[self._agent], callbacks))
        return answer({"workflowRunId": document["workflowRunId"]} if later else document)

    async def query_run(self, request: web.Request) -> web.Response:
        """POST /v1/workflow/query/result."""
        run = self.platform.runs.get(text_of(await self._body(request), "workflowRunId"))
        if run is None or run.bot_id != request[self._agent]:
            raise forms.refused(40000, "no such run")
        return answer(run.document)

    # ---------------------------------------------------------------------------------------------- handoffs

    async def answer_handoff(self, request: web.Request) -> web.Response:
        """POST /v1/human/message/receive."""
        body = await self._body(request)
        handoff_id, text = _handoff_id(body), text_of(body, "body", longest=10_000)
        self.platform.answer_handoff(handoff_id, text)
        return answer(_DONE)

    async def close_handoff(self, request: web.Request) -> web.Response:
        """POST /v1/human/close."""
        self.platform.close_handoff(_handoff_id(await self._body(request)))
        return answer(_DONE)


def _handoff_id(body: JsonObject) -> str:
    timestamp = body.get("timestamp")
    if type(timestamp) is not int:
        raise forms.refused(40000, "timestamp must be a number of milliseconds")
    return text_of(body, "conversation_id")


def _asked(request: web.Request, name: str) -> list[str]:
    """Return the ids in a list of the query, separated by commas."""
    ids = [one for one in request.query.get(name, "").split(",") if one]
    if len(ids) > _MOST_ASKED:
        raise forms.refused(40000, f"at most {_MOST_ASKED} {name}")
    return ids


def _objects(body: JsonObject, name: str, *, most: int, least: int = 1) -> list[JsonObject]:
    value = body.get(name, [])
    if (
        not isinstance(value, list)
        or not least <= len(value) <= most
        or not all(isinstance(one, dict) for one in value)
    ):
        raise forms.refused(40000, f"{name} must be a list of {least} to {most} objects")
    return value


def _callback(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a callback; the documented GET is refused, because the simulator posts only."""
    url, headers = text_of(one, "url", longest=2_000), one.get("headers") or {}
    plain = isinstance(headers, dict) and all(
        isinstance(text, str) and text.isascii() and text.isprintable() for pair in headers.items() for text in pair
    )
    if one.get("method") != "POST" or not url.startswith(("http://", "https://")) or not plain:
        raise forms.refused(40000, "a webhook needs method POST, a url and headers of plain text")
    return {"url": url, "headers": headers}
