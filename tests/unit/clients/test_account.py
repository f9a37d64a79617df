"""The interface every platform's client fulfils."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from clients.account import Account, Chunk, Contact, Sent
from clients.errors import NotSupported


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
