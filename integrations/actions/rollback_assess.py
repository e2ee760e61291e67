"""Counts what a rollback would lose: rows created, changed and deleted since the backup, and their money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.backup_take import BackupFacts, BackupTakeEvidence
from integrations.actions.backup_verify import BackupVerifyEvidence, VerifiedBackup
from integrations.actions.kept_copy import explain_no_copy, find_kept_copy
from integrations.actions.parity_errors import parity_errors_as_problems
from integrations.actions.parity_fields import EntriesField
from integrations.actions.parity_fingerprint import ParityFingerprintEvidence
from integrations.actions.parity_options import read_only_server
from integrations.actions.rollback_sentences import describe_loss, list_warnings
from integrations.backups.kept_copies import find_foreign_mark
from integrations.backups.loss_measurement import count_since_fingerprint, measure_loss
from integrations.backups.rollback_loss import RollbackLoss, find_changed_copy, find_missing_tables
from integrations.clients import postgres
from integrations.errors import Problem
from integrations.parity.engine.fingerprint import read_fingerprint
from integrations.parity.model.declared import DeclaredRule, parse_rules
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.systems import System

WITHOUT_ROWS = "Sequences and materialised views are not compared: they hold no rows of their own."
DEFAULT_WORKERS = 2  # connections per side: the live database serves people while this runs


@dataclass(frozen=True)
class RollbackAssessParams(actions.ActionParams):
    """The live database, its backup with the restored copy, and the rules that explain the migration.

    ``money`` has entries {table, sum, by: [columns]}. ``names``: table → what its rows are, for pages.
    """

    database: System
    backup: actions.EarlierItem[BackupTakeEvidence]
    verified: actions.EarlierItem[BackupVerifyEvidence] | None
    scratch: System | None
    before: actions.EarlierItem[ParityFingerprintEvidence] | None
    declared: tuple[DeclaredRule, ...]
    created: str
    money: list[dict[str, Any]]
    names: dict[str, str]
    workers: int | None
    page_rate: int | None
    largest: int | None

    @property
    def fingerprint_key(self) -> str:
        """The item that took the fingerprint: ``before``, else the only such item of the runbook, else ""."""
        if self.before:
            return self.before.key
        keys = [key for key, item in self.context.items.items() if item.action == "parity.fingerprint"]
        return keys[0] if len(keys) == 1 else ""

    @property
    def rules(self) -> tuple[DeclaredRule, ...]:
        """The declared differences: those of the fingerprint as the runbook has them, and our own."""
        return (*parse_rules(self._fingerprint_params.get("declared", ())), *self.declared)

    @property
    def options(self) -> ComparisonOptions:
        """The load that the comparison may cause, and the columns whose values are hidden."""
        return ComparisonOptions(
            workers=self.workers or DEFAULT_WORKERS,
            page_rate=self.page_rate or 0,
            largest=self.largest or 0,
            personal=tuple(self._fingerprint_params.get("personal", ())),
        )

    @property
    def _fingerprint_params(self) -> Mapping[str, Any]:
        item = self.context.items.get(self.fingerprint_key)
        return item.params if item else {}


class TableLossFacts(TypedDict, total=False):
    """Rows of one table by kind; ``keys``: kind → the first keys, where their type may be shown.

    ``times``: first and last value of the column ``created`` in the created rows.
    """

    created: int
    changed: int
    deleted: int
    keys: dict[str, list[str]]
    columns: dict[str, int]
    notes: list[str]
    times: list[str]


class LossFacts(TypedDict):
    """What a rollback would lose. ``answer`` is nothing, loss or unknown.

    ``since``: the moment of the backup by the clock of the database that it was taken of. ``counted_at``:
    the moment of the count by the clock of the live database. ``rows`` are all rows that differ. ``added``:
    rows of tables that the backup does not have. ``not_there``: tables of ``names`` that were not found.
    ``unknown``: what could not be counted, with the reason.
    """

    answer: str
    since: str
    counted_at: str
    backup: str
    rows: int
    created: int
    changed: int
    deleted: int
    tables: dict[str, TableLossFacts]
    money: list[Any]
    added: dict[str, int]
    not_there: list[str]
    unknown: dict[str, str]
    compared: int
    explained: int


class RollbackAssessEvidence(TypedDict, total=False):
    """The loss; ``not_counted`` says what no comparison tells, ``warnings`` what people have to know."""

    loss: LossFacts
    not_counted: list[str]
    warnings: list[str]


@actions.register
class RollbackAssess(actions.ReadOnlyAction[RollbackAssessParams, RollbackAssessEvidence]):
    """A loss is a result; only a part that could not be counted is red, because then nobody knows. See
    docs/how-to/cost-of-a-rollback.md."""

    key, title = "rollback.assess", "Count what a rollback would lose since the backup"
    public_params = frozenset({"declared", "created", "money", "names"})
    is_check = False  # it counts, and judges nothing
    any_direction = True  # the numbers are needed before somebody orders the rollback
    deadline = timedelta(hours=1)

    class Params(actions.ActionForm):
        """``database``: the live one. ``backup``: the item that took what would be restored. ``verified``:
        the item that kept the restored backup on ``scratch``. Keys and values of every row of every table
        are compared with that copy; no time decides. Without it the answer is unknown.

        ``before``: the item that took the fingerprint of before the migration (default: the only such item
        of the runbook). Its ``declared`` differences explain what the migration itself changed, and its
        ``personal`` columns are not shown; ``declared`` has more such differences. Without a restored copy,
        the fingerprint gives lower bounds.

        ``money``: tables with an amount, as {table, sum, by: [columns]}. ``names``: table → what people call
        its rows; pages tell of these first. ``created``: the column with the time of a row, which filters
        nothing. ``workers`` (default 2), ``page_rate``, ``largest``: limits, as in `parity.compare`."""

        database = actions.SystemField(kind="postgres")
        backup = actions.EvidenceField(action="backup.take")
        verified = actions.EvidenceField(action="backup.verify", required=False)
        scratch = actions.SystemField(kind="postgres", required=False)
        before = actions.EvidenceField(action="parity.fingerprint", required=False)
        declared = EntriesField(parse_rules)
        created = forms.CharField(max_length=63, required=False)
        money = actions.JSONValueField(kind=list, required=False)
        names = actions.JSONValueField(kind=dict, required=False)
        workers = forms.IntegerField(min_value=1, max_value=16, required=False)
        page_rate = forms.IntegerField(min_value=1, required=False)
        largest = forms.IntegerField(min_value=1, required=False)

        def clean(self) -> dict[str, Any]:
            """Requires both or neither: the kept copy, and the server on which it is."""
            given = self.cleaned_data
            if bool(given.get("verified")) != bool(given.get("scratch")):
                raise forms.ValidationError("Name verified: and scratch: together, or neither.")
            return given

    def preview(self, params: RollbackAssessParams) -> actions.Preview:
        """What is compared with what, and with which load."""
        backup = _read_backup(params)
        copy = find_kept_copy(backup, params.verified, params.scratch)
        what = f"the copy {copy['database']} of the backup" if copy else "nothing: there is no restored copy"
        lines = [
            f"Compare every row of every table with {what} of {backup['taken_at']}.",
            f"Read each side in one read-only snapshot, with {params.options.workers} connections.",
            f"{len(params.rules)} declared differences of the migration do not count as a loss.",
        ]
        lines += [f"Sum {m['table']}.{m['sum']} by {', '.join(m['by'])}." for m in params.money]
        warnings = [] if copy else [f"The answer will be unknown: {_explain_no_copy(params)}"]
        return actions.Preview(lines, where=postgres.address(params.database["url"]), warnings=warnings)

    @parity_errors_as_problems()
    def run(
        self, params: RollbackAssessParams, report: actions.RunReport[RollbackAssessEvidence]
    ) -> actions.Outcome:
        """Compares all rows, records counts and first keys. What is unknown is named and makes it red."""
        backup = _read_backup(params)
        copy = find_kept_copy(backup, params.verified, params.scratch)
        observer = ComparisonObserver(report.progress, report.log, report.raise_if_cancelled)
        if copy and params.scratch:
            loss = _measure(params, copy, params.scratch, observer)
            loss.unknown |= find_changed_copy(loss, backup["counts"])
        else:
            loss = _count_without_copy(params, observer)
        if revoked := backup.get("failed_verification"):
            loss.unknown["the backup itself"] = revoked
        for what, reason in loss.unknown.items():
            report.log(f"Not counted: {what}: {reason}")
        report.evidence(_evidence(loss, backup, params.names))
        return actions.Outcome(not loss.unknown, describe_loss(loss, backup["taken_at"]))


def _read_backup(params: RollbackAssessParams) -> BackupFacts:
    facts = params.backup.evidence.get("backup")
    if not facts:
        raise Problem(
            f"“{params.backup.key}” has left no backup.",
            means="Without a backup there is no rollback, so nothing can be lost by it.",
            next="Find another backup, or repair forward.",
        )
    return facts


def _explain_no_copy(params: RollbackAssessParams) -> str:
    return explain_no_copy(_read_backup(params), params.backup.key, params.verified)


def _measure(
    params: RollbackAssessParams, copy: VerifiedBackup, scratch: System, observer: ComparisonObserver
) -> RollbackLoss:
    url = postgres.with_database(scratch["url"], copy["database"])
    with postgres.explain_errors(url), postgres.connect(url, readonly=True) as connection:
        mark = find_foreign_mark(connection, copy["sha256"])
    attempt = params.context.attempt
    loss = measure_loss(
        read_only_server(url, attempt),
        read_only_server(params.database["url"], attempt),
        params.rules,
        params.money,
        params.options,
        observer,
        created=params.created,
    )
    if mark:
        loss.unknown["the restored copy"] = mark
    return loss


def _count_without_copy(params: RollbackAssessParams, observer: ComparisonObserver) -> RollbackLoss:
    """Lower bounds from the fingerprint where there is one; the answer stays unknown."""
    context = params.context
    facts = context.evidence.get(params.fingerprint_key, {}).get("fingerprint")
    loss = RollbackLoss()
    if facts:
        path = context.artefacts.fetch(
            facts["path"], host=context.hosts.get(params.fingerprint_key, ""), sha256=facts["sha256"]
        )
        kept = read_fingerprint(path, facts["sha256"])
        live = read_only_server(params.database["url"], params.context.attempt)
        loss = count_since_fingerprint(kept, live, params.options, observer)
    loss.unknown["the rows of the backup"] = _explain_no_copy(params)
    return loss


def _evidence(loss: RollbackLoss, backup: BackupFacts, names: Mapping[str, str]) -> RollbackAssessEvidence:
    tables: dict[str, TableLossFacts] = {
        name: {
            "created": table.created,
            "changed": table.changed,
            "deleted": table.deleted,
            "keys": table.keys,
            "columns": table.columns,
            "notes": table.notes,
            "times": list(table.times or ()),
        }
        for name, table in loss.tables.items()
    }
    not_there = find_missing_tables(loss, names)
    facts: LossFacts = {
        "answer": loss.answer,
        "since": backup["taken_at"],
        "counted_at": loss.counted_at,
        "backup": backup["sha256"],
        "rows": sum(table.rows for table in loss.tables.values()),
        "created": loss.total("created"),
        "changed": loss.total("changed"),
        "deleted": loss.total("deleted"),
        "tables": tables,
        "money": loss.money,
        "added": loss.added,
        "not_there": not_there,
        "unknown": loss.unknown,
        "compared": loss.compared,
        "explained": loss.explained,
    }
    warnings = list_warnings(loss)
    if not_there:
        warnings.append(f"The runbook names tables that were not found (names:): {', '.join(not_there)}.")
    return {"loss": facts, "not_counted": [*loss.untold, WITHOUT_ROWS], "warnings": warnings}
