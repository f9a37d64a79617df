"""What the sender is told, as aiohttp responses. Bodies are made by pure functions."""

from aiohttp import web
from pydantic import BaseModel, Field
from pydantic_core import to_json

from receiver.intake import Accepted
from receiver.problems import MEDIA_TYPE, Problem

REQUEST_ID = "X-Request-Id"
"""The header of every answer with the id that the log and `hookline explain` know it by."""

_JSON = "application/json"
# The name of the software is no secret; versions and the language are nobody's business.
_SERVER = ("Server", "hookline")
_NOSNIFF = ("X-Content-Type-Options", "nosniff")


class AcceptedAnswer(BaseModel):
    """The body of a success."""

    id: str = Field(description="The first event's id, or the delivery's own where it tells no event.")
    ids: list[str] = Field(description="The id of each event: the same when the delivery comes again.")
    duplicate: bool = Field(description="Every event was durable before this delivery came.")
    stored: str = Field(description="Where it is kept: kafka or sqlite.")
    quarantined: str | None = Field(default=None, description="Its id in the quarantine, where it could not be read.")


def accepted_body(accepted: Accepted, *, duplicate: bool, stored: str) -> bytes:
    """The body of a success."""
    # As `AcceptedAnswer` says, without the price of checking what is our own.
    answer: dict[str, object] = {"id": accepted.id, "ids": accepted.ids, "duplicate": duplicate, "stored": stored}
    if accepted.quarantined is not None:
        answer["quarantined"] = accepted.quarantined
    return to_json(answer)


def json_response(body: bytes, *, status: int = 200) -> web.Response:
    """A JSON document."""
    return _response(status, body, _JSON)


def text_response(body: bytes, *, status: int) -> web.Response:
    """Plain text, as handshakes and some senders want it."""
    return _response(status, body, "text/plain; charset=utf-8")


def problem_response(problem: Problem, request: str | None = None) -> web.Response:
    """A problem. After a 400 the connection is closed: nobody knows where the next request would begin.

    Args:
        problem: what went wrong.
        request: the id of the request that it is the answer to, if it was one.
    """
    body = problem.body if request is None else problem.body_for(request)
    response = _response(problem.status, body, MEDIA_TYPE, problem.headers)
    if problem.status == web.HTTPBadRequest.status_code:
        response.force_close()
    return response


def _response(status: int, body: bytes, content_type: str, more: tuple[tuple[str, str], ...] = ()) -> web.Response:
    return web.Response(status=status, body=body, headers=[("Content-Type", content_type), _SERVER, _NOSNIFF, *more])
