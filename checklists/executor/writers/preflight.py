"""Stores the results of a preflight, and what of them a sign-off is bound to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from checklists.canonical import digest_of
from checklists.models import Attempt, PreflightResult, PreflightRun
from checklists.states import PreflightSource, PreflightStatus, PreflightVerdict

Results = Iterable[Mapping[str, Any]]


def digest_of_results(results: Results) -> str:
    """The digest of what was asked about and with which verdict; not of numbers that move by themselves."""
    return digest_of(sorted([result["identity"], result["verdict"]] for result in results))


def store_results(run: PreflightRun, results: Results) -> str:
    """Stores the results of a run; gives their digest."""
    rows = [
        PreflightResult(
            run=run,
            check_key=result["check"],
            **{name: result[name] for name in ("identity", "title", "subject", "verdict", "asked", "seen")},
            change=result.get("change", ""),
            systems=result.get("systems", []),
            items=result.get("items", []),
        )
        for result in results
    ]
    PreflightResult.objects.bulk_create(rows, batch_size=500)
    return digest_of_results(results)


def store_run_of_attempt(attempt: Attempt, facts: Mapping[str, Any], at: datetime) -> None:
    """Keeps the results of an item's attempt as a run, so that pages and later runs compare with it."""
    run = PreflightRun.objects.create(
        cutover_id=attempt.cutover_id,
        attempt=attempt,
        status=PreflightStatus.DONE,
        source=PreflightSource.ITEM,
        requested_by=attempt.requested_by,
        requested_at=attempt.queued_at,
        started_at=attempt.effect_started_at or attempt.queued_at,
        ended_at=at,
        digest=digest_of_results(facts["results"]),
    )
    store_results(run, facts["results"])


def summarize(results: Results) -> str:
    """How many results have which verdict, in words, the worst first."""
    counted = Counter(str(result["verdict"]) for result in results)
    return ", ".join(
        f"{counted[verdict]} {verdict}" for verdict in PreflightVerdict.values if counted[verdict]
    )
