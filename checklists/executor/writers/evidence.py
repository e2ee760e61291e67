"""Stores evidence, and what of it has a table of its own: backups, parity results, rows that differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import DataError, IntegrityError
from django.db.models import Max
from django.utils.dateparse import parse_datetime

from checklists.canonical import digest_of
from checklists.executor.writers.preflight import digest_of_results, store_run_of_attempt
from checklists.executor.writers.row_differences import RowQuota, row_to_store
from checklists.models import Attempt, Backup, BackupVerification, Evidence, ParityResult, RowDifference
from integrations.actions import registry
from integrations.errors import Problem
from integrations.evidence_topics import topics_of
from integrations.json_answer import MISREAD
from integrations.moving_facts import without_moving
from integrations.parity.model.personal import PersonalColumns
from integrations.redact import Redactor

#: What reading facts of another shape, or storing them, raises.
MISSHAPEN = (*MISREAD, DataError, IntegrityError)
#: Facts of a compared table that are columns of `ParityResult`; the others go into its ``facts``.
REQUIRED = ("table", "source_rows", "target_rows", "equal")
OPTIONAL = {"differing": 0, "declared": 0, "examples": [], "digest": "", "seconds": 0.0}


def store_evidence(attempt: Attempt, *, ok: bool, facts: Mapping[str, Any], at: datetime) -> Evidence:
    """Stores the facts with their digest, and the rows that are made from them.

    Call it in the transaction that finishes or reconciles the attempt. Raises `Problem` when the facts
    do not have the shape that the panel reads.
    """
    try:
        confirms, denies = topics_of(facts)
        evidence = Evidence.objects.create(
            item=attempt.item,
            attempt=attempt,
            ok=ok,
            facts=dict(facts),
            digest=digest_of(signed_content(facts)),
            judges=attempt.action in registry() and registry()[attempt.action].is_check,
            confirms=confirms,
            denies=denies,
            observed_at=at,
        )
        for name, project in PROJECTIONS.items():
            if facts.get(name) and (ok or name in STORED_ALSO_WHEN_FAILED):
                project(attempt, facts[name], at)
    except MISSHAPEN as error:
        raise Problem(
            f"The evidence of {attempt.action} is not shaped as the panel reads it: {error!r}.",
            means="The action did its work, but what it says of it cannot be kept.",
            next="This is a mistake in the action: tell its author. The log has what it did.",
        ) from error
    return evidence


def signed_content(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What of the facts a sign-off is bound to: all that do not move by themselves (`moving_facts`).

    Of some facts it is only the part that has a meaning: numbers in the sentences of a preflight move, its
    verdicts do not.
    """
    return {
        name: SIGNED_PART[name](fact) if name in SIGNED_PART else fact
        for name, fact in without_moving(facts).items()
    }


def _store_backup(attempt: Attempt, facts: Mapping[str, Any], at: datetime) -> None:
    own = ("path", "bytes", "sha256", "taken_at")
    Backup.objects.create(
        cutover_id=attempt.cutover_id,
        attempt=attempt,
        path=facts["path"],
        bytes=int(facts["bytes"]),
        sha256=facts["sha256"],
        taken_at=_datetime(facts.get("taken_at")) or at,
        facts={name: value for name, value in facts.items() if name not in own},
    )


def _datetime(text: Any) -> datetime | None:
    return text if isinstance(text, datetime) else parse_datetime(text) if text else None


def _store_verification(attempt: Attempt, facts: Mapping[str, Any], at: datetime) -> None:
    """Stores a verification, also a failed one: the database lets the latest decide about the backup."""
    backup = Backup.objects.filter(cutover_id=attempt.cutover_id, sha256=facts["sha256"]).first()
    if backup is None and not facts["equal"]:
        return
    if backup is None:
        raise ValueError(f"no backup of this cutover has the SHA-256 {facts['sha256']}")
    seconds = facts.get("seconds")
    BackupVerification.objects.create(
        backup=backup,
        attempt=attempt,
        equal=facts["equal"],
        at=at,
        seconds=None if seconds is None else float(seconds),
        reason=" ".join(map(str, facts.get("problems", ())[:1])),
    )


def _store_parity(attempt: Attempt, facts: Mapping[str, Any], at: datetime) -> None:
    ParityResult.objects.bulk_create(
        ParityResult(
            attempt=attempt,
            facts={name: value for name, value in table.items() if name not in (*REQUIRED, *OPTIONAL)},
            **{name: table[name] for name in REQUIRED},
            **{name: table.get(name, default) for name, default in OPTIONAL.items()},
        )
        for table in facts["tables"]
    )
    _store_examples(attempt, facts["tables"], PersonalColumns(tuple(facts.get("personal", ()))))


def _store_examples(attempt: Attempt, tables: Sequence[Mapping[str, Any]], personal: PersonalColumns) -> None:
    """Stores the examples of tables that reported no row while they ran, so that pages read one place."""
    stored = RowDifference.objects.filter(attempt=attempt).order_by()
    known = set(stored.values_list("table", flat=True).distinct())
    unmasked, quota = Redactor(), RowQuota()  # the guard has masked these facts already
    examples = (
        {"paths": {}, **example, **_table_and_personal(table["table"], example, personal)}
        for table in tables
        for example in table.get("examples", [])
        if table["table"] not in known and "kind" in example
    )
    rows = (row_to_store(example, unmasked) for example in examples)
    kept = (row for row in rows if quota.take(row["table"], 0))
    numbered = enumerate(kept, 1 + (stored.aggregate(last=Max("number"))["last"] or 0))
    RowDifference.objects.bulk_create(
        (RowDifference(attempt=attempt, number=number, **row) for number, row in numbered), batch_size=500
    )


def _table_and_personal(table: str, example: Mapping[str, Any], personal: PersonalColumns) -> dict[str, Any]:
    """The table, and the columns of the row that are personal: by the example itself or by the patterns."""
    hidden = {name for name in (*example["key"], *example["columns"]) if personal.hides(table, name)}
    return {"table": table, "personal": sorted(hidden | set(example.get("personal", ())))}


SIGNED_PART: dict[str, Callable[[Any], Any]] = {"preflight": lambda fact: digest_of_results(fact["results"])}
#: “The tables differ” and “the restore failed” are results to keep; a backup that failed is none.
STORED_ALSO_WHEN_FAILED = frozenset({"parity", "preflight", "verified"})
PROJECTIONS = {
    "backup": _store_backup,
    "verified": _store_verification,
    "parity": _store_parity,
    "preflight": store_run_of_attempt,
}
