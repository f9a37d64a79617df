"""Workers are killed -9 around every step of theirs: what writes is enumerated in `tests/faults/test_kill_*.py`."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import reduce

import pytest

from tests.conventions.fences import ROOT

# What the workers do, by the word of the trade: each before and after, on both logs.
STEPS = {
    "fetch": ("dispatcher.reader:Reader._take",),
    "attempt": ("dispatcher.attempt:attempt",),
    "settle": ("dispatcher.settlement:Settler.carry_out", "dispatcher.holdings:Holdings.settle"),
    "park": ("store.parked:Parked.park", "dispatcher.parker:Parker._park", "store.parked:Parked.load"),
    "schedule": ("store.schedule:Schedule.settle", "dispatcher.timers:Timers.fired"),
    "once": ("store.effects:Effects.begin", "dispatcher.effects:Once._run", "store.effects:Effects.finish"),
    "publish": ("dispatcher.settlement:Settler._durable",),
    "commit": ("eventlog.sqlite_member:SqliteMember.commit", "eventlog.kafka_member:KafkaMember.commit"),
    "dead letter": ("dispatcher.dead:letter", "dispatcher.reports:Reports.buried"),
}
# Writes whose crashes are tried without a kill, where it is said.
ELSEWHERE = {
    "effects.forget": "contract/test_dispatcher_effects.py::test_an_unknown_end_without_a_probe_is_dead",
    "caps.allow": "contract/test_store_caps.py::test_the_same_event_counts_once",
    "contacts.merge": "contract/test_store_interleavings.py::test_three_writers_end_as_if_one_came_after_another",
    "contacts.delete": "contract/test_store_interleavings.py::test_three_writers_end_as_if_one_came_after_another",
    "contacts.appending": "contract/test_dispatcher_contacts.py::test_the_log_ends_with_what_the_store_has",
    "contacts.appended": "contract/test_dispatcher_contacts.py::test_the_log_ends_with_what_the_store_has",
    "contacts.published": "contract/test_dispatcher_contacts.py::test_the_log_ends_with_what_the_store_has",
    "strays.adopt": "contract/test_dispatcher_timers_random.py::test_memory_and_store_always_agree",
    "strays.adopt_parked": "contract/test_store_parked.py::test_rows_of_another_log_are_taken_over",
    "replays.note": "contract/test_dispatcher_replays.py::test_a_replay_is_retried_in_its_lane_and_dies_again",
    "replay_jobs.release": "contract/test_dispatcher_replay_jobs.py::test_it_goes_on_where_another_was_killed",
    "stops.stop": "contract/test_dispatcher_stops.py::test_without_the_store_nothing_more_is_buried",
}
# Commands that are called again when they were broken off, and what only tests use.
NO_WORKERS = {"forgetting", "renaming", "rewinding", "housekeeping", "testing", "world", "pipeline"}


def killed_at() -> set[str]:
    """The functions around which processes are killed."""
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "tests/faults").glob("test_kill_*.py")]
    return {found for text in texts for found in re.findall(r'"([\w.]+:[\w.]+?)(?::(?:before|after):\d+)?"', text)}


def tables() -> dict[str, str]:
    """The parts of a store by their names: `effects` → `store.effects:Effects`."""
    tree = ast.parse((ROOT / "store/store.py").read_text(encoding="utf-8"))
    modules = {name.name: node.module for node in tree.body if isinstance(node, ast.ImportFrom) for name in node.names}
    made = (
        (node.targets[0], node.value.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
    )
    return {
        target.attr: f"{modules[kind.id]}:{kind.id}"
        for target, kind in made
        if isinstance(target, ast.Attribute) and isinstance(kind, ast.Name) and kind.id in modules
    }


def writes(part: str) -> set[str]:
    """The methods of a part of the store that write."""
    module, _, name = part.partition(":")
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    kind = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    methods = (node for node in kind.body if isinstance(node, ast.AsyncFunctionDef))
    return {method.name for method in methods if "_database.write(" in ast.unparse(method)}


def calls() -> Iterator[tuple[str, str]]:
    """What workers call of things with names: `effects`, `begin`."""
    for file in (ROOT / "dispatcher").glob("*.py"):
        if file.stem in NO_WORKERS:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute | ast.Name):
                owner = node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id
                yield owner, node.attr


@pytest.mark.parametrize("step", STEPS)
def test_every_step_is_one_at_which_workers_are_killed(step: str) -> None:
    """By functions that there are."""
    for function in STEPS[step]:
        module, _, path = function.partition(":")
        assert callable(reduce(getattr, path.split("."), importlib.import_module(module)))
    assert set(STEPS[step]) - killed_at() == set()


def test_every_write_of_a_worker_is_tried() -> None:
    """A new one has to be added to an enumeration, or to the list above with the test that tries its crashes."""
    parts = tables()
    made = {(name, method) for name, method in calls() if name in parts and method in writes(parts[name])}
    assert len(made) > 15
    tried = killed_at()
    left = {f"{name}.{method}" for name, method in made if f"{parts[name]}.{method}" not in tried}
    assert left - set(ELSEWHERE) == set()


@pytest.mark.parametrize("where", sorted(set(ELSEWHERE.values())))
def test_what_tries_the_others_exists(where: str) -> None:
    """Its file and its name."""
    file, _, name = where.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")
