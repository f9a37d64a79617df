"""What `hookline check` finds in a configuration."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import typer

from cli.base import Installation
from cli.commands.check import check, findings
from cli.commands.handlers_moves import require_gone, require_renamed
from cli.errors import Misconfigured
from cli.findings import State
from cli.places import Places, find
from cli.plugins import loaded

SECRET = "0123456789abcdef"
ACCOUNT = '[accounts.{name}]\nplatform = "mygptassistants"\napi_key = "env:SECRET"\nbot_id = "b"\n'
SOURCE = '[sources.{name}]\nplatform = "mygptassistants"\nsecrets = ["env:SECRET"]\n'
FOLLOW_UP = '[handlers.follow-up-chat]\nmessage = "Did that answer your question?"\n'
WORKS = SOURCE.format(name="chat") + ACCOUNT.format(name="chat") + FOLLOW_UP


def found(folder: Path, text: str, state: State, **environ: str) -> dict[str, str]:
    """Name → detail of the findings in a state; of several of one name all lines."""
    file = folder / "hookline.toml"
    file.write_text(text, encoding="utf-8")
    here = Installation(Places(config=file, data=folder / ".hookline", environ={"SECRET": SECRET, **environ}), "auto")
    told: dict[str, str] = {}
    for one in findings(here):
        if one.state == state:
            told[one.name] = f"{told[one.name]}\n{one.detail}" if one.name in told else one.detail
    return told


def test_what_works_has_no_complaint(tmp_path: Path) -> None:
    """Neither a failure nor a warning."""
    assert found(tmp_path, WORKS, "failing") == {}
    assert found(tmp_path, WORKS, "degraded") == {}


def test_everything_is_found_in_one_run(tmp_path: Path) -> None:
    """A missing secret hides neither the source's platform nor a handler's mistake."""
    text = (
        '[sources.chat]\nplatform = "mygptassistant"\nsecrets = ["env:NO"]\naccount = "nope"\nrate = "often"\n'
        + ACCOUNT.format(name="main")
        + '[handlers.again]\nuse = "follow-up-chatt"\n[handlers.sync-contact]\nbackoff = "2h"\n'
    )
    assert found(tmp_path, text, "failing") == {
        "configuration": (
            "sources.chat.secrets: wants the environment variable NO, which is not set\n"
            "sources.chat.rate: not a rate. Write deliveries and a unit: 20/s, 500/m or 1000/h\n"
            "sources.chat.account: there is no account 'nope'; known here: main"
        ),
        "sources": "sources.chat.platform: there is no platform of this name; did you mean mygptassistants?",
        "handlers": (
            "[handlers.again]: there is no handler 'follow-up-chatt'. Did you mean 'follow-up-chat'?\n"
            "[handlers.sync-contact]: backoff is longer than max_backoff, the longest wait: raise max_backoff or lower "
            "backoff"
        ),
    }


def test_a_mistake_is_told_once(tmp_path: Path) -> None:
    """A secret that is not there is not too short as well, and an account that cannot work is there."""
    text = SOURCE.format(name="chat").replace("SECRET", "NO") + ACCOUNT.format(name="chat").replace("bot_id", "bot")
    assert found(tmp_path, text + FOLLOW_UP, "failing") == {
        "configuration": (
            "sources.chat.secrets: wants the environment variable NO, which is not set\n"
            "accounts.chat.bot_id: is missing\n"
            "accounts.chat.bot: is no known key; did you mean bot_id?"
        )
    }


def test_a_handlers_mistake_in_a_variable_names_the_variable(tmp_path: Path) -> None:
    """So does a source's."""
    environ = {"HOOKLINE_HANDLERS__FOLLOW_UP_CHAT__AFTER": "soon", "HOOKLINE_SOURCES__CHAT__PLATFORM": "shopify"}
    told = found(tmp_path, WORKS, "failing", **environ)
    assert told["handlers"].startswith("HOOKLINE_HANDLERS__FOLLOW_UP_CHAT__AFTER: [handlers.follow-up-chat]: after: ")
    assert told["sources"].startswith("HOOKLINE_SOURCES__CHAT__PLATFORM: sources.chat.platform: there is no platform")


def test_a_role_that_refuses_its_handlers_names_the_variable_too(tmp_path: Path) -> None:
    """Not only the command that checks."""
    (tmp_path / "hookline.toml").write_text(WORKS, encoding="utf-8")
    environ = {"SECRET": SECRET, "HOOKLINE_HANDLERS__FOLLOW_UP_CHAT__AFTER": "soon"}
    here = Installation(Places(config=tmp_path / "hookline.toml", data=tmp_path, environ=environ), "auto")
    [problem] = loaded(here).problems
    assert problem.startswith("HOOKLINE_HANDLERS__FOLLOW_UP_CHAT__AFTER: [handlers.follow-up-chat]: after: not a dur")


def test_a_rule_about_several_keys_names_the_variables_that_set_some(tmp_path: Path) -> None:
    """And is told beside what is wrong with other keys."""
    environ = {"HOOKLINE_ACCOUNTS__CHAT__BASE_URL": "http://x", "HOOKLINE_ACCOUNTS__CHAT__CONNECTIONS": "0"}
    environ["HOOKLINE_HANDLERS__FOLLOW_UP_CHAT__BACKOFF"] = "2h"
    told = found(tmp_path, WORKS, "failing", **environ)
    assert told["configuration"] == (
        "accounts.chat: base_url must begin with https://, or the key would travel in clear (http:// needs "
        "allow_private = true) (set in part by HOOKLINE_ACCOUNTS__CHAT__BASE_URL, "
        "HOOKLINE_ACCOUNTS__CHAT__CONNECTIONS)\n"
        "HOOKLINE_ACCOUNTS__CHAT__CONNECTIONS: must be at least 1"
    )
    assert told["handlers"].endswith("(set in part by HOOKLINE_HANDLERS__FOLLOW_UP_CHAT__BACKOFF)")


@pytest.mark.parametrize(
    ("ports", "fails"),
    [
        ("[receiver]\nport = 8788\n", True),
        ('[receiver]\nport = 8788\nhost = "0.0.0.0"\n', True),
        ('[receiver]\nport = 8788\nhost = "127.0.0.2"\n', False),
        ("[receiver]\nport = 0\n[console]\nport = 0\n", False),
    ],
)
def test_two_servers_on_one_port_are_found(tmp_path: Path, ports: str, fails: bool) -> None:
    """On one address, or where one of them takes every address."""
    assert ("ports" in found(tmp_path, WORKS + ports, "failing")) is fails


@pytest.mark.parametrize("handlers", [FOLLOW_UP, '[handlers.sync-contact]\npush = ["chat"]\n'])
def test_a_source_whose_events_lead_nowhere_is_found(tmp_path: Path, handlers: str) -> None:
    """With what to add."""
    text = SOURCE.format(name="chat") + SOURCE.format(name="shop") + ACCOUNT.format(name="chat") + handlers
    told = found(tmp_path, text, "degraded")
    assert list(told) == ["source shop"]
    assert told["source shop"].endswith('add [accounts.shop], or account = "NAME" to [sources.shop]')


def test_a_source_that_nobody_can_answer_is_no_mistake(tmp_path: Path) -> None:
    """Of an inbound only platform there is no account to add."""
    inbox = '[sources.inbox]\nplatform = "chatwoot"\nsecrets = ["a-secret-0123456789"]\n'
    text = SOURCE.format(name="chat") + ACCOUNT.format(name="chat") + inbox + FOLLOW_UP
    assert "source inbox" not in found(tmp_path, text, "degraded")


@pytest.mark.parametrize(
    ("platform", "confirm", "warned"),
    [("yourgpt", "", True), ("yourgpt", "confirm = false", False), ("gptbots", "confirm = true", True)],
)
def test_a_source_of_hints_needs_an_account(tmp_path: Path, platform: str, confirm: str, *, warned: bool) -> None:
    """sync-contact asks the platform who a hint is about, and without an account keeps nobody."""
    source = f'[sources.shop]\nplatform = "{platform}"\ntoken = "env:SECRET"\n{confirm}\n'
    text = source + ACCOUNT.format(name="chat") + "[handlers.sync-contact]\n"
    assert (list(found(tmp_path, text, "degraded")) == ["source shop"]) is warned


@pytest.mark.parametrize(("more", "warned"), [("", True), ('verify_token = "env:SECRET"\n', False)])
def test_a_source_without_its_agreed_word_is_found(tmp_path: Path, more: str, *, warned: bool) -> None:
    """Else the app's secret would be typed in where a platform shows it in a URL."""
    text = '[sources.chat]\nplatform = "meta"\nsecrets = ["env:SECRET"]\n' + more + ACCOUNT.format(name="chat")
    told = found(tmp_path, text, "degraded")
    assert ("refused without verify_token" in told.get("source chat", "")) is warned


def test_a_host_that_can_be_none_is_found(tmp_path: Path) -> None:
    """Nothing could listen there."""
    told = found(tmp_path, WORKS + '[receiver]\nhost = "local host"\n', "failing")
    assert told["configuration"].startswith("receiver.host: nothing can listen there: ")


def test_a_variable_that_sets_nothing_is_told(tmp_path: Path) -> None:
    """One underscore is missing in its name."""
    told = found(tmp_path, WORKS, "degraded", HOOKLINE_EVENTLOG_URL="kafka://b:9092")
    assert told["environment"].endswith("did you mean HOOKLINE_EVENTLOG__URL?")


def test_mistakes_of_a_recipe_are_told_at_their_keys(tmp_path: Path) -> None:
    """With what was meant; and a source of a platform that cannot work is not reported beside it."""
    text = (
        '[platforms.acme]\nstatus = 200\n[platforms.acme.verify]\nsignature = { header = "x", prefx = "sha256=" }\n'
        '[platforms.acme.read]\nname = "a..b"\n[[platforms.acme.events]]\nname = "x"\ntype = "message.create"\n'
        '[platforms.gptbots]\nlike = "slack"\n[platforms.team]\nlike = "slak"\n'
        '[sources.a]\nplatform = "acme"\nsecrets = ["env:SECRET"]\n'
        '[sources.b]\nplatform = "acmee"\nsecrets = ["env:SECRET"]\n'
    )
    assert found(tmp_path, text, "failing") == {
        "configuration": (
            "platforms.acme.verify.signature.prefx: is no known key; did you mean prefix?\n"
            "platforms.acme.read.name: 'a..b' is no path: it goes wrong at '..b'\n"
            "platforms.acme.events.0.type: is no event; did you mean message.created?\n"
            "platforms.team: there is no preset 'slak'; did you mean slack?\n"
            "platforms.gptbots: is a platform of hookline's own: give yours another name"
        ),
        "sources": "sources.b.platform: there is no platform of this name; did you mean acme?",
    }


def test_recipe_that_works_has_no_complaint(tmp_path: Path) -> None:
    """Its source is shown with the platform's name."""
    text = (
        '[platforms.acme]\nlike = "github"\n[sources.a]\nplatform = "acme"\nsecrets = ["env:SECRET"]\n'
        + ACCOUNT.format(name="a")
    )
    assert found(tmp_path, text, "failing") == {}
    assert found(tmp_path, text, "ok")["source a"] == "acme, POST /in/a"


def test_it_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the secrets of the demo, which is what is checked without a file."""
    monkeypatch.chdir(tmp_path)
    context = SimpleNamespace(obj=Installation(find(None, None, {}, tmp_path), "auto"))
    assert check(cast("typer.Context", context), as_json=False) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_start_in_the_future_is_found(tmp_path: Path) -> None:
    """It is allowed, and hardly meant."""
    text = WORKS + '[handlers.sync-contact]\nstart = "9999-12-31T23:59:59Z"\n'
    assert found(tmp_path, text, "failing") == {}
    assert found(tmp_path, text, "degraded") == {
        "handler sync-contact": "start, 9999-12-31 23:59 UTC, is in the future: it leaves out all events until then"
    }


def test_a_token_in_the_path_is_shown_as_a_place(tmp_path: Path) -> None:
    """The address to give to the sender, without the secret."""
    text = WORKS.replace('secrets = ["env:SECRET"]', 'token = "env:SECRET"')
    assert found(tmp_path, text, "ok")["source chat"] == "mygptassistants, POST /in/chat/TOKEN"


def test_files_of_data_that_can_be_none_are_found(tmp_path: Path) -> None:
    """Before a role meets them."""
    assert found(tmp_path, WORKS + '[eventlog]\nurl = "/dev/null"\n', "failing") == {
        "configuration": (
            "eventlog.url: /dev/null cannot be a file of data: there is something else than a regular file. "
            "Name another file"
        )
    }


ACME = """
[platforms.acme]
verify = {{ signature = {{ header = "x-acme" }} }}
read = {{ name = "type" }}
{events}
"""
BOT = '[[platforms.acme.events]]\ntype = "bot.updated"\nname = {name}\n{where}'


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (SOURCE.format(name="a-b") + SOURCE.format(name="a_b"), "sources a-b and a_b", "HOOKLINE_SOURCES__A_B__"),
        (
            SOURCE.format(name="a") + '[accounts.a]\nplatform = "gptbots"\napi_key = "env:SECRET"\n',
            "source a",
            "its account a is at gptbots",
        ),
        (
            SOURCE.format(name="a") + 'account = "b"\n' + ACCOUNT.format(name="a") + ACCOUNT.format(name="b"),
            "source a",
            "would be taken for those of the account a",
        ),
        (
            ACME.format(events=BOT.format(name='"bot.*"', where="") + BOT.format(name='["bot.a", "bot.b"]', where="")),
            "platform acme",
            "events[1] is never used: a mapping before it",
        ),
        (
            ACME.format(events=BOT.format(name='"a"', where="")).replace('read = { name = "type" }', ""),
            "platform acme",
            "events[0] is never used: read.name",
        ),
    ],
    ids=range(5),
)
def test_what_works_and_is_hardly_meant_is_told(tmp_path: Path, text: str, name: str, words: str) -> None:
    """A warning, with what is probably wrong."""
    assert words in found(tmp_path, text, "degraded")[name]
    assert found(tmp_path, text, "failing") == {}


def test_mapping_behind_a_condition_is_used(tmp_path: Path) -> None:
    """What the first does not take comes to the second."""
    events = BOT.format(name='"a"', where='where = { x = "y" }\n') + BOT.format(name='"a"', where="")
    assert "platform acme" not in found(tmp_path, ACME.format(events=events), "degraded")


def test_bodies_that_find_no_room_are_a_mistake(tmp_path: Path) -> None:
    """Every delivery of that size would be told to come again, for ever."""
    told = found(tmp_path, WORKS + "[receiver]\nin_flight_bytes = 1000\n", "failing")
    assert "receiver.in_flight_bytes: a body may have 1048576 bytes" in told["configuration"]


def test_key_of_another_form_is_not_suggested_for_itself(tmp_path: Path) -> None:
    """`did you mean prefix?`, of prefix, helps nobody."""
    text = ACME.format(events="").replace('"x-acme"', '"x-acme", signature = "v1", prefix = "y"')
    told = found(tmp_path, text, "failing")["configuration"]
    assert "verify.signature.prefix: does not go with the other keys beside it" in told


TWICE = """
from hookline import Context, Event, MessageCreated, handler

@handler("lab", on=MessageCreated)
async def lab(event: Event[MessageCreated], ctx: Context) -> None:
    pass
"""
LAB = '[handlers]\npath = ["plugins"]\n'


@pytest.fixture
def with_lab(tmp_path: Path) -> Path:
    """A folder with a handler that needs no settings."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "lab.py").write_text(TWICE, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("", True),
        ("[handlers.lab]\n", False),
        ("[handlers.lab]\nenabled = false\n", False),
    ],
)
def test_an_entry_nobody_wrote_down_runs_beside_another_of_its_handler(
    with_lab: Path, section: str, *, told: bool
) -> None:
    """Unless a section says that it is meant, or not."""
    text = WORKS + LAB + '[handlers.lab-two]\nuse = "lab"\n' + section
    why = (
        "it runs without a section, and lab-two with the same handler beside it: each event is handled by both. "
        "Add [handlers.lab], with nothing if both are meant, or with enabled = false; then `hookline handlers "
        "rename lab lab-two`, before the start, has the other go on where it was"
    )
    assert found(with_lab, text, "degraded") == ({"handler lab": why} if told else {})


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ("[handlers.lab]\n", r"lab is still an entry: rename its section to \[handlers.lab-two\]"),
        ("", r'still an entry: .* \[handlers.lab-two\] with use = "lab" and \[handlers.lab\] with enabled = false'),
        ("[handlers.lab]\nenabled = false\n", "there is no entry lab-two; did you mean lab"),
    ],
)
def test_a_renaming_says_what_of_the_configuration_is_missing(with_lab: Path, sections: str, why: str) -> None:
    """A section to be renamed, or, of a handler that needs none, two to be added."""
    (with_lab / "hookline.toml").write_text(LAB + sections, encoding="utf-8")
    here = Installation(Places(config=with_lab / "hookline.toml", data=with_lab / "data", environ={}), "auto")
    with pytest.raises(Misconfigured, match=why):
        require_renamed(loaded(here), "lab", "lab-two")


def test_a_handler_that_needs_no_settings_is_renamed_by_two_sections(with_lab: Path) -> None:
    """One with the new name, and one that switches the old name off."""
    text = LAB + '[handlers.lab]\nenabled = false\n[handlers.lab-two]\nuse = "lab"\n'
    (with_lab / "hookline.toml").write_text(text, encoding="utf-8")
    here = Installation(Places(config=with_lab / "hookline.toml", data=with_lab / "data", environ={}), "auto")
    require_renamed(loaded(here), "lab", "lab-two")


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ("", r"First add enabled = false, in a section \[handlers.lab\]"),
        ("[handlers.lab]\n", r"First write enabled = false into \[handlers.lab\]"),
    ],
)
def test_an_entry_that_would_run_again_is_not_forgotten(with_lab: Path, section: str, why: str) -> None:
    """It would be given everything again, and do everything again."""
    (with_lab / "hookline.toml").write_text(LAB + section, encoding="utf-8")
    here = Installation(Places(config=with_lab / "hookline.toml", data=with_lab / "data", environ={}), "auto")
    with pytest.raises(Misconfigured, match=why):
        require_gone(loaded(here), "lab")


def test_an_entry_that_is_switched_off_is_forgotten(with_lab: Path) -> None:
    """Also one whose handler needs no settings."""
    (with_lab / "hookline.toml").write_text(LAB + "[handlers.lab]\nenabled = false\n", encoding="utf-8")
    here = Installation(Places(config=with_lab / "hookline.toml", data=with_lab / "data", environ={}), "auto")
    require_gone(loaded(here), "lab")
