"""The documentation tells what is: its tables are those of the code, its links lead somewhere, its names exist."""

import ast
import re
from pathlib import Path

import pytest

from receiver.problems import PROBLEMS
from schemas.telemetry import LOG_EVENTS
from tests.conventions.fences import PAGES as TEXTS
from tests.conventions.fences import anchors, fences, inline_code, links, prose
from tests.conventions.reference import metrics
from tests.conventions.reference.commands import command_names, command_tree, complaint
from tests.conventions.reference.configuration import sections
from tests.conventions.reference.log_events import log_calls
from tests.conventions.reference.pages import PAGES, ROOT, made_anew
from tests.conventions.reference.problems import REASONS
from tests.conventions.reference.settings import settings_of
from tests.conventions.variables import unknown_variables

CONFIGURATION = ROOT / "docs/configuration.md"
REFERENCE = ROOT / "docs/reference"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_as_make_docs_writes_it(page: str) -> None:
    """What is made from the code was made after its last change: else run `make docs`."""
    assert (ROOT / page).read_text(encoding="utf-8") == made_anew(page)


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file or heading of the project resolves."""
    lost = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


def test_every_page_is_linked() -> None:
    """A page that nothing links to is found by nobody; decisions are linked as a folder."""
    linked = {
        (page.parent / link.partition("#")[0]).resolve() for page in TEXTS for link in links(page) if link[0] != "#"
    }
    pages = [page for page in TEXTS if page.name != "README.md" and page.parent.name != "decisions"]
    assert [str(page.relative_to(ROOT)) for page in pages if page not in linked] == []


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_in_the_text_exist(page: Path) -> None:
    """A path of the project that a sentence names is there; `<platform>` stands for any."""
    paths = [code for code in inline_code(page) if re.fullmatch(r"\w[\w.]*/[\w./<>-]*", code)]
    ours = [path for path in paths if (ROOT / path.partition("/")[0]).is_dir()]
    assert [path for path in ours if not list(ROOT.glob(re.sub(r"<\w+>", "*", path.rstrip("/"))))] == []


@pytest.mark.parametrize("section", sections())
def test_every_key_stands_in_an_example(section: str) -> None:
    """A key is understood by seeing it written."""
    examples = "\n".join(one.text for one in fences("toml") if one.page == CONFIGURATION)
    keys = [one.key for one in settings_of(sections()[section])]
    assert [key for key in keys if not re.search(rf"^(# )?{key} = ", examples, re.MULTILINE)] == []


def test_every_command_has_a_section() -> None:
    """A command nobody can read about does not exist."""
    page = REFERENCE / "commands.md"
    assert [
        words for words in command_names(command_tree()) if "-".join(("hookline", *words)) not in anchors(page)
    ] == []


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_text_exist(page: Path) -> None:
    """What a sentence tells to run can be run; arguments may be left out."""
    named = [code.split()[1:] for code in inline_code(page) if code.startswith("hookline ")]
    wrong = {" ".join(words): said for words in named if "Error: " in (said := complaint(words))}
    assert {words: said for words, said in wrong.items() if "Missing argument" not in said} == {}


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("docs/platforms/*.md"), *ROOT.glob("docs/connect-*.md")]), ids=lambda page: page.stem
)
def test_every_platform_is_told_with_what_is_not_known(page: Path) -> None:
    """How to connect it, what its pages say, what is inferred, what it cannot do."""
    documented = {"what-the-platform-documents", "what-is-verified", "what-is-checked"}
    found = anchors(page)
    assert {"what-hookline-infers", "what-it-cannot-do"} <= found
    assert documented & found
    assert [block for block in fences("toml") if block.page == page and "[sources." in block.text]


def test_every_problem_has_a_section() -> None:
    """A sender that meets a problem finds what to do."""
    assert set(PROBLEMS) - anchors(REFERENCE / "problems.md") == set()


def test_every_reason_of_a_401_is_explained() -> None:
    """The log's word for it stands in the page, and no other."""
    section = prose(REFERENCE / "problems.md").partition("## What 401 does not tell")[2].partition("\n## ")[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([a-z-]+)`", " ".join(first_cells))) == sorted(REASONS)


def test_every_log_event_is_logged() -> None:
    """A name that nothing logs would be waited for in vain."""
    assert set(LOG_EVENTS) - {call.event for call in log_calls()} == set()


def test_metrics_in_the_text_exist() -> None:
    """A query copied from a page finds something."""
    known = {name for found in metrics.metrics().values() for one in found for name in metrics.series(one)}
    named = {name for page in TEXTS for name in re.findall(r"\bhookline_[a-z_]+\b", page.read_text(encoding="utf-8"))}
    assert named - known - {"hookline_plugins"} == set()


def test_metrics_are_made_in_few_modules() -> None:
    """The reference reads these; another would be missing from it."""
    kinds = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum", "GaugeMetricFamily", "CounterMetricFamily"}
    makers = {
        str(path.relative_to(ROOT))
        for package in (
            "receiver",
            "dispatcher",
            "eventlog",
            "store",
            "clients",
            "cli",
            "console",
            "handlers",
            "simulator",
        )
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("prometheus_client")
        and kinds & {alias.name for alias in node.names}
    }
    assert makers == {
        "receiver/metrics.py",
        "receiver/polling/metrics.py",
        "dispatcher/metrics.py",
        "clients/metrics.py",
    }


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_variables_in_the_text_exist(page: Path) -> None:
    """A variable that means no setting would end the start."""
    named = re.findall(r"\bHOOKLINE_[A-Z0-9_]+\b", page.read_text(encoding="utf-8"))
    assert unknown_variables(named) == []
