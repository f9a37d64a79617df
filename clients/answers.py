"""The one place where an answer becomes a document or an error. Pure.

A platform adds how it complains in its bodies (`Complain`); what statuses mean is the same for all: RFC 9110 15,
and the retry classes written at `clients/retries.py`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from clients.errors import (
    BadAnswer,
    ClientError,
    NotFound,
    OutOfCredit,
    PlatformDown,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorized,
)
from clients.waits import asked_wait

M = TypeVar("M", bound=BaseModel)

KEPT_HEADERS = frozenset(
    {
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "retry-after",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    }
)
"""Headers of an answer that are looked at; the others are dropped at the door."""

_BY_STATUS: Mapping[int, type[ClientError]] = {
    401: Unauthorized,
    402: OutOfCredit,
    403: Unauthorized,
    404: NotFound,
    408: TimedOut,
    410: NotFound,
    429: RateLimited,
    501: Rejected,
    505: Rejected,
}
# RFC 9110 15.4: these redirects want the same request elsewhere, so it was not carried out here. 301, 302 and 303 turn
# a POST into a GET, and are also sent after it was.
_MOVED = frozenset({307, 308})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the headers we look at (lower-case), and the whole decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Document(BaseModel):
    """A part of an answer: fields we do not know are ignored, nothing of the content is shown in an error."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a body says went wrong, in so far as it says something documented."""

    # The platform's code, only if it is one of its documented ones.
    code: str | None = None
    # What that code means; None if it says no more than the status.
    kind: type[ClientError] | None = None
    # The platform documents what its codes mean and not which status comes with them: the code decides, under any.
    decides: bool = False


Complain: TypeAlias = Callable[[object], Complaint | None]
"""A platform's reader of its envelope: a parsed body to what is wrong; None if it is a success."""


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type without its parameters, lower-case; empty if none was sent."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def document(answer: Answer, complain: Complain, *, what: str, now: datetime, absent: Collection[int] = ()) -> object:
    """Return the parsed body of a success; None for an empty one.

    Args:
        answer: the whole answer.
        complain: the platform's reader of its envelope.
        what: names the call in errors.
        now: the time.
        absent: statuses and codes by which this call says, in a JSON object, that there is no such thing.

    Raises:
        ClientError: the status or the envelope says that it is no success, or the body is no JSON.
    """
    success = 200 <= answer.status < 300  # noqa: PLR2004 - the class of successes, RFC 9110 15.3
    if success and not answer.body:
        return None
    try:
        value = from_json(answer.body, allow_inf_nan=False)
    except ValueError:
        if success:
            raise _no_json(answer, what) from None
        value = None
    complaint = complain(value)
    if absent and isinstance(value, Mapping) and _says_absent(answer.status, complaint, absent):
        complaint = Complaint(kind=NotFound, decides=True)
    if success and complaint is None:
        return value
    raise failure(answer, complaint or Complaint(), what=what, now=now)


def fit(model: type[M], value: object, *, what: str) -> M:
    """Read a document with a model.

    Raises:
        BadAnswer: it does not fit; the text names the fields, never their content.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in detail["loc"]) or "the document" for detail in error.errors()})
        shown = ", ".join(fields[:5])
        raise BadAnswer(f"{what}: the answer does not fit what the platform documents, at {shown}") from None


def failure(answer: Answer, complaint: Complaint, *, what: str, now: datetime) -> ClientError:
    """Map a status and what the envelope complains of to the error tree."""
    status = answer.status
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        return _redirect(status, what)
    kind = _kind(status, complaint)
    # some envelopes repeat the status
    named = f" {complaint.code}" if complaint.code and complaint.code != str(status) else ""
    wait = asked_wait(answer.headers, now) if kind.retryable else None
    asked = f" and asked to wait {wait:.0f} s" if wait else ""
    return kind(
        f"{what}: the platform answered {status}{named}{asked}",
        status=status,
        code=complaint.code,
        retry_after=wait,
        nothing_happened=_proof(status, kind, known=complaint.kind is not None, decides=complaint.decides),
    )


def _kind(status: int, complaint: Complaint) -> type[ClientError]:
    """A documented code tells more than the status, unless it is the general one (a 404 with "invalid request").

    A 5xx is never made into something harmless, but by a code that decides.
    """
    if complaint.decides and complaint.kind is not None:
        return complaint.kind
    if status >= 500:  # noqa: PLR2004 - the class of server errors
        return _BY_STATUS.get(status, PlatformDown)
    # Below 400 nobody has refused anything, unless the envelope says so in a word we know.
    unnamed = Rejected if status >= 400 else complaint.kind or BadAnswer  # noqa: PLR2004 - the class of client errors
    by_status = _BY_STATUS.get(status, unnamed)
    return by_status if complaint.kind is None or complaint.kind is Rejected else complaint.kind


def _says_absent(status: int, complaint: Complaint | None, absent: Collection[int]) -> bool:
    """Whether an answer says that there is none; a code that means something of its own says more."""
    if complaint is None:
        return status in absent
    return complaint.kind is None and (status in absent or complaint.code in {str(code) for code in absent})


def _proof(status: int, kind: type[ClientError], *, known: bool, decides: bool) -> bool:
    """Say whether the platform proved that it did nothing.

    A 4xx does, and a documented refusal inside a 2xx, or under any status where the code decides.
    """
    if 400 <= status < 500:  # noqa: PLR2004 - the class of client errors
        return kind is not PlatformDown
    return (decides or status < 300) and known and kind.nothing_happened  # noqa: PLR2004 - the class of successes


def _redirect(status: int, what: str) -> BadAnswer:
    return BadAnswer(
        f"{what}: the platform answered with a redirect ({status}), which is never followed",
        status=status,
        retryable=False,
        nothing_happened=status in _MOVED,
    )


def _no_json(answer: Answer, what: str) -> BadAnswer:
    shown = "HTML" if media_type(answer.headers) == "text/html" else "something that is no JSON"
    return BadAnswer(f"{what}: the platform answered {answer.status} with {shown}", status=answer.status)
