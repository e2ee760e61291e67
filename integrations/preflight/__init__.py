"""What can be known before the window: questions to every system of a runbook, each with a verdict.

`check` declares what a check is; each module in ``checks/`` declares some and is found by itself; `runner`
runs them with bounded load. Nothing here changes a system.
"""

from __future__ import annotations

from integrations.preflight.check import CheckScope, PlannedItem, preflight_check, registered_checks
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.runner import EndedCheck, run_checks

__all__ = [
    "CheckResult",
    "CheckScope",
    "EndedCheck",
    "PlannedItem",
    "Verdict",
    "preflight_check",
    "registered_checks",
    "run_checks",
]
