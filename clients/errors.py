"""What can go wrong between us and a platform.

    ClientError
    ├── NotSupported       the platform has no such operation, or the configuration leaves it off
    ├── ForbiddenAddress   the platform's name leads to an address that must not be called
    ├── Unreachable        no connection came about: refused, no route, no such name, TLS failed
    ├── ConnectionLost     the connection broke after it stood: what the platform did is not known
    ├── TimedOut           no complete answer in time: what the platform did is not known
    │   └── GivenUp        whoever asked was cancelled before there was one; told of, never raised
    ├── BadAnswer          an answer that cannot be understood, is too large, or is a redirect
    ├── RateLimited        429, or our own limit for this account: `retry_after` says how long
    ├── OutOfCredit        402 and its kin: only a person can mend it (`parked`)
    ├── Unauthorized       401, 403: the key is wrong, revoked or may not do this
    ├── NotFound           404, 410: no such bot, conversation or contact
    ├── Rejected           any other refusal of the request as it stands: 400, 409, 422, 501 …
    │   └── PartlyRejected some fields were taken and others refused: `fields` names those
    └── PlatformDown       5xx

`clients/answers.py` is the one place that maps statuses and envelopes to this tree, `clients/foreign.py` the one place
that maps what the HTTP library raises. No message holds a secret or a piece of an answer's body.
"""

from typing import Any, ClassVar


class ClientError(Exception):
    """An operation at a platform did not succeed.

    Attributes:
        retryable: The same call may succeed later. Whether it may be repeated is another question: see
            `nothing_happened`. True of every call with an effect for which that proof is missing: look, then decide.
        retry_after: Seconds to wait before the next try, as the platform or our own limit told; None if unknown.
        parked: Waiting minutes will not help, a person must act (credit used up): try again in hours and tell someone.
        nothing_happened: Proof that the effect did not take place: the connection was refused, the request never
            left, or the platform refused it. Without it a repeated send may post the message twice.
        status: The HTTP status, if an answer came.
        code: The platform's own error code, if it is one of the documented ones.
        account: The name of the account it happened to; empty before its client has passed it on.
    """

    retryable: bool = False
    parked: bool = False
    nothing_happened: bool = False
    advice: ClassVar[str] = ""

    def __init__(
        self,
        what: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
        nothing_happened: bool | None = None,
    ) -> None:
        super().__init__(f"{what}. {self.advice}" if self.advice else what)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.account = ""
        if retryable is not None:
            self.retryable = retryable
        if nothing_happened is not None:
            self.nothing_happened = nothing_happened


class NotSupported(ClientError):
    """The platform has no such operation, or the account's configuration leaves it off.

    Attributes:
        ability: The operation, such as `upsert_contact` (`clients/abilities.py` has all).
    """

    nothing_happened = True

    def __init__(self, what: str, *, ability: str = "", status: int | None = None, **more: Any) -> None:
        super().__init__(what, status=status, **more)
        self.ability = ability


class ForbiddenAddress(ClientError):
    """The host leads to a private, loopback, link-local or metadata address."""

    nothing_happened = True
    advice = "If this platform really runs inside your network (a simulator, a test), set `allow_private = true`"


class Unreachable(ClientError):
    """No connection came about, so the request never left."""

    retryable = True
    nothing_happened = True
    advice = "Check base_url, name resolution, the network and the platform's status page"


class ConnectionLost(ClientError):
    """The connection broke before the answer was complete; the platform may have done it."""

    retryable = True
    advice = "Before repeating a send, read the conversation's newest message"


class TimedOut(ClientError):
    """No complete answer came in time; the platform may have done it."""

    retryable = True
    advice = "Before repeating a send, read the conversation's newest message; slow bots need larger `timeouts`"


class GivenUp(TimedOut):
    """Whoever asked was cancelled before a complete answer came; the platform may have done it."""


class BadAnswer(ClientError):
    """An answer came that cannot be understood, is too large, or is a redirect (never followed)."""

    retryable = True
    advice = "Check base_url; if it is right, the platform changed or something between us answers in its place"


class RateLimited(ClientError):
    """The platform said 429, or our own limit for this account says wait."""

    retryable = True
    nothing_happened = True
    advice = "Try again after `retry_after` seconds; if it is constant, lower the account's `limits`"


class OutOfCredit(ClientError):
    """The account's credit is used up."""

    retryable = True
    parked = True
    nothing_happened = True
    advice = "Top up the account at the platform"


class Unauthorized(ClientError):
    """The key is wrong, revoked, or may not do this."""

    nothing_happened = True
    advice = "Check api_key and its permissions in the platform's dashboard"


class NotFound(ClientError):
    """The bot, conversation or contact does not exist (any more)."""

    nothing_happened = True
    advice = "Check the id asked for, and the bot or project that the account names (bot_id, project_id, project_uid)"


class Rejected(ClientError):
    """The request as it stands will never be accepted."""

    nothing_happened = True
    advice = "Change the request: repeating it will not help"


class PartlyRejected(Rejected):
    """Some fields were taken and others refused.

    Attributes:
        fields: The names of those refused, as they were sent.
    """

    nothing_happened = False

    def __init__(self, what: str, *, fields: tuple[str, ...]) -> None:
        super().__init__(what)
        self.fields = fields


class PlatformDown(ClientError):
    """The platform answered 5xx; it may have done it all the same."""

    retryable = True
    advice = "Wait and try again; before repeating a send, read the conversation's newest message"
