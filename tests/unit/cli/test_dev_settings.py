"""What `hookline dev` takes from a configuration: never a real log, store or platform, if nobody asks for it."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from cli.addresses import Address
from cli.base import Installation
from cli.commands.dev import redirected
from cli.dev_settings import public_url
from cli.errors import Misconfigured
from cli.greeting import kept
from cli.places import Dev, Places
from cli.settings import Settings, read
from clients.settings import MyGPTAssistantsSettings, YourGPTSettings
from receiver.sources.opening import open_sources
from simulator.app import Simulator

REAL = """
[eventlog]
url = "kafka://real:9092"
[store]
url = "env:STORE"
[sources.shop]
platform = "standard"
verify = "none"
[accounts.shop]
platform = "mygptassistants"
api_key = "env:KEY"
bot_id = "b"
"""
STORE = "postgresql://hookline:secret@real/hookline"
KAFKA = {"HOOKLINE_EVENTLOG__URL": "kafka://mine:9092"}


def opened(folder: Path, dev: Dev, *, text: str = REAL, **environ: str) -> Installation:
    file = folder / "hookline.toml"
    file.write_text(text, encoding="utf-8")
    places = Places(config=file, data=folder / ".hookline", environ={"STORE": STORE, "KEY": "k", **environ})
    return Installation(places.of_dev(dev), "auto")


def urls(settings: Settings) -> tuple[str | None, str | None]:
    store = settings.store.url
    return settings.eventlog.url, store.get_secret_value() if store else None


@pytest.mark.parametrize(
    ("dev", "environ", "used"),
    [
        (Dev(), {}, (None, None)),
        (Dev(configured=True), {}, ("kafka://real:9092", STORE)),
        (Dev(), KAFKA, ("kafka://mine:9092", None)),
        (Dev(running=Address(role="dev", pid=1)), KAFKA, (None, None)),
        (Dev(running=Address(role="dev", pid=1, eventlog="kafka://its:9092")), {}, ("kafka://its:9092", None)),
        (Dev(running=Address(role="dev", pid=1, store="postgresql://hookline@real/hookline")), {}, (None, STORE)),
    ],
    ids=["its own", "--configured", "a variable", "runs on files", "runs on Kafka", "runs on PostgreSQL"],
)
def test_log_and_store(tmp_path: Path, dev: Dev, environ: dict[str, str], used: tuple[str | None, str | None]) -> None:
    """Those of the file only when asked for; other commands use what the one that runs uses."""
    assert urls(opened(tmp_path, dev, **environ).settings) == used


@pytest.mark.parametrize(
    ("dev", "environ", "lines"),
    [
        (
            Dev(),
            {},
            [
                "event log  {data}/dev/events.db, not kafka://real:9092 (--configured uses that)",
                "store      {data}/dev/state.db, not postgresql://hookline@real/hookline (--configured uses that)",
            ],
        ),
        (
            Dev(configured=True),
            KAFKA,
            [
                "event log  kafka://mine:9092  (HOOKLINE_EVENTLOG__URL)",
                "store      postgresql://hookline@real/hookline  (--configured)",
            ],
        ),
    ],
)
def test_the_banner_says_what_is_used(tmp_path: Path, dev: Dev, environ: dict[str, str], lines: list[str]) -> None:
    """And why, without a password."""
    here = opened(tmp_path, dev, **environ)
    assert kept(here, read(here.places)) == [line.format(data=tmp_path / ".hookline") for line in lines]


def test_a_configuration_without_sources_has_the_demos(tmp_path: Path) -> None:
    """A file that only names plugins still shows conversations."""
    found = opened(tmp_path, Dev(), text="[handlers.sync-contact]\n").settings
    assert [(name, one.platform) for name, one in found.sources.items()] == [
        ("support", "mygptassistants"),
        ("gptbots", "gptbots"),
        ("yourgpt", "yourgpt"),
        ("customgpt", "customgpt"),
    ]
    assert list(found.accounts) == ["support", "gptbots", "yourgpt", "customgpt"]
    assert list(found.handlers) == ["sync-contact"]


def test_a_configuration_with_sources_has_only_its_own(tmp_path: Path) -> None:
    """The demo is none of them."""
    assert list(opened(tmp_path, Dev()).settings.sources) == ["shop"]


@pytest.mark.parametrize("simulated", [("mygptassistants",), ()], ids=["simulated", "unknown to the simulator"])
def test_no_account_leads_to_a_platform(tmp_path: Path, simulated: tuple[str, ...]) -> None:
    """Whatever its base_url was; and it is of the bot that the visitors talk to."""
    simulator = SimpleNamespace(
        world=SimpleNamespace(endpoints=dict.fromkeys(simulated)),
        url="http://127.0.0.1:1",
        base_url="http://127.0.0.1:1/{}/api".format,
    )
    found = redirected(opened(tmp_path, Dev()).settings, cast("Simulator", simulator)).accounts["shop"]
    assert found.base_url.startswith("http://127.0.0.1:1")
    assert isinstance(found, MyGPTAssistantsSettings)
    assert found.bot_id == "bot_demo"


@pytest.mark.parametrize("uid", ["widget_uid", "project_uid"])
def test_account_at_yourgpt_is_of_the_project_that_is_visited(tmp_path: Path, uid: str) -> None:
    """Under the uid it has, at both levels of the API."""
    text = f'[accounts.a]\nplatform = "yourgpt"\napi_key = "env:KEY"\n{uid} = "mine"\n'
    base = "http://127.0.0.1:1/{}/chatbot/v1".format
    simulator = SimpleNamespace(world=SimpleNamespace(endpoints={"yourgpt": None}), url="", base_url=base)
    settings = opened(tmp_path, Dev(), text=text).settings
    found = redirected(settings, cast("Simulator", simulator)).accounts["a"]
    assert isinstance(found, YourGPTSettings)
    assert getattr(found, uid) == "demo"
    assert (found.base_url, found.organisation_base) == (base("yourgpt"), "http://127.0.0.1:1/yourgpt/api/v1")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (None, None),
        ("kafka://a:1,b:2", "kafka://a:1,b:2"),
        ("postgresql://u:p@w@h:5/d?x=1", "postgresql://u@h:5/d?x=1"),
    ],
)
def test_an_address_is_told_without_its_password(url: str | None, shown: str | None) -> None:
    """It stands in a file and on a screen."""
    assert public_url(url) == shown


UNSET = """
[store]
url = "env:STORE_URL"
[sources.shop]
platform = "standard"
secrets = ["env:SHOP_SECRET", "file:old"]
[accounts.shop]
platform = "mygptassistants"
api_key = "env:SHOP_KEY"
bot_id = "b"
"""


def test_secrets_that_are_not_set_are_made_up(tmp_path: Path) -> None:
    """Nothing real is called with them; a second terminal makes up the same, of a form the source takes."""
    here, other = (
        opened(tmp_path, Dev(), text=UNSET),
        opened(tmp_path, Dev(running=Address(role="dev", pid=1)), text=UNSET),
    )
    made = [secret.get_secret_value() for secret in here.settings.sources["shop"].secrets]
    assert len(set(made)) == 2
    assert [secret.get_secret_value() for secret in other.settings.sources["shop"].secrets] == made
    open_sources(here.settings.sources, here.settings.receiver, here.settings.catalogue())
    assert urls(here.settings) == (None, None)
    assert kept(here, read(here.places)) == [f"event log  {tmp_path}/.hookline/dev/events.db"]


@pytest.mark.parametrize("dev", [None, Dev(configured=True)])
def test_what_is_used_must_be_set(tmp_path: Path, dev: Dev | None) -> None:
    """By the roles, and the log and the store with `--configured`."""
    places = opened(tmp_path, Dev(), text=UNSET).places
    with pytest.raises(Misconfigured, match="STORE_URL"):
        _ = Installation(replace(places, dev=dev), "auto").settings
