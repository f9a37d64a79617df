"""HOOKLINE_SECTION__KEY variables over the configuration file."""

from cli.overlay import ignored, overlay


def test_a_variable_overrides_the_file() -> None:
    """The environment wins over the file."""
    raw = {"eventlog": {"url": "events.db"}}
    assert overlay(raw, {"HOOKLINE_EVENTLOG__URL": "kafka://b:9092"}, {}).table == {
        "eventlog": {"url": "kafka://b:9092"}
    }


def test_the_file_is_left_as_it_was() -> None:
    """The caller's table is not changed."""
    raw = {"eventlog": {"url": "events.db"}}
    overlay(raw, {"HOOKLINE_EVENTLOG__URL": "kafka://b:9092"}, {})
    assert raw == {"eventlog": {"url": "events.db"}}


def test_an_underscore_means_the_dash_of_a_name_in_the_file() -> None:
    """`-` is written `_`."""
    raw = {"sources": {"my-shop": {"platform": "standard"}}}
    found = overlay(raw, {"HOOKLINE_SOURCES__MY_SHOP__ACCOUNT": "a"}, {}).table
    assert found == {"sources": {"my-shop": {"platform": "standard", "account": "a"}}}


def test_an_underscore_means_the_dash_of_a_known_name() -> None:
    """Handlers that come with hookline need no section in the file."""
    found = overlay({}, {"HOOKLINE_HANDLERS__FOLLOW_UP_CHAT__AFTER": "5m"}, {"handlers": ("follow-up-chat",)}).table
    assert found == {"handlers": {"follow-up-chat": {"after": "5m"}}}


def test_a_list_is_written_as_in_toml() -> None:
    """Several secrets fit one variable."""
    found = overlay({"sources": {"s": {}}}, {"HOOKLINE_SOURCES__S__SECRETS": '["env:A", "env:B"]'}, {}).table
    assert found == {"sources": {"s": {"secrets": ["env:A", "env:B"]}}}


def test_a_broken_list_is_a_problem() -> None:
    """It shows how to write one, and hides no other variable."""
    environ = {"HOOKLINE_SOURCES__S__SECRETS": "[env:A", "HOOKLINE_SOURCES__S__STATUS": "200"}
    found = overlay({"sources": {"s": {}}}, environ, {})
    told = 'HOOKLINE_SOURCES__S__SECRETS starts like a list but is not one: write it as in TOML, ["env:A", "env:B"]'
    assert (found.problems, found.table) == ([told], {"sources": {"s": {"status": "200"}}})


def test_a_key_below_a_value_is_a_problem() -> None:
    """Port is a number, and has nothing in it."""
    found = overlay({"receiver": {"port": 1}}, {"HOOKLINE_RECEIVER__PORT__X": "1"}, {})
    assert found.problems == ["HOOKLINE_RECEIVER__PORT__X sets a key below receiver.port, which is no section"]


def test_the_variable_of_a_key_is_kept() -> None:
    """Errors name what has to be changed."""
    found = overlay({"sources": {"my-shop": {}}}, {"HOOKLINE_SOURCES__MY_SHOP__ACCOUNT": "a"}, {})
    assert found.origins == {("sources", "my-shop", "account"): "HOOKLINE_SOURCES__MY_SHOP__ACCOUNT"}


def test_names_without_two_underscores_are_no_settings() -> None:
    """HOOKLINE_DATA and HOOKLINE_CONFIG are read elsewhere."""
    assert overlay({}, {"HOOKLINE_DATA": "x", "HOOKLINE_TEST_KAFKA": "y", "OTHER__KEY": "z"}, {}).table == {}


def test_a_misspelt_source_is_told_with_the_one_that_was_meant() -> None:
    """By the variable, instead of what the source that it would make lacks."""
    raw = {"sources": {"support": {"platform": "standard"}}}
    found = overlay(raw, {"HOOKLINE_SOURCES__SUPORT__SECRETS": '["env:A"]'}, {})
    assert found.problems == ["HOOKLINE_SOURCES__SUPORT__SECRETS: there is no source suport; did you mean support?"]
    assert (found.table, found.origins) == (raw, {})


def test_variables_may_make_an_account() -> None:
    """They say of what platform it is."""
    environ = {"HOOKLINE_ACCOUNTS__A__PLATFORM": "gptbots", "HOOKLINE_ACCOUNTS__A__API_KEY": "env:K"}
    found = overlay({}, environ, {})
    assert (found.problems, found.table) == ([], {"accounts": {"a": {"platform": "gptbots", "api_key": "env:K"}}})


def test_a_variable_with_one_underscore_too_few_is_noticed() -> None:
    """Unless the file names it for a secret, or it is not the name of a section at all."""
    environ = dict.fromkeys(
        ["HOOKLINE_EVENTLOG_URL", "HOOKLINE_SOURCES_A_SECRETS", "HOOKLINE_STORE_KEY", "HOOKLINE_DATA", "PATH"], "x"
    )
    file = {"sources": {"b": {"secrets": ["env:HOOKLINE_STORE_KEY"]}}}
    assert ignored(environ, ["eventlog", "sources", "store"], file) == {
        "HOOKLINE_EVENTLOG_URL": "HOOKLINE_EVENTLOG__URL",
        "HOOKLINE_SOURCES_A_SECRETS": "HOOKLINE_SOURCES__NAME__KEY",
    }
