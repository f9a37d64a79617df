"""Commands find the `hookline dev` that runs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.addresses import Address, announced
from cli.following import followed, tell_of_dev
from cli.places import Dev, Places

DEV = Address(role="dev", pid=os.getpid(), receiver="http://127.0.0.1:1")


@pytest.fixture
def configured(tmp_path: Path) -> Places:
    return Places(config=tmp_path / "hookline.toml", data=tmp_path / ".hookline", environ={})


@pytest.fixture
def dev_runs(configured: Places) -> Iterator[None]:
    with announced(configured.data / "dev", DEV):
        yield


def test_nothing_runs(configured: Places) -> None:
    """The configuration is meant."""
    assert followed(configured) == configured


@pytest.mark.usefixtures("dev_runs")
def test_a_dev_that_runs_is_meant(configured: Places) -> None:
    """Without a flag."""
    found = followed(configured)
    assert (found.data, found.dev) == (configured.data / "dev", Dev(running=DEV))


@pytest.mark.usefixtures("dev_runs")
def test_a_role_that_runs_too_goes_first(configured: Places, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody wants to look at a demo instead of what they run."""
    with announced(configured.data, Address(role="run", pid=os.getpid())):
        assert followed(configured) == configured
    assert "`hookline run` is meant, not `hookline dev`" in capsys.readouterr().err


@pytest.mark.usefixtures("dev_runs")
def test_the_demo_knows_what_it_uses(configured: Places) -> None:
    """A variable of one terminal is not set in another."""
    demo = Places(config=None, data=configured.data, environ={}).of_dev(Dev())
    assert followed(demo).dev == Dev(running=DEV)


@pytest.mark.usefixtures("dev_runs")
def test_what_is_not_about_dev_says_so(configured: Places, capsys: pytest.CaptureFixture[str]) -> None:
    """`topics apply` must not mean another log because a demo runs; but whoever wonders is told."""
    tell_of_dev(configured)
    told = capsys.readouterr().err
    assert told.startswith(
        f"hookline: this is about hookline.toml. `hookline dev` (process {os.getpid()}) runs beside it"
    )


def test_without_a_dev_nothing_is_said(configured: Places, capsys: pytest.CaptureFixture[str]) -> None:
    """Nearly always."""
    tell_of_dev(configured)
    assert capsys.readouterr().err == ""
