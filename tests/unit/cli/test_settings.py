"""The whole configuration: file, variables, secrets and cross checks."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from cli.errors import Misconfigured
from cli.places import Places
from cli.settings import Settings, load, read
from dispatcher.settings import CommonSettings


def places(folder: Path, text: str, **environ: str) -> Places:
    file = folder / "hookline.toml"
    file.write_text(text, encoding="utf-8")
    return Places(config=file, data=folder / ".hookline", environ=environ)


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    """HOOKLINE_SECTION__KEY overrides."""
    found = load(places(tmp_path, "[receiver]\nport = 1\n", HOOKLINE_RECEIVER__PORT="2"))
    assert found.receiver.port == 2


def test_an_unknown_variable_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    """A typing error in a variable must not be ignored."""
    with pytest.raises(Misconfigured, match=r"HOOKLINE_RECEIVER__PROT: is no known key; did you mean port\?"):
        load(places(tmp_path, "", HOOKLINE_RECEIVER__PROT="2"))


def test_a_wrong_value_of_a_variable_names_the_variable(tmp_path: Path) -> None:
    """The file has nothing to do with it."""
    with pytest.raises(Misconfigured, match=r"\n  HOOKLINE_RECEIVER__PORT: write a whole number$"):
        load(places(tmp_path, "[receiver]\nport = 1\n", HOOKLINE_RECEIVER__PORT="x"))


BAD = """
[eventlog]
url = "kafka://broker one:9092"

[store]
url = "env:NO_STORE"

[receiver]
port = 70000

[topics.dead]
retention = "0s"

[sources.shop]
platform = "standard"
secrets = ["env:NO_SECRET"]
account = "nope"
rate = "5"

[sources.chat]
platform = "mygptassistants"
secrets = ["env:SECRET"]
account = "mein"

[accounts.main]
platform = "mygptassistants"
api_key = "written-down"
"""


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Nobody mends one thing after the other; what works is there."""
    found = read(places(tmp_path, BAD, SECRET="0123456789abcdef", HOOKLINE_CONSOLE__HOSTS="x"))
    assert found.problems == [
        "store.url: wants the environment variable NO_STORE, which is not set",
        "sources.shop.secrets: wants the environment variable NO_SECRET, which is not set",
        (
            'accounts.main.api_key: is a secret that stands in the file itself: write "env:NAME" or "file:PATH" there, '
            "and put the secret into that variable or file"
        ),
        (
            "eventlog.url: the broker 'broker one:9092' cannot be reached: a space stands in it. Write "
            "kafka://host:9092,host:9092"
        ),
        "receiver.port: must be at most 65535",
        "topics.dead.retention: must be longer than 0s",
        "sources.shop.rate: not a rate. Write deliveries and a unit: 20/s, 500/m or 1000/h",
        "accounts.main.bot_id: is missing",
        "HOOKLINE_CONSOLE__HOSTS: is no known key; did you mean host?",
        "sources.shop.account: there is no account 'nope'; known here: main",
        "sources.chat.account: there is no account 'mein'; did you mean main?",
    ]
    assert found.settings.sources["chat"].platform == "mygptassistants"
    assert found.broken >= {("sources", "shop", "rate"), ("accounts", "main", "bot_id"), ("store", "url")}


def test_a_secret_in_the_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    """Secrets are named, never written down."""
    text = '[sources.s]\nplatform = "standard"\nsecrets = ["whsec_written-down-here"]\n'
    with pytest.raises(Misconfigured) as caught:
        load(places(tmp_path, text))
    assert "sources.s.secrets" in str(caught.value)
    assert "written-down" not in str(caught.value)


def test_a_body_limit_above_what_topics_take_is_refused(tmp_path: Path) -> None:
    """What a source accepts, the log must be able to keep."""
    with pytest.raises(Misconfigured, match="set max_message_bytes = 16842752 in"):
        load(places(tmp_path, "[receiver]\nbody_limit = 8388608\n"))


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    """The error tells where."""
    with pytest.raises(Misconfigured, match=r"hookline\.toml is not TOML"):
        load(places(tmp_path, "= 1"))


def test_a_file_of_other_letters_is_refused(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    at = places(tmp_path, "")
    (tmp_path / "hookline.toml").write_bytes("# größer\n".encode("latin-1"))
    with pytest.raises(Misconfigured, match=r"hookline\.toml is no UTF-8 text, as TOML is: save it as UTF-8"):
        load(at)


def test_without_a_file_it_is_the_demo(tmp_path: Path) -> None:
    """Every command works at once."""
    found = load(Places(config=None, data=tmp_path, environ={}))
    assert list(found.sources) == ["support", "gptbots", "yourgpt", "customgpt"]
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600


def test_one_key_of_a_topic_leaves_the_others(tmp_path: Path) -> None:
    """A partition count must not switch compaction off."""
    topics = load(places(tmp_path, "[topics.contacts_state]\npartitions = 24\n")).topics.topics().all()
    kept = topics["hookline.contacts.state"]
    assert (kept.partitions, kept.compact, kept.retention) == (24, True, None)


@pytest.mark.parametrize(
    "url",
    ["kafka://h:99999", "kafka://h:x", "kafka://a,,b", "kafka://999.1.1.1:9092", "ftp://h", "kafka://::1:9092", ""],
)
def test_an_address_of_the_log_that_cannot_be_one_is_refused(tmp_path: Path, url: str) -> None:
    """Before anything is tried to be reached."""
    with pytest.raises(Misconfigured, match=r"eventlog\.url: "):
        load(places(tmp_path, f'[eventlog]\nurl = "{url}"\n'))


@pytest.mark.parametrize("url", ["postgresql://h:x/db", "postgresql://a b/db", "mysql://h/db", "sqlite:///", "h"])
def test_an_address_of_the_store_that_cannot_be_one_is_refused(tmp_path: Path, url: str) -> None:
    """Nor is it repeated: a password may stand in it."""
    with pytest.raises(Misconfigured, match=r"HOOKLINE_STORE__URL: The \[store\] url ") as caught:
        load(places(tmp_path, "", HOOKLINE_STORE__URL=url.replace("h:x", "u:hunter2@h:x")))
    assert "hunter2" not in str(caught.value)


def test_a_secret_may_stand_in_a_variable_of_settings(tmp_path: Path) -> None:
    """The environment is where secrets live."""
    text = '[accounts.a]\nplatform = "mygptassistants"\nbot_id = "b"\n'
    found = load(places(tmp_path, text, HOOKLINE_ACCOUNTS__A__API_KEY="the-key-itself"))
    assert found.accounts["a"].api_key.get_secret_value() == "the-key-itself"


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """As an editor on Windows saves it."""
    assert load(places(tmp_path, "\ufeff[receiver]\nport = 1\n")).receiver.port == 1


@pytest.mark.parametrize("text", ["x = " + "[" * 5_000, "x = " + "9" * 5_000, ".".join(["a"] * 3_000) + " = 1"])
def test_a_file_that_is_too_much_is_named(tmp_path: Path, text: str) -> None:
    """Of depth and of digits; no traceback."""
    with pytest.raises(Misconfigured, match=r"hookline\.toml is not TOML: "):
        load(places(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "value"),
    [("HOOKLINE_SOURCES__SUPPORT__SECRETS", "[" * 5_000), ("HOOKLINE_" + "__".join(["A"] * 3_000), "1")],
)
def test_a_variable_that_is_too_much_is_named(tmp_path: Path, name: str, value: str) -> None:
    """Of depth, in its value or in its name."""
    with pytest.raises(Misconfigured, match=name[:40]):
        load(places(tmp_path, "", **{name: value}))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[receiver]\nport = true\n", "receiver.port"),
        ("[eventlog]\nmax_bytes = true\n", "eventlog.max_bytes"),
        ("[topics.dead]\npartitions = true\n", "topics.dead.partitions"),
        ('[sources.s]\nplatform = "standard"\nverify = "none"\nbody_limit = true\n', "sources.s.body_limit"),
    ],
)
def test_true_is_no_number(tmp_path: Path, text: str, key: str) -> None:
    """A port of `true` would be port 1."""
    assert read(places(tmp_path, text)).problems == [f"{key}: write a number"]


# Near to what people write: keys there are, values of every kind, and noise.
KEYS = [
    "eventlog.url", "store.url", "receiver.port", "receiver.host", "receiver.header_timeout", "console.host",
    "topics.prefix", "topics.dead.retention", "sources.s.platform", "sources.s.secrets", "sources.s.rate",
    "sources.s.ack_budget", "sources.s.public_url", "platforms.p.verify", "accounts.a.platform", "accounts.a.base_url",
    "accounts.a.api_key", "handlers.h.start", "handlers.path", "x", '"".""',
]  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=30).map(lambda text: "'" + text.replace("'", "").replace("\n", "") + "'"),
    st.sampled_from(
        [
            '"file:a\\u0000"',
            '"env:"',
            '"file:."',
            '"kafka://[::"',
            '"http://[a"',
            '"postgresql://u:p@[:1/x"',
            "nan",
            "-inf",
            "0001-01-01T00:00:00+23:00",
            "07:32:00",
            "[]",
            "{}",
            "[{}]",
            "true",
            "1e400",
            '"sqlite:///a\\u0000"',
            "9" * 4_400,
            "[" * 2_000,
            '"\u0661\u0660s"',
            '"500/m"',
            '{mode = "none"}',
        ]
    ),
    st.integers().map(str),
    st.floats().map(str),
)
TEXTS = st.one_of(
    st.text(),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6).map(
        lambda table: "\n".join(f"{key} = {value}" for key, value in table.items())
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=TEXTS,
    variables=st.dictionaries(st.sampled_from(KEYS), st.one_of(VALUES, st.text()), max_size=3),
)
def test_no_text_and_no_variable_ends_the_reading(tmp_path: Path, text: str, variables: dict[str, str]) -> None:
    """There are settings and problems, or it is refused as a whole; never another exception."""
    environ = {f"HOOKLINE_{key.upper().replace('.', '__')}": value for key, value in variables.items()}
    file = tmp_path / "hookline.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(Misconfigured):
        read(Places(config=file, data=tmp_path, environ=environ))


def test_a_key_that_is_no_number_at_all_ends_no_reading_either(tmp_path: Path) -> None:
    """It equals nothing, itself neither."""
    with pytest.raises(Misconfigured, match="x: is no known key"):
        load(places(tmp_path, "x = nan"))


def durations(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[type[BaseModel], str]]:
    """Every field of a settings model, and of those in it, that is a duration."""
    seen.add(model)
    for name, field in model.model_fields.items():
        parts = [field.annotation, *get_args(field.annotation)]
        if timedelta in parts:
            yield model, name
        for part in parts:
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in seen:
                yield from durations(part, seen)


@pytest.mark.parametrize("spot", [*durations(Settings, set()), *durations(CommonSettings, set())], ids=str)
def test_no_duration_leads_out_of_the_calendar(spot: tuple[type[BaseModel], str]) -> None:
    """It would be found at the first delivery, and stop all others."""
    model, name = spot
    with pytest.raises(ValidationError, match=rf"(?s){name}\n.*must be at most"):
        model.model_validate({name: "99999999d"})
