"""The one place where an answer becomes a document or an error."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from clients.answers import Answer, Complaint, document, failure, fit
from clients.errors import BadAnswer, ClientError, NotFound, PlatformDown, RateLimited, Rejected

NOW = datetime(2024, 1, 15, 10, 0, tzinfo=UTC)
SECRET = "s3cret-of-the-body"


def _no_complaint(_: object) -> Complaint | None:
    return None


def _error(status: int, body: bytes = b"{}", complaint: Complaint | None = None, **headers: str) -> ClientError:
    answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    with pytest.raises(ClientError) as caught:
        document(answer, lambda _: complaint, what="support (p): send", now=NOW)
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "retryable", "nothing_happened"),
    [
        (400, "Rejected", False, True),
        (401, "Unauthorized", False, True),
        (402, "OutOfCredit", True, True),
        (403, "Unauthorized", False, True),
        (404, "NotFound", False, True),
        (405, "Rejected", False, True),
        (408, "TimedOut", True, True),
        (409, "Rejected", False, True),
        (410, "NotFound", False, True),
        (413, "Rejected", False, True),
        (422, "Rejected", False, True),
        (429, "RateLimited", True, True),
        (500, "PlatformDown", True, False),
        (501, "Rejected", False, False),
        (502, "PlatformDown", True, False),
        (503, "PlatformDown", True, False),
        (504, "PlatformDown", True, False),
        (599, "PlatformDown", True, False),
        (301, "BadAnswer", False, False),
        (302, "BadAnswer", False, False),
        (303, "BadAnswer", False, False),
        (304, "BadAnswer", False, False),
        (307, "BadAnswer", False, True),
        (308, "BadAnswer", False, True),
        (199, "BadAnswer", True, False),
        (999, "PlatformDown", True, False),
    ],
)
def test_every_status_has_its_error(status: int, kind: str, *, retryable: bool, nothing_happened: bool) -> None:
    """A status decides the kind of error, whether to retry, and whether the effect is disproved."""
    error = _error(status)
    assert (type(error).__name__, error.retryable, error.nothing_happened, error.status) == (
        kind, retryable, nothing_happened, status,
    )  # fmt: skip


def test_documented_code_tells_more_than_the_status() -> None:
    """A platform that answers 400 with its rate-limit code means the rate limit."""
    error = _error(400, complaint=Complaint("SLOW", RateLimited))
    assert isinstance(error, RateLimited)
    assert (error.code, error.nothing_happened) == ("SLOW", True)


def test_a_code_that_repeats_the_status_is_told_once() -> None:
    """Any other stands behind the status."""
    told = [str(_error(404, complaint=Complaint(code=code))).partition(". ")[0] for code in ("404", "20022")]
    assert [one.partition("platform ")[2] for one in told] == ["answered 404", "answered 404 20022"]


def test_general_code_tells_less_than_the_status() -> None:
    """A 404 with the code for any invalid request is still a 404."""
    error = _error(404, complaint=Complaint("INVALID_REQUEST", Rejected))
    assert (type(error), error.code) == (NotFound, "INVALID_REQUEST")


def test_server_error_is_never_made_harmless() -> None:
    """A 500 stays uncertain whatever code it carries."""
    error = _error(500, complaint=Complaint("SLOW", RateLimited))
    assert isinstance(error, PlatformDown)
    assert not error.nothing_happened


def test_server_error_code_under_a_4xx_proves_nothing() -> None:
    """A platform that reports its own failure with a 4xx may still have done it."""
    error = _error(400, complaint=Complaint("OOPS", PlatformDown))
    assert (type(error), error.nothing_happened) == (PlatformDown, False)


@pytest.mark.parametrize(
    ("complaint", "kind", "nothing_happened"),
    [
        (Complaint("GONE", NotFound), "NotFound", True),
        (Complaint("OOPS", PlatformDown), "PlatformDown", False),
        (Complaint("BAD", Rejected), "Rejected", True),
        (Complaint(), "BadAnswer", False),
    ],
)
def test_envelope_may_complain_under_a_200(complaint: Complaint, kind: str, *, nothing_happened: bool) -> None:
    """A failure inside a 200 is a failure; it proves something only with a documented refusal."""
    error = _error(200, complaint=complaint)
    assert (type(error).__name__, error.nothing_happened) == (kind, nothing_happened)


def test_waits_are_carried() -> None:
    """The error says how long the platform asked to wait."""
    error = _error(429, retry_after="12")
    assert error.retry_after == 12.0
    assert str(error).startswith("support (p): send: the platform answered 429 and asked to wait 12 s. ")


def test_hopeless_errors_carry_no_wait() -> None:
    """A wait would suggest that waiting helps."""
    assert _error(404, retry_after="12").retry_after is None


def test_success_is_parsed() -> None:
    """A JSON body comes back parsed, whatever its media type says."""
    answer = Answer(201, {"content-type": "text/plain"}, b'{"id": 12345678901234567890}')
    assert document(answer, _no_complaint, what="w", now=NOW) == {"id": 12345678901234567890}


def test_empty_success_is_none() -> None:
    """A 204 has no document."""
    assert document(Answer(204, {}, b""), _no_complaint, what="w", now=NOW) is None


@pytest.mark.parametrize(
    ("headers", "body", "text"),
    [
        ({"content-type": "text/html; charset=utf-8"}, b"<html>s3cret-of-the-body", "answered 200 with HTML"),
        ({}, b'{"a": "s3cret-of-the-body', "answered 200 with something that is no JSON"),
        ({}, b"[" * 100_000, "no JSON"),
        ({}, b"\xff\xfe", "no JSON"),
        ({}, b"NaN", "no JSON"),
    ],
)
def test_success_that_is_no_json(headers: dict[str, str], body: bytes, text: str) -> None:
    """HTML, broken and endlessly nested bodies are bad answers, and none is shown."""
    with pytest.raises(BadAnswer, match=text) as caught:
        document(Answer(200, headers, body), _no_complaint, what="w", now=NOW)
    assert SECRET not in str(caught.value)
    assert not caught.value.nothing_happened


def test_error_page_in_html_is_judged_by_its_status() -> None:
    """A proxy's 502 page is a platform that is down."""
    assert isinstance(_error(502, b"<html>bad gateway"), PlatformDown)


class _Item(BaseModel):
    id: str


class _List(BaseModel):
    items: list[_Item]


def test_misfit_names_fields_but_shows_nothing() -> None:
    """The text says where the answer does not fit, never what stands there."""
    with pytest.raises(BadAnswer, match=r"at items\.0\.id, items\.2\.") as caught:
        fit(_List, {"items": [{"id": {"x": SECRET}}, {"id": "a"}, SECRET]}, what="w")
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_misfit_of_everything() -> None:
    """A document that is something else altogether is said to be so."""
    with pytest.raises(BadAnswer, match="at the document"):
        fit(_List, ["x"], what="w")


def test_failure_without_complaint_takes_the_status() -> None:
    """A failure known from elsewhere is mapped by its status alone."""
    assert isinstance(failure(Answer(404, {}, b""), Complaint(), what="w", now=NOW), NotFound)


@given(
    st.integers(100, 999),
    st.binary(max_size=200) | st.from_regex(r'\{"success":(true|false),"error":.*\}', fullmatch=True).map(str.encode),
    st.dictionaries(
        st.sampled_from(["retry-after", "date", "content-type", "x-ratelimit-reset"]), st.text(max_size=30)
    ),
)
def test_any_answer_is_a_document_or_a_client_error(status: int, body: bytes, headers: dict[str, str]) -> None:
    """Nothing but our own errors comes out, and only a success gives a document."""
    with contextlib.suppress(ClientError):
        document(Answer(status, headers, body), _no_complaint, what="w", now=NOW)
        assert 200 <= status < 300
