"""Marks tests as slow that took over a second in the last complete run (`pytest -p tests.slow_tests`).

``slow_tests.txt`` has one line for each of them: seconds, then the test's id. `./panel test` runs
everything and brings the file up to date; `./panel test quick` leaves these tests out. The seconds
also order the files, the longest first, so that no process works alone at the end of a run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

FILE = Path(__file__).with_suffix(".txt")
SLOW = 1.0  # seconds, set-up and tear-down included
FAST_AGAIN = 0.5  # a marked test loses its mark below this, so that marks do not flicker
CHANGED = 2.0  # a recorded time is replaced when it is off by this factor


def read_seconds(file: Path = FILE) -> dict[str, float]:
    """Test id → seconds that it took when it was recorded."""
    if not file.exists():
        return {}
    lines = (line.split(maxsplit=1) for line in file.read_text().splitlines() if line)
    return {test: float(seconds) for seconds, test in lines}


def updated(known: dict[str, float], measured: dict[str, float]) -> dict[str, float]:
    """What the file should say after a complete run; tests that no longer exist are dropped."""
    kept = {}
    for test, seconds in measured.items():
        before = known.get(test)
        if before is None:
            if seconds >= SLOW:
                kept[test] = seconds
        elif seconds >= FAST_AGAIN:
            is_near = before / CHANGED <= seconds <= before * CHANGED
            kept[test] = before if is_near else seconds
    return kept


class SlowTests:
    """The plugin: marks and orders the collected tests, and measures those that run."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.known = read_seconds()
        self.measured: defaultdict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Iterator[None]:
        """Adds the marker before others choose by it, and then puts the files that take longest first.

        pytest-django puts those last that use no database themselves, such as the plays of the runbook: one
        process would then work alone on the longest. Within a file its order stays.
        """
        of_file: defaultdict[str, float] = defaultdict(float)
        for item in items:
            seconds = self.known.get(item.nodeid, 0.0)
            of_file[item.nodeid.partition("::")[0]] += seconds
            if seconds:
                item.add_marker("slow")
        yield
        items.sort(key=lambda item: -of_file[item.nodeid.partition("::")[0]])  # stable within a file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds up set-up, call and tear-down; with several processes the first one gets all reports."""
        self.measured[report.nodeid] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Writes the file after a complete run, and says which tests became slow."""
        is_complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if not self.config.getoption("--record-slow") or not is_complete:
            return  # a run that was ended forgets nothing
        now = updated(self.known, self.measured)
        if now == self.known:
            return
        FILE.write_text("".join(f"{seconds:.1f} {test}\n" for test, seconds in sorted(now.items())))
        for test in sorted(now.keys() - self.known.keys()):
            terminalreporter.write_line(f"slow from now on: {test} ({now[test]:.1f} s)")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--record-slow` belongs to runs of the whole suite only: it forgets tests that did not run."""
    parser.addoption("--record-slow", action="store_true", help="bring tests/slow_tests.txt up to date")


def pytest_configure(config: pytest.Config) -> None:
    """Registers one plugin for each process."""
    config.pluginmanager.register(SlowTests(config), "slow-tests")
