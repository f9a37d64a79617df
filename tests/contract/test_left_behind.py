"""What stands in an embedded log that Kafka took the place of, and the commands that are told: they work."""

import asyncio
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.base import Installation
from cli.commands.check import stranded_events
from cli.left_letters import tell_left, unconnected
from cli.main import app
from cli.places import find
from cli.plugins import loaded
from cli.roles import Roles, serve_until_empty
from cli.stranded import stranded
from cli.undealt import undealt
from cli.wiring import opened_log, opened_store, store_url
from schemas.envelope import encode
from schemas.topics import Topics, TopicSettings
from store.copying import copy
from tests.contract.dispatchers import Rig, message, until
from tests.contract.stores import prepare
from tests.contract.test_dispatcher_logs import SOON, on_file

PLUGIN = '''
from handlers.api import Context, GiveUp, handler
from schemas.events import Event, MessageCreated


@handler("zoo", on=MessageCreated)
async def zoo(event: Event[MessageCreated], ctx: Context) -> None:
    """Gives up what it is told to."""
    if event.data.content == "no":
        raise GiveUp("no")
'''
ENTRIES = "[handlers]\npath = ['.']\n[handlers.sync-contact]\nenabled = false\n[console]\nport = 0\n"
RENAMED = f"{ENTRIES}[handlers.zoo]\nenabled = false\n[handlers.zoo4]\nuse = 'zoo'\n"
KAFKA = {"HOOKLINE_EVENTLOG__URL": "kafka://127.0.0.1:1"}
TOPICS = Topics()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stepped_up: Path) -> Path:
    """A copy of one that took the step, in which commands are called."""
    found = tmp_path / "site"
    shutil.copytree(stepped_up, found)
    monkeypatch.chdir(found)
    monkeypatch.setattr("sys.argv", ["hookline"])
    return found


@pytest.fixture
def copied(folder: Path) -> dict[str, str]:
    """The variables that name Kafka, and the store that the old one was copied to."""
    return {**KAFKA, "HOOKLINE_STORE__URL": f"sqlite:///{folder / 'new.db'}"}


@pytest.fixture(scope="module")
def stepped_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and a plugin, where a message was handled before the store was copied."""
    made = tmp_path_factory.mktemp("stepped-up")
    (made / "zoo.py").write_text(PLUGIN, encoding="utf-8")
    (made / "hookline.toml").write_text(ENTRIES, encoding="utf-8")

    async def step() -> None:
        here().make_data()
        await prepare(store_url(here()))
        await prepare(f"sqlite:///{made / 'new.db'}")
        await append("yes")
        assert await work() == 0
        await copy(store_url(here()), f"sqlite:///{made / 'new.db'}")

    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(made)
        asyncio.run(step())
    return made


def here(**environ: str) -> Installation:
    """The installation as a command finds it."""
    return Installation(find(None, None, environ, Path.cwd()), "auto")


async def append(*contents: str) -> None:
    """Have the embedded log hold messages."""
    async with opened_log(here()) as log:
        await log.create({name: TopicSettings(partitions=2) for name in TOPICS.all()})
        for number, content in enumerate(contents):
            event = message(number, content=content)
            await log.append(encode(event, TOPICS.of(event.type))).offset()


async def work(**environ: str) -> int:
    """`hookline work --until-empty`."""
    return await serve_until_empty(here(**environ), Roles(name="work", work=True, admin_port=0), asyncio.Event())


async def left(environ: Mapping[str, str]) -> Mapping[str, int]:
    """What the embedded log keeps Kafka from being used for."""
    at = here(**environ)
    found = await stranded(at, loaded(at).plan.entries)
    return {} if found is None else found.events


def told(text: str, *words: str) -> tuple[dict[str, str], list[str]]:
    """The variables and the words of the command that a text names."""
    [line] = [one for one in text.split("`") if f" hookline {shlex.join(words)}" in one]
    said = shlex.split(line)
    at = said.index("hookline")
    return dict(one.split("=", 1) for one in said[:at]), said[at + 1 :]


def obey(text: str, *words: str, **environ: str) -> str:
    """Call it where some variables are set; what it prints."""
    more, said = told(text, *words)
    done = CliRunner().invoke(app(said), said, env={**environ, **more}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_an_entry_that_was_renamed_since_left_nothing_behind(folder: Path, copied: dict[str, str]) -> None:
    """Its positions in the embedded log have its old name, and that settled all there was."""
    assert asyncio.run(left(copied)) == {}
    (folder / "hookline.toml").write_text(RENAMED, encoding="utf-8")
    assert asyncio.run(left(copied)) == {}


def test_what_it_left_behind_is_counted_and_handled_as_is_told(folder: Path, copied: dict[str, str]) -> None:
    """Under its new name: with the copy of the store, which alone may be used, and from where it was."""
    (folder / "hookline.toml").write_text(RENAMED, encoding="utf-8")

    async def renamed() -> None:
        await append("yes", "yes")
        async with opened_store(here(**copied)) as store:
            await store.entry_rows.rename("zoo", "zoo4", message().time)

    asyncio.run(renamed())
    [one] = [each for each in stranded_events(here(**copied)) if each.state == "failing"]
    assert "nobody would: zoo4 2. zoo read that log before, and no longer runs: if zoo is called zoo4 now" in one.detail
    assert one.detail.endswith(f"or for good by moving {folder / '.hookline' / 'events.db'} away")
    assert "zoo is zoo4 now: 0 rows and the positions of 2" in obey(
        one.detail, "handlers", "rename", "zoo", "zoo4", **copied
    )
    assert asyncio.run(left(copied)) == {"zoo4": 2}
    assert asyncio.run(work(**{**copied, **told(one.detail, "work", "--until-empty")[0]})) == 0
    assert asyncio.run(left(copied)) == {}


def test_dead_letters_that_stay_are_named_and_replayed_as_is_told(
    folder: Path, copied: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the log is left, and by all that asks since; the worker of the new log handles them."""
    asyncio.run(append("yes", "no"))
    assert asyncio.run(work(**{**copied, "HOOKLINE_EVENTLOG__URL": str(folder / ".hookline" / "events.db")})) == 0
    log = f"HOOKLINE_EVENTLOG__URL={folder / '.hookline' / 'events.db'} hookline dead"
    ways = f"`{log} list` shows them, and `{log} replay ID` has one handled by the workers that run then"
    assert f"1 open dead letter(s) stay in this log; with another one {ways}\n" in capsys.readouterr().out

    told_of = f"1 dead letter(s) in {folder / '.hookline' / 'events.db'}, the log of before Kafka: {ways}"
    [one] = [each for each in stranded_events(here(**copied)) if each.name == "dead letters left behind"]
    assert one.detail == f"nobody has dealt with {told_of}"
    [one] = asyncio.run(unconnected(here(**{**KAFKA, "HOOKLINE_STORE__URL": "postgresql://h@127.0.0.1:1/h"})))
    assert one.detail.startswith(f"{told_of}. Whether somebody has dealt with them stands in the store")
    monkeypatch.setattr("cli.undealt.open_letters", nothing)
    monkeypatch.setattr("cli.undealt._quarantined", nothing)
    assert asyncio.run(waiting(here(**copied))) == [f"nobody has dealt with {told_of}"]
    asyncio.run(tell_left(here(**copied)))
    assert capsys.readouterr().err == f"hookline: not listed: {told_of}\n"
    assert "message.created:m1  zoo" in obey(told_of, "dead", "list", **copied)

    (folder / "zoo.py").write_text(PLUGIN.replace('"no":', '"never":'), encoding="utf-8")
    replay, environ = told_of.replace(" ID`", " message.created:m1 --no-wait`"), here(**copied)
    assert "asked: the worker of zoo" in obey(replay, "dead", "replay", "message.created:m1", "--no-wait", **copied)
    asyncio.run(replayed(folder, environ))
    assert list(stranded_events(environ)) == []


async def nothing(_: Installation) -> int:
    """What stands in the new log."""
    return 0


async def waiting(at: Installation) -> list[str]:
    """What `doctor` says that waits for a person."""
    return [one.detail async for one in undealt(at, patience=15)]


async def replayed(folder: Path, at: Installation) -> None:
    """Have the entry run on another log until it has handled the event."""
    async with on_file(folder / "other.db", TOPICS, partitions=3) as log, opened_store(at) as store:
        rig = Rig(log=log, store=store, topics=TOPICS, changes={"limits": SOON})
        async with rig.running(*loaded(at).plan.entries):
            await until(lambda: [each.event_id for each in rig.attempts] == ["message.created:m1"], "it is handled")
        assert [mark.state for mark in await store.replays.marks()] == ["done"]
