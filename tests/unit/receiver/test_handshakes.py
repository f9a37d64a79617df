"""Handshakes of the well-known kinds, as data."""

from typing import Any

import pytest

from receiver.delivery import Delivery, Headers, Target
from receiver.handshakes import Handshake, answer_get, answer_post
from receiver.keyring import Keyring
from receiver.verification import Verified, verify
from schemas.schemes import Scheme
from tests.unit.receiver.parts import NOW

META = Handshake(method="GET", challenge="hub.challenge", verify_token="hub.verify_token")
SLACK = Handshake(json_path="type", equals="url_verification", echo="challenge")
YOURGPT = Handshake(json_path="event", equals="ping")
GITHUB = Handshake(header="X-GitHub-Event", equals="ping", status=204)
ODD = Handshake(json_path="trial", equals="None")
ALL = (META, SLACK, YOURGPT, GITHUB, ODD)
WORD = b"agreed word"


def post(body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> Any:
    delivery = Delivery(method="POST", target=Target("s"), headers=Headers(headers or []), body=body)
    verified = verify(Keyring(Scheme(mode="none"), []), delivery, NOW)
    assert isinstance(verified, Verified)
    answer = answer_post(ALL, delivery, verified)
    return answer and (answer.status, answer.body)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("hub.mode=subscribe&hub.verify_token=agreed+word&hub.challenge=1158201444", b"1158201444"),
        ("hub.verify_token=wrong&hub.challenge=1", None),
        ("hub.verify_token=&hub.challenge=1", None),
        ("hub.challenge=1", None),
        ("hub.verify_token=agreed+word", None),
        ("hub.verify_token=agreed+word&hub.challenge=1&hub.challenge=2", None),
        ("hub.verify_token=agreed+word&hub.challenge=%0d%0aSet-Cookie:a", None),
        ("hub.verify_token=agreed+word&hub.challenge=" + "1" * 1025, None),
        ("hub.verify_token=%ff&hub.challenge=1", None),
    ],
)
def test_challenge_in_the_query_is_echoed_for_the_agreed_word(query: str, body: bytes | None) -> None:
    """Only who knows the word gets an echo, and only of plain text."""
    answer = answer_get(ALL, Target("s", query=query), WORD)
    assert (answer.body if answer else None) == body


def test_get_is_no_handshake_without_one() -> None:
    """A platform that never asks by GET gets no answer to it."""
    assert answer_get((META,), Target("s", query="hub.verify_token=&hub.challenge=1"), None) is None
    assert answer_get((SLACK,), Target("s", query="hub.verify_token=agreed+word&hub.challenge=1"), WORD) is None


@pytest.mark.parametrize(
    ("body", "headers", "answer"),
    [
        (b'{"type":"url_verification","challenge":"abc"}', [], (200, b"abc")),
        (b'{"type":"url_verification"}', [], (200, b"")),
        (b'{"type":"url_verification","challenge":"a\\nb"}', [], None),
        (b'{"type":"url_verification","challenge":["a"]}', [], (200, b"")),
        (b'{"event":"ping"}', [], (200, b"")),
        (b"zen", [(b"x-github-event", b"ping")], (204, b"")),
        (b'{"event":"message"}', [(b"x-github-event", b"push")], None),
        (b'["ping"]', [], None),
        (b"{}", [], None),
        (b'{"trial":"None"}', [], (200, b"")),
        (b"\xff", [], None),
    ],
)
def test_trial_delivery_is_answered(
    body: bytes, headers: list[tuple[bytes, bytes]], answer: tuple[int, bytes] | None
) -> None:
    """A trial is known by its body or a header; anything else is an ordinary delivery."""
    assert post(body, headers) == answer
