"""What an authentic body may cost: work and memory within a small multiple of its size, whatever it holds."""

import json
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any, Never

import pytest

from receiver.intake import Outcome, Refusal, intake
from receiver.recipes.catalogue import Catalogue
from receiver.recipes.reading import platform_of
from receiver.sources.platform import Platform
from receiver.verification import Verified
from schemas.schemes import Scheme
from tests.unit.receiver.parts import NOW, TOPICS, delivery, source
from tests.unit.receiver.recipes import recipe

_SIZE = 300_000
# Of Python's objects: a small number in a list has two bytes in a body, and 32 and more in memory.
_FACTOR, _FLOOR = 60, 48 * 1024 * 1024
_WRAPPED = """
[read]
events = "items[]"
name = "kind"
item = "{n}:{$.long}"
[[events]]
name = "a"
type = "message.created"
message_id = "n"
conversation_id = "n"
content = "$.long"
role = "user"
extra = { all = "$" }
"""
_LONG = "k" * (_SIZE // 2)


def whatsapp(value: object) -> bytes:
    return json.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode()


def messages(count: int) -> list[dict[str, object]]:
    return [{"id": str(n), "from": "4", "type": "text", "text": {"body": "h"}} for n in range(count)]


def broken(before: bytes, count: int, behind: bytes) -> bytes:
    return before + b",".join([b"1e999"] * count) + behind


BODIES: dict[str, tuple[str, bytes]] = {
    "long name above many numbers": ("mygptassistants", broken(b'{"' + _LONG.encode() + b'":[', 25_000, b"]}")),
    "many long names": ("standard", b"{" + b",".join(b'"%s%d":1e999' % (b"k" * 900, n) for n in range(300)) + b"}"),
    "numbers far down": ("standard", b'{"kkkkkkkkkk":[1,' * 900 + broken(b"[", 40_000, b"]") + b"]}" * 900),
    "lists in lists": ("mygptassistants", b'{"' + _LONG.encode() + b'":[' + b"[]," * 50_000 + b"1e999]}"),
    "wrong items": ("gptbots", b'{"message_id":[],"output":[' + b"1," * 100_000 + b"1]}"),
    "many contacts": ("whatsapp", whatsapp({"contacts": [{"wa_id": "1"}] * 20_000, "messages": messages(1_900)})),
    "long beside many": ("whatsapp", whatsapp({"metadata": {"long": [1] * 100_000}, "messages": messages(1_900)})),
    "long name of a number": (
        "whatsapp",
        whatsapp({"metadata": {"phone_number_id": _LONG}, "messages": messages(1_900)}),
    ),
    "whole in each": (
        "acme",
        json.dumps({"long": _LONG, "items": [{"kind": "a", "n": str(n)} for n in range(1_900)]}).encode(),
    ),
    "unknown in each": (
        "acme",
        json.dumps({"long": _LONG, "items": [{"kind": "b", "n": str(n)} for n in range(1_900)]}).encode(),
    ),
    "many fields of a form": ("twilio", b"&".join(b"a%d=1" % n for n in range(40_000))),
}


def platform_named(name: str) -> Platform:
    """The platform, with nothing to prove: what an authentic body costs is looked at."""
    found = platform_of(name, recipe(_WRAPPED)) if name == "acme" else Catalogue()[name]
    return replace(found, scheme=Scheme(mode="none"))


def take(platform: Platform, body: bytes) -> Outcome:
    media_type = min(platform.media_types).encode()
    request = delivery(body, [(b"content-type", media_type)])
    return intake(replace(source(verify="none"), platform=platform), request, TOPICS, NOW)


@pytest.fixture(params=BODIES)
def case(request: pytest.FixtureRequest) -> tuple[Platform, bytes]:
    name, body = BODIES[request.param]
    platform = platform_named(name)
    take(platform, b"{}")
    return platform, body


def test_memory_is_within_a_small_multiple_of_the_body(case: tuple[Platform, bytes]) -> None:
    """No text, path or copy is made per element that is as long as something else in the body."""
    tracemalloc.start()
    try:
        outcome = take(*case)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < _FLOOR + _FACTOR * len(case[1])
    if isinstance(outcome, Refusal):
        assert sum(map(len, outcome.problem.fields)) <= 2_000


def test_work_is_within_a_small_multiple_of_the_body(case: tuple[Platform, bytes]) -> None:
    """Calls are counted, not seconds: none is made for each pair of two things in the body."""
    platform, body = case
    assert calls(lambda: take(platform, body)) < 100_000 + 2 * len(body)


def calls(run: Callable[[], object]) -> int:
    """How many functions were called."""
    count = 0

    def note(_frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal count
        count += event.endswith("call")

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("error", [MemoryError, RecursionError])
def test_body_that_cannot_be_read_for_its_size_is_kept_and_not_asked_for_again(error: type[Exception]) -> None:
    """It would fail as often as it came: 422 ends that, and the quarantine has it."""

    def read(_: Verified) -> Never:
        raise error

    outcome = take(replace(platform_named("standard"), read=read), b"{}")
    assert isinstance(outcome, Refusal)
    assert (outcome.problem.status, outcome.problem.fields, outcome.quarantine is not None) == (422, ("$",), True)
