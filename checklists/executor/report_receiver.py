"""Takes what the action's process reports, masks it and hands it to the writers."""

from __future__ import annotations

from typing import Any

from checklists.executor.outcome import ExecutionFacts
from checklists.executor.process.child import Message
from checklists.executor.writers.announcer import Announcer
from checklists.executor.writers.comparison import ComparisonWriter
from checklists.executor.writers.log import LogWriter
from checklists.executor.writers.measurements import MeasurementWriter
from checklists.executor.writers.progress import ProgressWriter
from checklists.models import Attempt
from integrations.redact import Redactor


class ReportReceiver:
    """One attempt's writers, and the facts that decide its outcome. A message is ``{kind: value}``."""

    def __init__(self, attempt: Attempt, redactor: Redactor, announcer: Announcer) -> None:
        shared = (attempt.pk, attempt.fence, redactor, announcer)
        self.redactor = redactor
        self.facts = ExecutionFacts()
        self.before: dict[str, Any] | None = None  # set once the action is ready for its effect
        self.asks_to_start = False  # it waits for permission to start a program
        self.has_started = False  # what was permitted last has started
        self.log = LogWriter(attempt.pk, attempt.fence, attempt.log_next, redactor, announcer)
        self.progress = ProgressWriter(*shared)
        self.measurements = MeasurementWriter(*shared)
        self.comparison = ComparisonWriter(*shared)

    @property
    def is_behind(self) -> bool:
        """Is so much unwritten that the action should wait?"""
        return self.log.is_behind or self.comparison.is_behind

    def flush(self) -> None:
        """Writes what is due. Raises `Fenced`."""
        self.log.flush()
        # The other writers' statements match a RUNNING row only; before that they would take it for a fence.
        if self.facts.began:
            self.progress.flush()
            self.measurements.flush()
            self.comparison.flush()

    def handle(self, messages: list[Message]) -> None:
        """Takes messages in the order in which they were sent."""
        for message in messages:
            for kind, value in message.items():
                getattr(self, f"_on_{kind}")(value)
        self.log.save()

    def _on_log(self, piece: list[Any]) -> None:
        self.log.add(str(piece[0]), stream=str(piece[1]), more=bool(piece[2]))

    def _on_progress(self, state: list[Any]) -> None:
        self.progress.set(float(state[0]), float(state[1]), str(state[2]))

    def _on_measure(self, values: dict[str, float]) -> None:
        self.measurements.add(values)

    def _on_part(self, table: dict[str, Any]) -> None:
        self.comparison.set_table(table)

    def _on_difference(self, row: dict[str, Any]) -> None:
        self.comparison.add_row(row)

    def _on_evidence(self, facts: dict[str, Any]) -> None:
        self.facts.evidence.update(facts)

    def _on_secret(self, values: list[str]) -> None:
        self.redactor.add(*values)

    def _on_before(self, facts: dict[str, Any]) -> None:
        self.before = self.redactor.mask_value(facts)

    def _on_start(self, _: bool) -> None:
        self.asks_to_start = True

    def _on_started(self, _: bool) -> None:
        self.has_started = True

    def _on_outcome(self, outcome: dict[str, Any]) -> None:
        self.facts.outcome = {**outcome, "summary": self.redactor.mask_text(outcome["summary"])}

    def _on_problem(self, problem: dict[str, str]) -> None:
        self.facts.problem = self.redactor.mask_value(problem)

    def _on_stopped(self, _: bool) -> None:
        if self.facts.stop is None:
            self.facts.problem = {
                "what": "Its process was told to stop by somebody outside the panel.",
                "means": "It stopped in the middle; part of its effect may be there.",
                "next": "Find out who sent the signal, then start it again.",
            }
