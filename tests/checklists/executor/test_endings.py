"""Each way in which an attempt can end, through a real worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from checklists.models import Attempt, AuditEntry, Evidence
from tests.checklists.executor.actions import journal
from tests.checklists.executor.conftest import Panel, wait_for

Queue = Callable[..., Attempt]


def test_a_success_leaves_log_progress_evidence_and_record(
    running_panel: Panel, queue: Queue, world: Path
) -> None:
    attempt = wait_for(queue("test.once", text="x"))
    assert (attempt.status, attempt.summary) == ("SUCCEEDED", "It was played.")
    assert [line.text for line in attempt.lines.all()] == ["line 1", "line 2", "line 3"]
    assert (attempt.progress_done, attempt.progress_total) == (5, 5)
    assert journal(str(world)) == [f"begin {attempt.pk}", f"done {attempt.pk}"]
    evidence = Evidence.objects.get(attempt=attempt)
    assert evidence.ok
    assert evidence.facts == {"world": str(world), "journal": 2}
    assert len(evidence.digest) == 64
    assert [e.kind for e in AuditEntry.objects.all()] == ["attempt.began", "attempt.ended"]
    assert attempt.claimed_at <= attempt.effect_started_at <= attempt.ended_at
    assert attempt.before == {"journal": [], "token": "x"}
