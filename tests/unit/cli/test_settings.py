"""The whole configuration: file, variables, secrets and cross checks."""

from pathlib import Path

import pytest

from cli.errors import Misconfigured
from cli.places import Places
from cli.settings import load


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
    with pytest.raises(Misconfigured, match=r"unknown key receiver\.prot; did you mean port\?"):
        load(places(tmp_path, "", HOOKLINE_RECEIVER__PROT="2"))


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


def test_without_a_file_it_is_the_demo(tmp_path: Path) -> None:
    """Every command works at once."""
    found = load(Places(config=None, data=tmp_path, environ={}))
    assert list(found.sources) == ["support"]
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600


def test_one_key_of_a_topic_leaves_the_others(tmp_path: Path) -> None:
    """A partition count must not switch compaction off."""
    topics = load(places(tmp_path, "[topics.contacts_state]\npartitions = 24\n")).topics.topics().all()
    kept = topics["hookline.contacts.state"]
    assert (kept.partitions, kept.compact, kept.retention) == (24, True, None)
