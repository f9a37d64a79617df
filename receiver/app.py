"""One request, one answer: route, read, take in, keep, answer. Nothing else is done per request.

raw request ─ route ─ screen ─ read body ─ intake (pure) ─ rate ─ keep (dedupe, append, wait) ─ answer
"""

import asyncio
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from aiohttp import web
from pydantic_core import to_json

from receiver import problems
from receiver.answers import REQUEST_ID, accepted_body, json_response, problem_response, text_response
from receiver.body import Body
from receiver.delivery import Delivery, Headers, Target, route, shown_path
from receiver.diagnosis.diagnosis import Diagnosis
from receiver.diagnosis.hint import Hint
from receiver.health import Check, Health, health_of, status_of
from receiver.intake import Accepted, Handshaken, Named, Outcome, Refusal, decide, screen
from receiver.keep import Keep, Kept, Unkept
from receiver.limits import Bucket, Budget, peer_of, retry_after
from receiver.openapi import document
from receiver.problems import Problem
from receiver.recent import Recent
from receiver.reports import NOBODY, Answered, Report, Sender, product
from receiver.request_ids import RequestIds
from receiver.settings import ReceiverSettings
from receiver.sources.source import Source
from schemas.topics import Topics

log = structlog.get_logger()

# Of a source's budget, what is left for the answer's own way. Seconds.
_ANSWERING = 0.2


@dataclass(frozen=True, slots=True)
class _Reply:
    answer: web.Response | Problem
    outcome: str
    reason: str = ""
    accepted: Accepted | None = None
    quarantined: str | None = None
    hints: tuple[Hint, ...] = ()

    def response(self, request: str) -> web.Response:
        """What the sender is told, with the id by which the operator finds out more."""
        answer = self.answer
        response = problem_response(answer, request) if isinstance(answer, Problem) else answer
        response.headers[REQUEST_ID] = request
        return response


class Receiver:
    """Answers requests.

    Args:
        sources: by name.
        topics: the topics of this installation.
        keep: makes records durable.
        settings: the bounds.
        clock: the time of day, aware.
        checks: what `/readyz` tells, by name.
        reports: told of each answer; they must not raise.
        version: of hookline, for the OpenAPI document.
    """

    def __init__(
        self,
        *,
        sources: Mapping[str, Source],
        topics: Topics,
        keep: Keep,
        settings: ReceiverSettings,
        clock: Callable[[], datetime],
        checks: Mapping[str, Check],
        reports: Sequence[Report],
        version: str,
    ) -> None:
        self._sources = sources
        self._topics = topics
        self._keep = keep
        self._settings = settings
        self._clock = clock
        self._checks = checks
        self._path_tokens = [source.ring.path_token for source in sources.values() if source.ring.path_token]
        self._monotonic = asyncio.get_running_loop().time
        self._openapi = to_json(document(version))
        self._buckets = {
            name: Bucket(source.rate.deliveries, source.rate.seconds) for name, source in sources.items() if source.rate
        }
        self._ids = RequestIds()
        self.refusals = Recent(self._ids.receiver, clock)
        self._reports: tuple[Report, ...] = (*reports, self.refusals)
        self._diagnosis = Diagnosis(sources, monotonic=self._monotonic, clock=clock)
        self.budget = Budget(settings.in_flight_requests, settings.in_flight_bytes)
        # Set by a stop: connections are closed after their answer.
        self.draining = False

    async def respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; whatever it holds, it is never the cause of a 500."""
        started, request_id = self._monotonic(), self._ids.new()
        target = route(request.raw_path)
        source = self._sources.get(target.source) if target else None
        try:
            reply = await self._reply(request, target, source)
        except Exception as error:  # noqa: BLE001  # the last resort: the sender is told to come again
            reply = _failed(error, request_id)
        response = reply.response(request_id)
        # What follows a request to become another protocol is not for us to read.
        if self.draining or "Upgrade" in request.headers or request.method == "CONNECT":
            response.force_close()
        elif _is_later(request):
            response.force_close()
            # aiohttp says so by itself only to what is HTTP/1.1.
            response.headers["Connection"] = "close"
        if reply.outcome:
            self._report(source, reply, self._monotonic() - started, request_id, request)
        return response

    def malformed(self, reason: str) -> None:
        """Count a request that was not HTTP."""
        self._report(None, _problem(problems.MALFORMED, reason), 0.0, self._ids.new())

    def health(self) -> Health:
        """Whether deliveries can be taken now."""
        return health_of({"accepting": lambda: "failing" if self.draining else "ok", **self._checks})

    async def _reply(self, request: web.BaseRequest, target: Target | None, source: Source | None) -> _Reply:
        if _is_later(request):
            return _problem(problems.MALFORMED, "version")
        if target is not None and source is not None:
            return await self._deliver(request, target, source)
        page = self._page(request.raw_path.partition("?")[0])
        if page is None:
            hints = self._diagnosis.lost(target, shown_path(request.raw_path, self._path_tokens))
            return replace(_problem(problems.NOT_FOUND, "source" if target else "path"), hints=hints)
        if request.method not in ("GET", "HEAD"):
            return _problem(problems.NOT_ALLOWED.with_header("Allow", "GET, HEAD"), "method")
        return _Reply(page, "")

    def _page(self, path: str) -> web.Response | None:
        """The pages that are no source's."""
        match path:
            case "/livez":
                return json_response(Health(status="ok").model_dump_json().encode())
            case "/readyz":
                health = self.health()
                return json_response(health.model_dump_json().encode(), status=status_of(health))
            case "/openapi.json":
                return json_response(self._openapi)
            case _:
                return None

    async def _deliver(self, request: web.BaseRequest, target: Target, source: Source) -> _Reply:
        headers = Headers(request.raw_headers)
        delivery = Delivery(method=request.method, target=target, headers=headers, body=b"")
        if refusal := screen(source, delivery):
            return self._explained(source, delivery, _problem(refusal.problem, refusal.reason))
        place = Body(peer=peer_of(request.transport), limit=source.body_limit, budget=self.budget)
        if not place.enter():
            return _problem(problems.BUSY, "in-flight")
        try:
            if (headers.get(b"expect") or b"").lower() == b"100-continue":
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.writer.output_size = 0
            body = await place.read(request.content, self._settings)
            if isinstance(body, Problem):
                reason = "body-limit" if body is problems.TOO_LARGE else "body"
                return self._explained(source, delivery, _problem(body, reason))
            delivery = Delivery(method=delivery.method, target=target, headers=headers, body=body)
            reply = await self._settle(source, decide(source, delivery, self._topics, self._clock()))
            return self._explained(source, delivery, reply)
        finally:
            place.leave()

    def _explained(self, source: Source, delivery: Delivery, reply: _Reply) -> _Reply:
        """A refusal with what can be found out about it."""
        if not isinstance(reply.answer, Problem):
            return reply
        return replace(reply, hints=self._diagnosis.of(source, delivery, reply.answer, reply.reason))

    async def _settle(self, source: Source, outcome: Outcome) -> _Reply:
        """Carry out what intake decided."""
        match outcome:
            case Handshaken(answer=answer):
                return _Reply(text_response(answer.body, status=answer.status), "handshake")
            case Refusal(quarantine=None):
                return _problem(outcome.problem, outcome.reason)
            case Refusal(quarantine=kept):
                return await self._kept(source, [kept] if kept else [], outcome)
            case Accepted():
                return await self._kept(source, outcome.records, outcome)

    async def _kept(self, source: Source, records: Sequence[Named], outcome: Accepted | Refusal) -> _Reply:
        """Answer when the records are durable."""
        bucket = self._buckets.get(source.name)
        if bucket and (wait := bucket.take(self._monotonic())):
            return _problem(problems.TOO_MANY.with_header("Retry-After", retry_after(wait)), "rate")
        budget = source.ack_budget.total_seconds()
        deadline = self._monotonic() + max(budget - _ANSWERING, budget / 2)
        copy = outcome.copy if isinstance(outcome, Accepted) else None
        kept = await self._keep.keep(source.name, records, copy, deadline=deadline)
        if isinstance(kept, Unkept):
            problem = problems.UNSTORED.with_header("Retry-After", retry_after(kept.retry_after.total_seconds()))
            return _problem(problem, kept.cause)
        if isinstance(outcome, Refusal):
            return _problem(outcome.problem, outcome.reason)
        return _success(source, outcome, kept, self._keep.kind)

    def _report(
        self,
        source: Source | None,
        reply: _Reply,
        seconds: float,
        request_id: str,
        request: web.BaseRequest | None = None,
    ) -> None:
        accepted, refused = reply.accepted, reply.answer if isinstance(reply.answer, Problem) else None
        answered = Answered(
            request=request_id,
            source=source.name if source else None,
            platform=source.platform.name if source else None,
            status=reply.answer.status,
            outcome=reply.outcome,
            reason=reply.reason,
            path=shown_path(request.raw_path, self._path_tokens) if request is not None and not source else "",
            ids=accepted.ids if accepted else (),
            types=accepted.types if accepted else (),
            names=accepted.names if accepted else (),
            quarantined=reply.quarantined,
            secret=accepted.secret if accepted else None,
            seconds=seconds,
            fields=refused.fields if refused else (),
            sender=sender_of(request) if request is not None and refused else NOBODY,
            hints=reply.hints,
        )
        for report in self._reports:
            report(answered)


def sender_of(request: web.BaseRequest) -> Sender:
    """Who sent a request, as far as a log may tell."""
    return Sender(remote=request.remote or "", agent=product(request.headers.get("User-Agent", "")))


def _is_later(request: web.BaseRequest) -> bool:
    """Whether its first line claims a version that is not spoken so: the parser lets HTTP/2.0 pass."""
    return request.version.major > 1


def _success(source: Source, accepted: Accepted, kept: Kept, kind: str) -> _Reply:
    if source.answer is not None:
        response = text_response(source.answer, status=source.status)
    elif accepted.answer is not None:
        response = json_response(accepted.answer)
    else:
        body = accepted_body(accepted, duplicate=kept.duplicate, stored=kind)
        response = json_response(body, status=source.status)
    outcome = "duplicate" if kept.duplicate else "accepted"
    return _Reply(response, outcome, accepted=accepted, quarantined=accepted.quarantined)


def _problem(problem: Problem, reason: str) -> _Reply:
    return _Reply(problem, problem.name, reason, quarantined=problem.quarantined)


def _failed(error: Exception, request_id: str) -> _Reply:
    # The places without the error's text: it might quote the request.
    at = traceback.format_tb(error.__traceback__)[-3:]
    log.error("delivery.failed", request_id=request_id, error=type(error).__name__, at=at)
    return _problem(problems.FAILED, type(error).__name__)
