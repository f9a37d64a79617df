"""Plugins that cannot be used, and what production makes of them."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cli.base import Installation
from cli.commands.check import findings
from cli.errors import Misconfigured
from cli.places import Places
from cli.plugins import Plugins, loaded
from cli.roles import without_broken


def site(folder: Path, more: str) -> Installation:
    (folder / "plugins").mkdir()
    (folder / "plugins" / "broken.py").write_text("import nowhere\n", encoding="utf-8")
    config = folder / "hookline.toml"
    config.write_text(f'[handlers]\npath = ["./plugins"]\n{more}', encoding="utf-8")
    return Installation(Places(config=config, data=folder / "data", environ={}), "auto")


def plugins(folder: Path, more: str = "") -> Plugins:
    return loaded(site(folder, more))


def test_a_broken_plugin_hides_no_other(tmp_path: Path) -> None:
    """The handlers that come with hookline are there beside its problem."""
    found = plugins(tmp_path)
    assert len(found.problems) == 1
    assert [entry.name for entry in found.plan.entries] == ["sync-contact"]


def test_production_refuses_it_and_says_how_to_go_on(tmp_path: Path) -> None:
    """Events would wait for it unnoticed."""
    with pytest.raises(Misconfigured, match=r"(?s)nowhere.*\(broken\.py:1\).*set allow_broken = true in \[handlers\]"):
        without_broken(plugins(tmp_path))


def test_production_goes_on_where_that_is_allowed(tmp_path: Path) -> None:
    """And the log says without what, at each start."""
    with capture_logs() as lines:
        without_broken(plugins(tmp_path, "allow_broken = true\n[handlers.broken]\n"))
    assert [line["event"] for line in lines] == ["plugin.omitted", "plugin.omitted"]
    assert "No module named 'nowhere' (broken.py:1)" in lines[0]["problem"]


def test_check_warns_where_it_is_allowed(tmp_path: Path) -> None:
    """It does not fail what would run."""
    found = [one for one in findings(site(tmp_path, "allow_broken = true\n")) if one.name == "handlers"]
    assert [one.state for one in found] == ["degraded"]


def test_it_is_true_or_false(tmp_path: Path) -> None:
    """Anything else is a mistake that must not be taken for consent."""
    with pytest.raises(Misconfigured, match="neither true nor false"):
        plugins(tmp_path, 'allow_broken = "maybe"\n')


SECRETIVE = """
from pydantic import BaseModel, SecretStr
from hookline import Context, Event, MessageCreated, handler

class Login(BaseModel):
    password: SecretStr

class Crm(BaseModel):
    key: SecretStr
    login: Login | None = None

@handler("crm", on=MessageCreated, config=Crm)
async def crm(event: Event[MessageCreated], ctx: Context[Crm]) -> None:
    ...
"""


def secretive(folder: Path, section: str, **environ: str) -> Plugins:
    """Of a plugin that wants secrets."""
    (folder / "crm.py").write_text(SECRETIVE, encoding="utf-8")
    (folder / "hookline.toml").write_text(f'[handlers]\npath = ["."]\n{section}', encoding="utf-8")
    places = Places(config=folder / "hookline.toml", data=folder / "data", environ=environ)
    return loaded(Installation(places, "auto"))


def test_a_secret_of_a_plugin_must_not_stand_in_the_file(tmp_path: Path) -> None:
    """As none of hookline's own: the entry does not run, and the secret is not told."""
    section = '[handlers.crm-two]\nuse = "crm"\nkey = "env:A"\nlogin = {password = "s3cret"}\n'
    found = secretive(tmp_path, section, A="a")
    problem = (
        '[handlers.crm-two]: login.password: is a secret that stands in the file itself: write "env:NAME" or '
        '"file:PATH" there, and put the secret into that variable or file'
    )
    assert found.problems == [problem]
    assert "crm-two" not in {entry.name for entry in found.plan.entries}


def test_references_to_secrets_of_a_plugin_may(tmp_path: Path) -> None:
    """To a variable or a file, and a variable may hold one itself."""
    (tmp_path / "password").write_text("p\n", encoding="utf-8")
    section = '[handlers.crm]\nlogin = {password = "file:password"}\n'
    found = secretive(tmp_path, section, HOOKLINE_HANDLERS__CRM__KEY="k")
    assert found.problems == []
    config = next(entry.config for entry in found.plan.entries if entry.name == "crm")
    assert config.model_dump()["login"]["password"].get_secret_value() == "p"
