"""The interface every platform's client fulfils."""

import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from clients.account import Account, ChatMessage, Chunk, Contact, Sent
from clients.errors import NotFound, NotSupported, Rejected


class Bare(Account):
    """A platform that can only send."""

    platform: ClassVar[str] = "bare"
    closed = False

    @override
    async def send(self, conversation_id: str | None, text: str, *, metadata: Mapping[str, Any] | None = None) -> Sent:
        return Sent(message_id="m1", conversation_id=conversation_id, reply=text)

    @override
    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("module", ["clients.account", "clients.errors", "clients.settings"])
def test_interface_needs_no_http_library(module: str) -> None:
    """Plugins import the interface, so importing it must not pull in aiohttp."""
    code = f"import sys, {module}; print('aiohttp' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == "False\n"


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("start_conversation", ()),
        ("upsert_contact", (Contact(name="Ada"),)),
        ("get_contact", ("c1",)),
        ("contact_of", ("conv_1",)),
        ("close_conversation", ("conv_1",)),
    ],
)
async def test_what_a_platform_lacks_is_not_supported(operation: str, arguments: tuple[object, ...]) -> None:
    """An operation a platform lacks raises one typed error that proves nothing happened."""
    with pytest.raises(NotSupported, match=rf"support \(bare\): the platform offers no {operation}") as caught:
        await getattr(Bare("support"), operation)(*arguments)
    assert caught.value.nothing_happened


@pytest.mark.parametrize(
    ("operation", "arguments"), [("stream", (None, "hi")), ("history", ("conv_1",)), ("conversations", ())]
)
def test_lacking_iterators_are_refused_at_the_call(operation: str, arguments: tuple[object, ...]) -> None:
    """A missing iterator is refused when it is asked for, not at its first item."""
    with pytest.raises(NotSupported, match=operation):
        getattr(Bare("support"), operation)(*arguments)


async def test_context_manager_closes() -> None:
    """Leaving the context gives the connections back."""
    async with Bare("support") as account:
        assert not account.closed
    assert account.closed


def test_result_survives_the_store() -> None:
    """A result kept as JSON by `ctx.once` comes back equal."""
    adapter = TypeAdapter(Sent)
    sent = Sent(message_id="m1", conversation_id="c1", reply="Hello")
    assert adapter.validate_json(adapter.dump_json(sent)) == sent


def test_results_are_frozen() -> None:
    """A result cannot be changed after the fact."""
    with pytest.raises(ValidationError, match="frozen"):
        Chunk(text="a").text = "b"  # type: ignore[misc]  # the very assignment that must fail


def test_result_errors_show_no_content() -> None:
    """A value that does not fit is reported without showing it."""
    with pytest.raises(ValidationError) as caught:
        Contact.model_validate({"name": ["s3cret"]})
    assert "s3cret" not in str(caught.value)


class Chronicle(Bare):
    """A platform with one conversation."""

    def __init__(self, *messages: ChatMessage) -> None:
        super().__init__("support")
        self.messages = messages

    @override
    async def history(self, conversation_id: str) -> AsyncIterator[ChatMessage]:
        if conversation_id != "conv_1":
            raise NotFound("no such conversation", status=404)
        for message in self.messages:
            yield message


NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def wrote(content: str, *, seconds: float | None = 0) -> ChatMessage:
    """So many seconds after now."""
    return ChatMessage(
        id="m7", role="user", content=content, at=None if seconds is None else NOW + timedelta(seconds=seconds)
    )


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (wrote("How did it go?"), True),
        (wrote(" How did\nit  go? ", seconds=300), True),
        (wrote("How did it go?", seconds=-59), True),
        (wrote("How did it go?", seconds=-61), False),
        (wrote("How did it go, Ada?"), False),
        (wrote("Hello", seconds=None), False),
    ],
)
async def test_a_message_that_was_sent_is_found_by_its_words(message: ChatMessage, *, found: bool) -> None:
    """White space and a difference of the clocks do not matter; an earlier one of the same words is another."""
    said = await Chronicle(message).said("conv_1", "How did it go?", since=NOW)
    assert said == (Sent(message_id="m7", conversation_id="conv_1") if found else None)


async def test_nothing_was_said_in_a_conversation_that_is_not_there() -> None:
    """The platform has none of that id."""
    assert await Chronicle(wrote("How did it go?")).said("conv_2", "How did it go?", since=NOW) is None


async def test_a_time_without_a_zone_is_refused() -> None:
    """Before anything is asked: whether the message is older could not be told."""
    with pytest.raises(Rejected, match="`since` has no time zone"):
        await Chronicle(wrote("Hi")).said("conv_1", "Hi", since=NOW.replace(tzinfo=None))


@pytest.mark.parametrize("account", [Bare("support"), Chronicle(wrote("Hi", seconds=None))])
async def test_whether_it_was_said_cannot_always_be_told(account: Account) -> None:
    """Without a history, or where that has no times: no proof that it was not sent."""
    with pytest.raises(NotSupported) as caught:
        await account.said("conv_1", "Hi", since=NOW)
    assert not caught.value.retryable
