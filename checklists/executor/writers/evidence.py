"""Evidence that has a table of its own: backups, their verification, parity results and rows that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import DataError, IntegrityError
from django.db.models import Max
from django.utils.dateparse import parse_datetime

from checklists.canonical import digest_of
from checklists.executor.differing import Bounds, kept_row
from checklists.models import Attempt, Backup, Evidence, ParityResult, RowDifference
from integrations.errors import Problem
from integrations.parity.personal import Personal
from integrations.redact import Redactor

COLUMNS = (
    "table", "source_rows", "target_rows", "equal", "differing", "declared", "examples", "digest", "seconds",
)  # fmt: skip
PLAIN = {"differing": 0, "declared": 0, "examples": [], "digest": "", "seconds": 0.0}


def keep_evidence(attempt: Attempt, *, ok: bool, facts: Mapping[str, Any], at: datetime) -> Evidence:
    """Stores the facts with their digest, and what of them has a table of its own.

    Call it in the transaction of the ending (or the reconciliation). Raises `Problem` when the facts
    are not shaped as the panel reads them.
    """
    evidence = Evidence.objects.create(
        item=attempt.item,
        attempt=attempt,
        ok=ok,
        facts=dict(facts),
        digest=digest_of(dict(facts)),
        observed_at=at,
    )
    try:
        for name, project in PROJECTIONS.items():
            if facts.get(name) and (ok or name in ALSO_OF_A_VERDICT):
                project(attempt, facts[name], at)
    except (KeyError, TypeError, ValueError, DataError, IntegrityError) as error:
        raise Problem(
            f"The evidence of {attempt.action} is not shaped as the panel reads it: {error!r}.",
            means="The action did its work, but what it says of it cannot be kept.",
            next="This is a mistake in the action: tell its author. The log has what it did.",
        ) from error
    return evidence


def _backup(attempt: Attempt, facts: Mapping[str, Any], at: datetime) -> None:
    own = ("path", "bytes", "sha256", "taken_at")
    Backup.objects.create(
        cutover_id=attempt.cutover_id,
        attempt=attempt,
        path=facts["path"],
        bytes=int(facts["bytes"]),
        sha256=facts["sha256"],
        taken_at=_moment(facts.get("taken_at")) or at,
        facts={name: value for name, value in facts.items() if name not in own},
    )


def _moment(text: Any) -> datetime | None:
    return text if isinstance(text, datetime) else parse_datetime(text) if text else None


def _verified(attempt: Attempt, facts: Mapping[str, Any], at: datetime) -> None:
    if not facts["equal"]:
        return
    backups = Backup.objects.filter(cutover_id=attempt.cutover_id, sha256=facts["sha256"])
    if not backups.exists():
        raise ValueError(f"no backup of this cutover has the SHA-256 {facts['sha256']}")
    backups.update(verified_by=attempt, verified_at=at, restore_seconds=float(facts["seconds"]))


def _parity(attempt: Attempt, facts: Mapping[str, Any], at: datetime) -> None:
    ParityResult.objects.bulk_create(
        ParityResult(
            attempt=attempt,
            facts={name: value for name, value in table.items() if name not in COLUMNS},
            **{name: table[name] if name not in PLAIN else table.get(name, PLAIN[name]) for name in COLUMNS},
        )
        for table in facts["tables"]
    )
    _rows_not_told(attempt, facts["tables"], Personal(tuple(facts.get("personal", ()))))


def _rows_not_told(attempt: Attempt, tables: Sequence[Mapping[str, Any]], personal: Personal) -> None:
    """Keeps the examples of tables of which no row was told while it ran, so that pages look at one place."""
    told = RowDifference.objects.filter(attempt=attempt).order_by()
    known = set(told.values_list("table", flat=True).distinct())
    plain, room = Redactor(), Bounds()  # what comes here is masked already
    rows = [
        kept_row({"paths": {}, **example, **_owner(table["table"], example, personal)}, plain)
        for table in tables
        for example in table.get("examples", [])
        if table["table"] not in known and "kind" in example
    ]
    kept = (row for row in rows if room.admit(row["table"], 0))
    numbered = enumerate(kept, 1 + (told.aggregate(last=Max("number"))["last"] or 0))
    RowDifference.objects.bulk_create(
        (RowDifference(attempt=attempt, number=number, **row) for number, row in numbered), batch_size=500
    )


def _owner(table: str, example: Mapping[str, Any], personal: Personal) -> dict[str, Any]:
    """The table, and which columns of the row are personal by its own word or by the patterns."""
    hidden = {name for name in (*example["key"], *example["columns"]) if personal.hides(table, name)}
    return {"table": table, "personal": sorted(hidden | set(example.get("personal", ())))}


#: “The tables differ” is a result; a backup that failed is none.
ALSO_OF_A_VERDICT = frozenset({"parity"})
PROJECTIONS = {"backup": _backup, "verified": _verified, "parity": _parity}
