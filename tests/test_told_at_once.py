"""A failure is printed when it happens, with its reason; what passes says nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.told_at_once import LONGEST, ToldAtOnce, reason


def report(*, failed: bool, message: str = "one is not two") -> Any:
    crash = SimpleNamespace(reprcrash=SimpleNamespace(message=message))
    return SimpleNamespace(failed=failed, when="call", nodeid="tests/a.py::test_a", longrepr=crash)


@pytest.mark.parametrize("failed", [True, False])
def test_only_a_failure_is_printed_with_its_test_and_its_reason(failed: bool) -> None:
    lines: list[str] = []
    terminal = SimpleNamespace(ensure_newline=lambda: None, write_line=lines.append)
    manager = SimpleNamespace(get_plugin=lambda name: terminal)
    config: Any = SimpleNamespace(pluginmanager=manager)
    ToldAtOnce(config).pytest_runtest_logreport(report(failed=failed))
    assert lines == (["minute 0: call of tests/a.py::test_a", "  one is not two"] if failed else [])


def test_a_long_reason_is_cut_off_and_one_without_a_crash_is_the_whole_text() -> None:
    assert len(reason(report(failed=True, message="x" * 9999))) == LONGEST
    plain: Any = SimpleNamespace(longrepr="no crash", longreprtext="no crash")
    assert reason(plain) == "no crash"
