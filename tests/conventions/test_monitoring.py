"""The alert rules and the dashboard of `examples/monitoring` name what there is."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # no stubs of it are pinned

from tests.conventions.fences import ROOT

FOLDER = ROOT / "examples/monitoring"
SUFFIXES = ("_bucket", "_sum", "_count")
# Of Prometheus itself.
SCRAPED = {"instance", "job", "le"}
ROW = re.compile(r"^\| `(?P<name>hookline_\w+)` \| (?P<kind>\w+) \| (?P<labels>[^|]*) \|", re.MULTILINE)


def metrics() -> dict[str, set[str]]:
    """Every metric of the reference with its labels, a histogram by the names of its series."""
    found: dict[str, set[str]] = {}
    for row in ROW.finditer((ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")):
        names = [row["name"] + suffix for suffix in SUFFIXES] if row["kind"] == "histogram" else [row["name"]]
        found |= {key: set(re.findall(r"\w+", row["labels"])) for key in names}
    return found


def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    text = (FOLDER / "alerts.yaml").read_text(encoding="utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard."""
    found: list[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, with what is written of its labels."""
    for rule in rules():
        yield rule["expr"], " ".join(rule["annotations"].values())
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


@pytest.mark.parametrize(("expression", "told"), list(expressions()))
def test_what_is_asked_for_exists(expression: str, told: str) -> None:
    """Metrics and labels as the reference has them; what is told of a series is a label that it keeps."""
    known = metrics()
    named = re.findall(r"hookline_\w+", expression)
    assert named
    assert set(named) <= set(known)
    labels = set().union(*(known[name] for name in named)) | SCRAPED
    grouped = {one.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for one in group.split(",")}
    matched = set(re.findall(r"[{,](\w+)(?:=|!=|=~)", expression))
    assert grouped | matched <= labels
    assert set(re.findall(r"\{\{ ?(?:\$labels\.)?(\w+) ?\}\}", told)) <= grouped


def test_rules_tell_what_to_do() -> None:
    """Each has a name of its own, wakes somebody or not, and says why and what to do."""
    found = rules()
    assert len({rule["alert"] for rule in found}) == len(found)
    assert {rule["labels"]["severity"] for rule in found} == {"page", "ticket"}
    assert {tuple(sorted(rule["annotations"])) for rule in found} == {("action", "summary")}


def test_panels_do_not_lie_on_each_other() -> None:
    """Each has an id and a place."""
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in panels()]
    assert len(set(places)) == len({one["id"] for one in panels()}) == len(panels())


def test_compose_has_every_role_and_metrics_for_the_others() -> None:
    """Without a poller the news of polled platforms would not come."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    services = {name: one for name, one in compose["services"].items() if one.get("image") == "hookline"}
    assert set(services) == {"migrate", "topics", "receive", "work", "poll"}
    assert services["poll"]["profiles"] == ["poll"]
    assert {one["environment"]["HOOKLINE_CONSOLE__HOST"] for one in services.values()} == {"0.0.0.0"}
