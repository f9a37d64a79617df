"""What is said of an error never holds a payload."""

import asyncio
import re
from datetime import timedelta
from typing import Any, cast

from pydantic import BaseModel

from clients.errors import NotFound
from dispatcher.attempt import attempt
from dispatcher.errors import ForeignStore, describe, frames
from handlers.api import Context, GiveUp
from schemas.durations import duration
from schemas.events import Event


class Form(BaseModel):
    """Somebody's data."""


SECRET = "visitor@example.org"
HOUR = timedelta(hours=1)


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_our_own_errors_are_told_in_their_words() -> None:
    """Their texts promise to hold no payload."""
    assert describe(GiveUp("no such\nplan")) == "no such plan"
    assert describe(NotFound("bot 7")).startswith("bot 7")


def test_a_strangers_text_is_not_told() -> None:
    """Only the type and the place are."""
    text = describe(raised(ValueError(SECRET)))
    assert text.startswith("ValueError at test_errors.py:")
    assert text.endswith("in raised")


async def described(run: Any) -> str:
    error = await attempt(run, cast("Event", None), cast("Context[Any]", None), timedelta(milliseconds=20))
    assert error is not None
    return describe(error).replace(__file__.rpartition("/")[2], "FILE")


async def test_the_place_is_the_handlers_own_line() -> None:
    """Not that of the library which found the mistake."""

    async def typo(event: Event, ctx: Context[Any]) -> None:
        Form().contnet  # type: ignore[attr-defined]  # noqa: B018 - the mistake

    assert (await described(typo)).startswith("AttributeError at FILE:")
    assert (await described(typo)).endswith(" in typo")


async def test_a_timeout_tells_what_was_waited_for() -> None:
    """Where the handler was when it was cancelled."""

    async def slow(event: Event, ctx: Context[Any]) -> None:
        await asyncio.sleep(60)

    text = await described(slow)
    assert text.startswith("no result within 0.02 s at FILE:")
    assert text.endswith(" in slow")


def test_frames_show_code_and_no_values() -> None:
    """Type, place and source line of an error and its cause are kept, their texts are not."""
    text = frames(raised(ValueError(SECRET), raised(KeyError(SECRET))), limit=8192)
    assert SECRET not in text
    assert "builtins.ValueError" in text
    assert "builtins.KeyError" in text
    assert "raise error from cause" in text


async def test_frames_are_those_of_the_handler_and_of_what_failed_under_it() -> None:
    """Not those that led to it; an error without any of its own is told whole."""

    async def misuses(event: Event, ctx: Context[Any]) -> None:
        duration("soon")

    found = [await attempt(run, cast("Event", None), cast("Context[Any]", None), HOUR) for run in (misuses, duration)]
    files = [re.findall(r'File ".*?([^/]+/[^/]+)", line', frames(cast("Exception", one), limit=8192)) for one in found]
    assert list(dict.fromkeys(files[0])) == ["dispatcher/test_errors.py", "schemas/durations.py"]
    assert set(files[1]) == {"dispatcher/attempt.py"}


def test_frames_are_bounded() -> None:
    """The bound is of bytes, and the end is kept."""
    text = frames(raised(ValueError(SECRET)), limit=40)
    assert len(text.encode()) <= 40
    assert text.endswith("builtins.ValueError\n")


def test_frames_of_a_cycle_end() -> None:
    """Errors that are each other's cause do not hang the worker."""
    one, two = ValueError(), KeyError()
    one.__cause__, two.__cause__ = two, one
    assert frames(one, limit=8192).count("builtins.") == 2


def test_another_store_is_told_with_what_to_do() -> None:
    """The operator learns both ids and the two ways out."""
    text = str(ForeignStore("hookline.h", found="aaa", ours="bbb"))
    assert "aaa" in text
    assert "bbb" in text
    assert "PostgreSQL" in text
