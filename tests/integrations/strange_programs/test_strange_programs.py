"""Whatever a program prints, and however it ends: a verdict, or a `Problem` about it, and never a success.

Each place of the code that starts programs is played by an action (`cases`); the programs of one run after
the other are replaced by one that prints or ends in a strange way. The suite tries some of them, chosen by
a seed; `./panel test long` tries all. A new place, and a new action that starts programs, make this red.
"""

from __future__ import annotations

import ast
import json
import random
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from checklists.templatetags.evidence_tags import headline_facts, layout_facts
from integrations.actions import Outcome, registry
from integrations.errors import Cancelled, Problem
from integrations.storable_values import make_storable
from tests.integrations.recorder import Recorder
from tests.integrations.strange_programs.cases import CASES, SAME_PLACES
from tests.integrations.strange_programs.conftest import Stage
from tests.integrations.strange_programs.kinds import ProgramCase, World
from tests.source_tree import modules

#: What is printed is not what was asked for, and the program says that it succeeded.
STRANGE = ("empty", "blanks", "garbage", "long_line", "cut", "locale", "error_text", "other_json")
#: The program says that it did not succeed, or does not end.
FAILED = ("good_failed", "killed", "hangs")
#: The right answer, with something beside it.
BESIDE = ("warned", "late", "twice")
SHARE = 0.16  # of the ways that the suite tries
PATIENCE = 2.5  # seconds after which a person asks a strange run to stop


@contextmanager
def patient() -> Iterator[Recorder]:
    until = time.monotonic() + PATIENCE
    yield Recorder(cancel_when=lambda report: time.monotonic() > until)


def play(run: Callable[[Recorder], Outcome]) -> tuple[Outcome | Exception, Recorder]:
    """How it ended: its outcome, or what it raised."""
    with patient() as report:
        try:
            return run(report), report
        except Exception as error:
            return error, report


def judge(ended: Outcome | Exception, report: Recorder, *, may_succeed: bool) -> str:
    """What is wrong with the ending, "" for nothing."""
    if isinstance(ended, Cancelled):
        return ""
    if isinstance(ended, Problem):
        return "" if ended.what and (ended.means or ended.next) else f"a Problem without a meaning: {ended}"
    if isinstance(ended, Exception):
        return "".join(traceback.format_exception(ended))[-600:]
    if not ended.summary.strip():
        return "an outcome that says nothing"
    if unstorable := why_unstorable(ended, report):
        return unstorable
    return "" if may_succeed or not ended.ok else f"succeeded: {ended.summary[:200]}"


def why_unstorable(ended: Outcome, report: Recorder) -> str:
    """Why what is reported cannot be kept or shown."""
    kept = make_storable({"facts": report.facts, "summary": ended.summary, "points": report.points})
    text = json.dumps(kept, allow_nan=False)
    layout_facts(kept["facts"])
    headline_facts(kept["facts"])
    return "its evidence has megabytes of what a program printed" if len(text) > 2_000_000 else ""


def may_succeed(case: ProgramCase, words: list[str], way: str) -> bool:
    """Whether the action may say that it succeeded although this program was strange."""
    command = " ".join(words)
    if way in BESIDE or way in case.found_later or any(word in command for word in case.tolerates):
        return True
    only_exit_code = case.by_exit_code or any(word in command for word in case.exit_codes)
    return bool(only_exit_code) and way in STRANGE


@pytest.mark.property
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_strange_program_is_a_verdict_or_a_problem_and_never_a_success(
    case: ProgramCase, stage: Stage, world: World, request: pytest.FixtureRequest
) -> None:
    case = filled(case, world)
    run = case.prepare(world)
    stage.started.clear()
    ended, _ = play(run)
    assert case.never_succeeds or (isinstance(ended, Outcome) and ended.ok), ended
    good, wrong = [list(words) for words in stage.started], []
    assert set(case.starts) <= stage.places, f"{ended}: {stage.started}"
    is_long, chosen = bool(request.config.getoption("--property-round")), random.Random(case.name)
    for number, words in first_and_last(good):
        for way in (*STRANGE, *FAILED, *BESIDE):
            if is_long or chosen.random() < SHARE:
                stage.started, stage.strange, stage.way = [], number, way
                ending = play(run)
                found = judge(*ending, may_succeed=stage.missed(words) or may_succeed(case, words, way))
                wrong += [f"{Path(words[0]).name} {' '.join(words[1:4])} {way}: {found}"] if found else []
    assert wrong == []


def first_and_last(started: list[list[str]]) -> list[tuple[int, list[str]]]:
    """Of each command the number of its first and of its last start: between them a run only waits."""
    first: dict[str, int] = {}
    last = {" ".join(words): number for number, words in enumerate(started)}
    for number, words in enumerate(started):
        first.setdefault(" ".join(words), number)
    return [(number, started[number]) for number in sorted({*first.values(), *last.values()})]


def filled(case: ProgramCase, world: World) -> ProgramCase:
    """The case with the folder of programs in its parameters."""
    params = json.loads(json.dumps(case.params).replace("{folder}", str(world.folder)))
    return replace(case, params=params)


@cache
def starting_places() -> set[str]:
    """Each function of the product that starts a program: module.function."""
    found = set()
    for module, tree in modules().items():
        if not module.startswith("integrations.") or module.startswith("integrations.sandbox."):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and any(map(starts_program, ast.walk(node))):
                found.add(f"{module}.{node.name}")
    return found


def starts_program(node: ast.AST) -> bool:
    """Is it a call that starts a program?"""
    if not isinstance(node, ast.Call):
        return False
    name, of = getattr(node.func, "attr", getattr(node.func, "id", "")), getattr(node.func, "value", None)
    return name == "run_in_background" or (name == "run" and getattr(of, "id", "") == "programs")


@cache
def imports_of(module: str) -> frozenset[str]:
    """The modules of `integrations` that this one imports itself."""
    found = set[str]()
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("integrations."):
            found |= {f"{node.module}.{each.name}" for each in node.names} | {str(node.module)}
    return frozenset((found & modules().keys()) - {"integrations.actions", "integrations.clients"})


def imported(module: str) -> set[str]:
    """The modules of `integrations` that this one needs, directly or not."""
    found, todo = set[str](), [module]
    while todo:
        new = imports_of(todo.pop()) - found
        found |= new
        todo += new
    return found


def test_every_place_that_starts_a_program_is_played() -> None:
    played = {place for case in CASES for place in case.starts}
    assert starting_places() == played


def test_every_action_that_starts_programs_is_played_or_has_the_places_of_one_that_is() -> None:
    starters = {place.rpartition(".")[0] for place in starting_places()}
    own = {key: type(action).__module__ for key, action in registry().items()}
    needed = {
        key for key, module in own.items()
        if module.startswith("integrations.") and (imported(module) | {module}) & starters
    }  # fmt: skip
    played = {case.action for case in CASES if case.action}
    assert needed - played - SAME_PLACES.keys() - {"preflight.check"} == set()
    assert SAME_PLACES.keys() <= needed
    assert set(SAME_PLACES.values()) <= played
