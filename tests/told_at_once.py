"""Says which test failed, and why, when it fails: a run that is ended from outside has no summary.

The whole report stands where it did: at the end of the run.
"""

from __future__ import annotations

import time

import pytest

LONGEST = 1200  # characters of a reason


def reason(report: pytest.TestReport) -> str:
    """What went wrong, without the lines of code around it."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longreprtext)[:LONGEST]


class ToldAtOnce:
    """The plugin of the process that prints; with several processes it gets the reports of all."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.began = config, time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Prints a failure with the minute of the run."""
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            minute = (time.monotonic() - self.began) / 60
            terminal.ensure_newline()
            terminal.write_line(f"minute {minute:.0f}: {report.when} of {report.nodeid}")
            terminal.write_line(f"  {reason(report)}".replace("\n", "\n  "))


def pytest_configure(config: pytest.Config) -> None:
    """Not in the processes of xdist: their reports come to the one that started them."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ToldAtOnce(config), "told-at-once")
