"""HOOKLINE_SECTION__KEY variables over the configuration file."""

import pytest

from cli.errors import Misconfigured
from cli.overlay import overlay


def test_a_variable_overrides_the_file() -> None:
    """The environment wins over the file."""
    raw = {"eventlog": {"url": "events.db"}}
    assert overlay(raw, {"HOOKLINE_EVENTLOG__URL": "kafka://b:9092"}, {}) == {"eventlog": {"url": "kafka://b:9092"}}


def test_the_file_is_left_as_it_was() -> None:
    """The caller's table is not changed."""
    raw = {"eventlog": {"url": "events.db"}}
    overlay(raw, {"HOOKLINE_EVENTLOG__URL": "kafka://b:9092"}, {})
    assert raw == {"eventlog": {"url": "events.db"}}


def test_an_underscore_means_the_dash_of_a_name_in_the_file() -> None:
    """`-` is written `_`."""
    raw = {"sources": {"my-shop": {"platform": "standard"}}}
    found = overlay(raw, {"HOOKLINE_SOURCES__MY_SHOP__ACCOUNT": "a"}, {})
    assert found == {"sources": {"my-shop": {"platform": "standard", "account": "a"}}}


def test_an_underscore_means_the_dash_of_a_known_name() -> None:
    """Handlers that come with hookline need no section in the file."""
    found = overlay({}, {"HOOKLINE_HANDLERS__FOLLOW_UP_CHAT__AFTER": "5m"}, {"handlers": ("follow-up-chat",)})
    assert found == {"handlers": {"follow-up-chat": {"after": "5m"}}}


def test_a_list_is_written_as_in_toml() -> None:
    """Several secrets fit one variable."""
    found = overlay({}, {"HOOKLINE_SOURCES__S__SECRETS": '["env:A", "env:B"]'}, {})
    assert found == {"sources": {"s": {"secrets": ["env:A", "env:B"]}}}


def test_a_broken_list_is_refused() -> None:
    """The error shows how to write one."""
    with pytest.raises(Misconfigured, match=r"HOOKLINE_SOURCES__S__SECRETS starts like a list"):
        overlay({}, {"HOOKLINE_SOURCES__S__SECRETS": "[env:A"}, {})


def test_names_without_two_underscores_are_no_settings() -> None:
    """HOOKLINE_DATA and HOOKLINE_CONFIG are read elsewhere."""
    assert overlay({}, {"HOOKLINE_DATA": "x", "HOOKLINE_TEST_KAFKA": "y", "OTHER__KEY": "z"}, {}) == {}
