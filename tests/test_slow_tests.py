"""Marks of slow tests: what a complete run writes down, and that the file names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from cutover.data_folder import PROJECT
from tests import slow_tests
from tests.slow_tests import SlowTests, read_seconds, updated


def test_a_test_is_marked_from_a_second_on() -> None:
    assert updated({}, {"a": 0.9, "b": 1.0}) == {"b": 1.0}


def test_a_recorded_time_stays_until_it_is_off_by_half() -> None:
    assert updated({"a": 2.0, "b": 2.0}, {"a": 3.9, "b": 4.1}) == {"a": 2.0, "b": 4.1}


def test_a_mark_goes_when_the_test_is_clearly_fast_or_gone() -> None:
    assert updated({"a": 1.2, "b": 1.2, "gone": 9.0}, {"a": 0.55, "b": 0.4}) == {"a": 0.55}


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        (pytest.ExitCode.OK, ""),
        (pytest.ExitCode.TESTS_FAILED, ""),
        (pytest.ExitCode.INTERRUPTED, "9.0 gone\n"),
    ],
)
def test_a_run_that_was_ended_forgets_nothing(
    status: pytest.ExitCode, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "slow.txt"
    file.write_text("9.0 gone\n")
    monkeypatch.setattr(slow_tests, "FILE", file)
    plugin = SlowTests(SimpleNamespace(getoption=lambda name: True))
    plugin.known = read_seconds(file)
    plugin.pytest_terminal_summary(SimpleNamespace(write_line=print), status)
    assert file.read_text() == kept


def test_every_marked_test_exists() -> None:
    for name in read_seconds():
        path, _, test = name.partition("::")
        function = re.escape(test.rpartition("::")[2].partition("[")[0])
        assert re.search(rf"^\s*(async )?def {function}\(", (PROJECT / path).read_text(), re.M), name
