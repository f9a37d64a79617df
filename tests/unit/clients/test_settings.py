"""`[accounts.NAME]`."""

import contextlib
import tomllib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clients.limits import Rate
from clients.mygptassistants import MyGPTAssistants
from clients.settings import MyGPTAssistantsSettings, open_account

KEY = "mga-s3cret"


def _settings(text: str = "", *, key: str = KEY) -> MyGPTAssistantsSettings:
    head = f'platform = "mygptassistants"\napi_key = "{key}"\nbot_id = "bot_123"\n'
    return MyGPTAssistantsSettings.model_validate(tomllib.loads(head + text))


def test_three_lines_are_enough() -> None:
    """Platform, key and bot make an account with the published limits and the documented base."""
    settings = _settings()
    assert settings.base_url == "https://api.mygptassistants.com/api/v1"
    assert (settings.limits.chat, settings.limits.data) == (Rate(100, 60.0), Rate(1000, 3600.0))
    assert settings.contacts.enabled is False


def test_everything_can_be_set() -> None:
    """Times are written as everywhere, rates as platforms publish them."""
    settings = _settings(
        """
        base_url = "http://127.0.0.1:9000/mygptassistants/api/v1/"
        allow_private = true
        connections = 3
        max_answer = 65536
        timeouts = { connect = "500ms", total = "2m", deadline = "5m" }
        limits = { chat = "5/s", max_wait = "100ms" }
        contacts = { enabled = true, get = "/crm/{id}/card", delete = "" }
        """
    )
    assert settings.timeouts.total == timedelta(minutes=2)
    assert settings.limits.chat == Rate(5, 1.0)
    assert (settings.contacts.get, settings.contacts.delete) == ("/crm/{id}/card", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("boot_id = 1", "Extra inputs are not permitted"),
        ('base_url = "http://api.mygptassistants.com/api/v1"', "the key would travel in clear"),
        ('base_url = "api.mygptassistants.com"', "must begin with https:// and name a host"),
        ('base_url = "https://"', "must begin with https:// and name a host"),
        ('base_url = "https://u:pw@h.example/v1"', "and nothing else"),
        ('base_url = "https://h.example/v1?x=1"', "and nothing else"),
        ('base_url = "https://h.example/v1#f"', "and nothing else"),
        ('base_url = "https://h.example/a/../b"', "must hold no dot segments"),
        ('base_url = "https://h.example:99999/"', "is not a URL"),
        ('base_url = "https://127.0.0.1/"', "leads to a private address; if that is meant"),
        ('base_url = "https://[::ffff:127.0.0.1]/"', "leads to a private address"),
        ('base_url = "https://0177.0.0.1/"', "leads to a number that is not a plain IPv4 address"),
        ('base_url = "https://169.254.169.254/"', "leads to a special-purpose address"),
        ('base_url = "http://169.254.169.254/"\nallow_private = true', "leads to a special-purpose address"),
        ('timeouts = { connect = "0s" }', "must be longer than 0s"),
        ('timeouts = { total = "90s" }', "total not longer than deadline"),
        ('timeouts = { connect = "5" }', "not a duration"),
        ('limits = { chat = "many" }', "not a rate"),
        ('contacts = { get = "/contacts" }', "must hold {id} once"),
        ('contacts = { get = "/contacts/x{id}" }', "must hold {id} once"),
        ('contacts = { update = "/{a}/{id}" }', "must hold {id} once"),
        ('contacts = { list = "/contacts/{id}" }', "must hold no braces"),
        ('contacts = { list = "contacts" }', "must begin with a slash"),
        ('contacts = { list = "//evil.example/contacts" }', "must begin with a slash"),
        ('contacts = { list = "/../admin" }', "no dot or empty segments"),
        ('contacts = { list = "/contacts?all=1" }', "String should match pattern"),
        ("connections = 0", "greater than or equal to 1"),
    ],
)
def test_mistakes_are_explained(text: str, message: str) -> None:
    """Each mistake says what is wrong and what is right."""
    with pytest.raises(ValidationError) as caught:
        _settings(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["", "two words", "caf\\u00e9", "a\\r\\nX-Evil: 1", "tab\\there"])
def test_key_must_be_one_word(key: str) -> None:
    """A key that would break the header is refused at the start, not at the first call."""
    with pytest.raises(ValidationError, match="must be one word of printable ASCII"):
        _settings(key=key)


@pytest.mark.parametrize(
    "text", ["x = 1", 'base_url = "https://u:s3cret@h.example/"', 'base_url = "https://s3cret h/"', "max_answer = 1"]
)
def test_errors_show_no_value(text: str) -> None:
    """Neither the key nor a password in the URL stands in an error."""
    with pytest.raises(ValidationError) as caught:
        _settings(text)
    assert "s3cret" not in str(caught.value)


def test_settings_do_not_show_the_key() -> None:
    """Printing the settings does not show the key."""
    assert KEY not in repr(_settings())


@pytest.mark.parametrize(
    "url", ["http://localhost:8080/x", "http://127.0.0.1:1", "http://[::1]:1/", "http://10.0.0.5/"]
)
def test_simulator_needs_allow_private(url: str) -> None:
    """The demo calls localhost over http, and says so."""
    assert _settings(f'base_url = "{url}"\nallow_private = true').base_url == url


def test_open_account_makes_the_platforms_client() -> None:
    """The account of a platform is its client, with the configured name."""
    account = open_account("support", _settings())
    assert isinstance(account, MyGPTAssistants)
    assert (account.name, account.platform) == ("support", "mygptassistants")


@given(st.text(max_size=60))
def test_any_url_is_settings_or_a_validation_error(url: str) -> None:
    """No URL in a configuration makes the settings fall over."""
    values = {"platform": "mygptassistants", "api_key": "k", "bot_id": "b", "base_url": url}
    with contextlib.suppress(ValidationError):
        assert MyGPTAssistantsSettings.model_validate(values).base_url.startswith("https://")
