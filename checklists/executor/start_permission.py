"""Lets an action, or the program that it asks for, start: only while no rollback can be ordered."""

from __future__ import annotations

import time

from checklists.executor.begin_effect import hold_off_rollback
from checklists.executor.process.child import ChildProcess
from checklists.executor.report_receiver import ReportReceiver
from checklists.executor.timings import TIMES
from checklists.models import Attempt


def permit_start(attempt: Attempt, child: ChildProcess, report: ReportReceiver) -> bool:
    """True once what waits in the child has started; False, without an answer to it, when it may not start.

    Raises the database's errors; then the child goes on waiting, or what was permitted has started already.
    """
    with hold_off_rollback(attempt) as permitted:
        if permitted:
            report.facts.began = True
            report.has_started = report.asks_to_start = False
            child.permit()
            until = time.monotonic() + TIMES.start
            while not report.has_started and child.exit_code is None and time.monotonic() < until:
                report.handle(child.read(0.05))
    return permitted
