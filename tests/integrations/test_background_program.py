"""A program that runs while a block needs it, and is ended with everything that it started."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from integrations.background_program import run_in_background
from integrations.errors import Problem
from tests.waiting import wait_for

SCRIPT = "sleep 600 & echo child $!; echo $NAME; wait"


def test_it_is_ended_with_its_children_also_when_the_block_fails(tmp_path: Path) -> None:
    children: list[int] = []

    def use_and_fail() -> None:
        with run_in_background(
            ["/bin/sh", "-c", SCRIPT], env={"NAME": "it"}, log=tmp_path / "log"
        ) as program:
            wait_for(lambda: len(program.last_lines(5)) == 2)
            assert program.exit_code is None
            assert program.last_lines(1) == ["it"]
            children.append(int(program.last_lines(5)[0].split()[1]))
            assert psutil.pid_exists(children[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use_and_fail()
    wait_for(lambda: not psutil.pid_exists(children[0]))
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(Problem, match="/no/program"),
        run_in_background(["/no/program"], env={}, log=tmp_path / "log"),
    ):
        pass
