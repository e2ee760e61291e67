"""Chaos in the suite: a minute of random faults; at night a run that must notice the lack of two guards.

The rounds of `./panel test long` go on for ten minutes with a seed of their own, and leave out every guard.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from cutover.data_folder import PROJECT
from integrations.clients import pgtools
from integrations.programs import build_environment
from tests import servers
from tests.chaos.drills import DRILLS
from tests.chaos.guards import GUARDS, GuardIsElsewhere, weaken
from tests.chaos.journal import Journal

#: Guards that are taken away together: each of a group protects another property.
CONTROLS = [
    ("live-attempt", "append-only"),
    ("fence", "self-stop"),
    ("proof-of-death",),
    ("declaration", "same-form"),
    ("epoch", "verification"),
    ("resource", "redactor"),
]
SUITE_MINUTES, LONG_MINUTES = 1, 10


@pytest.fixture(scope="module")
def tables(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The suite's tables: the migrations alone take ten seconds of a run."""
    file = tmp_path_factory.mktemp("chaos") / "tables"
    url = servers.POSTGRES.socket_url(connection.settings_dict["NAME"])
    words = [pgtools.choose(18).dump, "--format=custom", f"--file={file}", url]
    subprocess.run(words, env=build_environment(), check=True)
    return str(file)


def chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tests.chaos", *arguments]
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr[-4000:])
    folder = done.stdout.partition("Folder of this run: ")[2].partition("\n")[0]
    assert folder
    assert not Path(folder).exists(), "the run has left its folder, with a disk mounted in it"
    return done


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The nightly tests leave out two guards, a long run each of them."""
    if "guards" in metafunc.fixturenames:
        groups = CONTROLS if metafunc.config.getoption("--property-round") else CONTROLS[:1]
        metafunc.parametrize("guards", groups, ids="+".join)


@pytest.mark.property
@pytest.mark.timeout(1800)
@pytest.mark.django_db
def test_no_promise_is_broken_under_random_faults(pytestconfig: pytest.Config, tables: str) -> None:
    number = pytestconfig.getoption("--property-round")
    minutes = LONG_MINUTES if number else SUITE_MINUTES
    done = chaos("--minutes", str(minutes), "--seed", number or "suite", "--tables", tables)
    assert done.returncode == 0
    if number:  # what the control runs do to the panel, with every guard in place
        drills = [word for name in DRILLS for word in ("--drill", name)]
        assert chaos("--seed", number, "--tables", tables, *drills).returncode == 0


@pytest.mark.property
@pytest.mark.timeout(1800)
@pytest.mark.django_db
def test_a_run_without_a_guard_finds_what_the_guard_prevents(guards: tuple[str, ...], tables: str) -> None:
    done = chaos("--tables", tables, *(word for name in guards for word in ("--without", name)))
    assert done.returncode == 1
    assert done.stdout.count("the run has found it.") == len(guards)
    assert "A drill shows nothing" not in done.stdout


def test_every_guard_has_a_drill_and_a_control() -> None:
    assert sorted(GUARDS) == sorted(DRILLS) == sorted(name for group in CONTROLS for name in group)
    for group in CONTROLS:
        assert len({GUARDS[name].violates for name in group}) == len(group)


@pytest.mark.parametrize("name", [name for name, guard in GUARDS.items() if guard.lines])
def test_the_lines_of_a_guard_are_where_a_control_run_looks_for_them(name: str) -> None:
    for module, old, new in GUARDS[name].lines:
        path = PROJECT / f"{module.replace('.', '/')}.py"
        assert new in weaken(path.read_text(), [(old, new)], str(path))


def test_a_line_that_is_not_there_any_more_ends_a_control_run() -> None:
    with pytest.raises(GuardIsElsewhere, match="0 times: if wrong"):
        weaken("if right:\n", [("if wrong:", "if False:")], "module.py")


def test_the_journal_tells_effects_lines_and_lives_by_attempt(tmp_path: Path) -> None:
    about = {"attempt": "a", "key": "night-1.once-a", "resource": "till"}
    lines = [
        {"what": "start", "started": 1.0, "at": 1.2, **about},
        {"what": "line", "number": 0, "at": 1.3, **about},
        {"what": "effect", "at": 1.5, **about},
        {"what": "escaped", "at": 4.0, **about},
    ]
    file = tmp_path / "journal"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    journal = Journal.read(file)
    assert journal.effects() == {"night-1.once-a": ["a"]}
    assert journal.printed() == {"a": ["line 0 of night-1.once-a"]}
    (life,) = journal.lives()
    assert (life.first, life.last) == (1.0, 4.0)
