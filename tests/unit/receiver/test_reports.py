"""One line per answer, and no flood of them."""

from typing import Any

import pytest
import structlog

from receiver.diagnosis.hint import Hint
from receiver.reports import Answered, LogReports, Sender, loggable, product


def answered(**changes: Any) -> Answered:
    fields = {
        "source": "support",
        "platform": "mygptassistants",
        "status": 401,
        "outcome": "unauthenticated",
        "reason": "r",
    }
    return Answered(**{**fields, **changes})


def lines_of(*answers: Answered, times: list[float] | None = None) -> list[Any]:
    clock = iter(times or [0.0] * len(answers))
    report = LogReports(lambda: next(clock))
    with structlog.testing.capture_logs() as lines:
        for one in answers:
            report(one)
    return lines


def test_refusal_is_told_with_its_reason() -> None:
    """The log says what the sender is not told."""
    (line,) = lines_of(answered(reason="signature-wrong"))
    assert (line["event"], line["problem"], line["reason"], line["log_level"]) == (
        "delivery.refused",
        "unauthenticated",
        "signature-wrong",
        "warning",
    )


def test_refusal_is_told_with_what_was_found_out() -> None:
    """Under the id that the sender was told."""
    hints = (Hint("form", "nothing in it looks like a signature"), Hint("secret", "none fits"))
    (line,) = lines_of(answered(request="3f9a1c-8d02b7e6a4", hints=hints))
    assert (line["request_id"], line["why"]) == (
        "3f9a1c-8d02b7e6a4",
        "nothing in it looks like a signature; none fits",
    )


def test_refusal_is_told_with_its_fields_and_its_sender() -> None:
    """Who sends what is wrong; what says nothing is left out."""
    sender = Sender(remote="192.0.2.7", agent="curl/8.5.0")
    (line,) = lines_of(answered(status=422, outcome="not-fitting", fields=("data.role", "a b"), sender=sender))
    assert line == {
        "event": "delivery.refused",
        "log_level": "warning",
        "source": "support",
        "status": 422,
        "problem": "not-fitting",
        "reason": "r",
        "fields": ["data.role", "(not printable)"],
        "remote": "192.0.2.7",
        "agent": "curl/8.5.0",
    }


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("curl/8.5.0", "curl/8.5.0"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0"),
        ("GitHub-Hookshot/044aadd", "GitHub-Hookshot/044"),
        ("", ""),
        ("\x1b[31m", ""),
        ("x" * 5_000, "x" * 32),
    ],
)
def test_of_a_user_agent_its_first_product_is_told(header: str, name: str) -> None:
    """Bounded, and without what no line can hold."""
    assert product(header) == name


def test_refusal_of_no_source_is_told_with_its_path() -> None:
    """Else nobody finds out which sender has a wrong URL."""
    (line,) = lines_of(answered(source=None, outcome="not-found", path="/in/suport"))
    assert (line["event"], line["path"]) == ("delivery.refused", "/in/suport")


def test_acceptance_is_a_line_for_whoever_wants_it() -> None:
    """At debug: the metrics count, the topic keeps."""
    (line,) = lines_of(answered(outcome="accepted", status=202, ids=("e1",), types=("message.created",)))
    assert (line["event"], line["ids"], line["log_level"]) == ("delivery.accepted", ["e1"], "debug")


def test_unstored_delivery_is_an_error_with_its_cause() -> None:
    """The operator must know."""
    (line,) = lines_of(answered(outcome="not-stored", status=503, reason="the broker is away"))
    assert (line["event"], line["cause"], line["log_level"]) == ("delivery.unstored", "the broker is away", "error")


def test_flood_of_refusals_is_counted_not_told() -> None:
    """Ten a second for each source, and how many were not told."""
    answers = [answered() for _ in range(25)]
    lines = lines_of(*answers, answered(), times=[0.0] * 25 + [1.0])
    assert len(lines) == 11
    assert lines[-1]["hidden"] == 15


def test_flood_of_one_source_hides_no_other() -> None:
    """A source's lines are its own."""
    answers = [answered() for _ in range(25)] + [answered(source="other"), answered(source=None)]
    assert [line.get("source") for line in lines_of(*answers)][-2:] == ["other", None]


def test_strangers_id_is_shown_only_when_it_is_plain() -> None:
    """No line breaks, no escapes, no books."""
    assert loggable("evt_1:a/b-c.d") == "evt_1:a/b-c.d"
    assert {loggable(name) for name in ("a\nb", "\x1b[31m", "x" * 129, "ä", "")} == {"(not printable)"}
