"""What a sender is told when its delivery is not accepted: RFC 9457 problem details with stable types.

The table is the whole of it: whatever a request holds, the answer is one of these or a success.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

BASE = "urn:hookline:problem:"
MEDIA_TYPE = "application/problem+json"
INSTANCE = b"urn:hookline:request:"


class ProblemDetails(BaseModel):
    """The body of every error (RFC 9457), for the OpenAPI document."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="What went wrong, as a stable URI.")
    title: str
    status: int
    detail: str = Field(description="What happened and what to do, for people.")
    fields: list[str] | None = Field(default=None, description="The fields at fault, dotted; never a value.")
    quarantined: str | None = Field(default=None, description="The id under which the delivery is kept.")
    instance: str | None = Field(
        default=None, description="This very request: the receiver's operator finds out more by its id."
    )


@dataclass(frozen=True)
class Problem:
    """One kind of refusal, ready to be told."""

    name: str
    status: int
    title: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    fields: tuple[str, ...] = ()
    quarantined: str | None = None

    @property
    def type(self) -> str:
        """The stable URI of this kind."""
        return BASE + self.name

    @cached_property
    def body(self) -> bytes:
        """The problem as JSON; made once where it is the same for everybody."""
        details = ProblemDetails(
            type=self.type,
            title=self.title,
            status=self.status,
            detail=self.detail,
            fields=list(self.fields) or None,
            quarantined=self.quarantined,
        )
        return details.model_dump_json(exclude_none=True).encode()

    def body_for(self, request: str) -> bytes:
        """The same of one request, which it names; the id is ours, so it needs no quoting."""
        return b'%b,"instance":"%b%b"}' % (self.body[:-1], INSTANCE, request.encode())

    def with_header(self, name: str, value: str) -> "Problem":
        """The same problem with one header more."""
        return replace(self, headers=(*self.headers, (name, value)))

    def about(self, fields: tuple[str, ...], quarantined: str) -> "Problem":
        """The same problem, of one delivery that is kept."""
        return replace(self, fields=fields, quarantined=quarantined)


MALFORMED = Problem("malformed-request", 400, "Malformed request", "The request is not HTTP as RFC 9112 writes it.")
INCOMPLETE = Problem(
    "incomplete-body", 400, "Incomplete body", "The body did not arrive in full, or too slowly. Send it again."
)
NOT_JSON = Problem(
    "not-json", 400, "Not JSON", "The delivery is authentic, but its body is not JSON. It is kept in quarantine."
)
UNAUTHENTICATED = Problem(
    "unauthenticated",
    401,
    "Not authenticated",
    "The delivery could not be verified. Compare the secrets; the receiver's operator can tell more by `instance`.",
    (("WWW-Authenticate", "Signature"),),
)
NOT_FOUND = Problem("not-found", 404, "No such source", "Nothing receives here. Deliveries go to /in/{source}.")
NOT_ALLOWED = Problem("method-not-allowed", 405, "Method not allowed", "Deliveries are sent with POST.")
POLLED = Problem(
    "polled",
    405,
    "Polled source",
    "The platform of this source documents no webhooks, so nothing is taken here: `hookline poll` asks it for news.",
    (("Allow", ""),),
)
TOO_LARGE = Problem("too-large", 413, "Too large", "The body, or the event it tells, is over the limit of this source.")
ENCODED = Problem(
    "unsupported-encoding", 415, "Unsupported encoding", "Send the body as it was signed, without Content-Encoding."
)
UNSPOKEN = Problem(
    "unsupported-type",
    415,
    "Unsupported media type",
    "This source does not speak what the header Content-Type names; `detail` says what it speaks.",
)


def unspoken(spoken: Iterable[str]) -> Problem:
    """A header Content-Type that names something else than these."""
    detail = f"This source does not speak what the header Content-Type names. It speaks {', '.join(sorted(spoken))}."
    return replace(UNSPOKEN, detail=detail)


NOT_FITTING = Problem(
    "not-fitting",
    422,
    "Does not fit",
    "The delivery is authentic, but the fields named here are missing or not what the platform sends. It is kept in "
    "quarantine.",
)
TOO_MANY = Problem("rate-exceeded", 429, "Too many deliveries", "This source is over its rate. Try again later.")
BUSY = Problem("overloaded", 503, "Overloaded", "Too much is in flight. Try again later.", (("Retry-After", "1"),))
UNSTORED = Problem(
    "not-stored", 503, "Not stored", "The delivery could not be made durable in time. Send the same delivery again."
)
FAILED = Problem(
    "internal", 503, "Not stored", "The receiver met an error of its own. Send it again.", (("Retry-After", "5"),)
)

PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {
        problem.name: problem
        for problem in (
            MALFORMED,
            INCOMPLETE,
            NOT_JSON,
            UNAUTHENTICATED,
            NOT_FOUND,
            NOT_ALLOWED,
            POLLED,
            TOO_LARGE,
            ENCODED,
            UNSPOKEN,
            NOT_FITTING,
            TOO_MANY,
            BUSY,
            UNSTORED,
            FAILED,
        )
    }
)
"""Every problem, by the last part of its type."""
