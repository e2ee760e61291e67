"""Compares two databases, or one database with its earlier state, row by row, and names the differences."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from integrations import actions
from integrations.actions.backup_verify import BackupVerifyEvidence
from integrations.actions.parity_errors import parity_errors_as_problems
from integrations.actions.parity_evidence import (
    ParityCompareEvidence,
    announced_changes,
    fingerprint_of,
    kept_pass_of,
)
from integrations.actions.parity_fingerprint import ParityFingerprintEvidence
from integrations.actions.parity_options import (
    ComparisonOptionsForm,
    ComparisonParams,
    engine_options,
    option_lines,
    read_only_server,
    table_lines,
    watch_sides,
)
from integrations.actions.parity_reporter import ComparisonReporter
from integrations.actions.parity_sides import ComparedSidesForm
from integrations.actions.parity_sources import (
    caution_lines,
    describe_source,
    is_other_kind,
    source_url,
)
from integrations.actions.prisma_diff import PrismaDiffEvidence
from integrations.clients import postgres
from integrations.errors import Problem
from integrations.parity.beyond_rows.totals import GroupTotal
from integrations.parity.engine.comparison import compare_before, compare_live
from integrations.parity.engine.recheck import PassNotKept, compare_and_keep_pass, recheck
from integrations.parity.model.declared import DeclaredRule
from integrations.parity.model.selection import RowCondition, TableSelection
from integrations.parity.result import ComparisonResult
from integrations.parity.server.catalog import read_tables
from integrations.parity.server.snapshot import PostgresServer, Snapshot
from integrations.parity.sources.source_comparison import compare_source
from integrations.systems import System

#: So that no gate takes a part for the whole.
NOT_THE_WHOLE = (
    "A selection never counts as the whole: compare everything, or set selection_counts where this part is"
    " enough."
)


@dataclass(frozen=True)
class ParityCompareParams(ComparisonParams):
    """What is compared with what, by which rules."""

    source: System | None
    target: System | None
    before: actions.EarlierItem[ParityFingerprintEvidence] | None
    database: System | None
    backup: actions.EarlierItem[BackupVerifyEvidence] | None
    scratch: System | None
    declared: tuple[DeclaredRule, ...]
    totals: tuple[GroupTotal, ...]
    schemas: tuple[str, ...]
    announced: actions.EarlierItem[PrismaDiffEvidence] | None
    tables: tuple[str, ...]
    exclude: tuple[str, ...]
    where: tuple[RowCondition, ...]
    selection_counts: bool
    only_tell: bool
    keep_pass: bool
    recheck: actions.EarlierItem[ParityCompareEvidence] | None

    @property
    def current(self) -> System:
        """The database that is compared as it is now."""
        system = self.target or self.database
        assert system is not None  # every mode names one of them
        return system

    @property
    def selection(self) -> TableSelection:
        """The tables and rows that are compared."""
        return TableSelection(self.tables, self.exclude, self.where)

    @property
    def personal_columns(self) -> tuple[str, ...]:
        """The patterns of personal columns: those given here, and those of the fingerprint."""
        kept = self.before.evidence.get("fingerprint") if self.before else None
        return tuple(dict.fromkeys([*self.personal, *(kept.get("personal", ()) if kept else ())]))


@actions.register
class ParityCompare(actions.ReadOnlyAction[ParityCompareParams, ParityCompareEvidence]):
    """Row counts and contents of all tables, and also sequences, totals and schema."""

    key, title = "parity.compare", "Compare every row of every table"
    verdict_shown = True
    public_params = frozenset(
        {
            "declared",
            "totals",
            "schemas",
            "tables",
            "exclude",
            "where",
            "selection_counts",
            "views",
            "judge",
            "checks",
            "spots",
            "personal",
            "harmless",
        }
    )
    deadline = timedelta(hours=1)

    class Params(ComparisonOptionsForm, ComparedSidesForm):
        """What is compared: ``source`` with ``target``, both live (the source may be MySQL, MariaDB or a file
        of SQLite, and then takes fewer parameters); or ``database`` as it is with
        ``before``, the item that took its fingerprint; or with ``backup``, the item that verified and
        kept the restored backup on ``scratch``. With both ``before`` and ``backup``, the fingerprint
        decides and the backup names the rows. ``declared``: differences that are expected, and
        ``totals``: sums that must agree; with ``before`` those of the fingerprint apply and may not
        be repeated here; its ``personal`` columns apply as well. ``settle``: seconds after which rows that
        differ are read again, because on a live system a change may still be on its way. ``announced``: the
        item that reviewed the schema diff; what its statements create, change or drop is expected, and
        counted apart. ``only_tell``:
        differences are the result and no failure: the item succeeds once everything was compared.

        ``tables``, ``exclude`` and ``where`` select what is compared. A part never counts as the whole: such
        an item fails, whatever it finds, unless ``selection_counts`` says that this part is enough.

        ``keep_pass``: keeps what was read of ``source`` and ``target``, so that a later comparison with
        ``recheck``, the item that kept it, reads only what was written since: minutes before the
        switch this takes seconds, and its verdict covers every row. Both must have the same rules.

        Limits on the load: ``workers``, ``page_rate``, ``snapshot_age``, ``largest``; a table that
        would exceed a limit is refused with a reason, and then nothing is called equal. ``sample``: a first
        look at part of the rows, which never proves them equal. Stakeholders see no value of a row, except
        of columns that are ``harmless``; ``personal`` columns are hidden from them in any case."""

    @parity_errors_as_problems()
    def preview(self, params: ParityCompareParams) -> actions.Preview:
        """Both sides, and the tables that would be read."""
        current = _current_server(params)
        with Snapshot(current, statement_timeout=30) as snapshot:
            tables = read_tables(snapshot, params.schemas)
        sides = f"of {current.address} with {_describe_other_side(params)}"
        lines = [
            *table_lines(params.selection, [table.label for table in tables.values()], sides),
            *([] if params.selection_counts or not params.selection.description else [NOT_THE_WHOLE]),
            f"Read each in one read-only snapshot: {_describe_reads(params)}, then the rows that differ.",
        ]
        lines += caution_lines(params.source)
        lines += [f"Declared: {rule.description}." for rule in _declared_rules(params)]
        if params.announced:
            lines.append(f"What the schema diff of “{params.announced.key}” announced is expected.")
        lines += option_lines(params, params.personal_columns)
        return actions.Preview(lines, where=current.address)

    @parity_errors_as_problems()
    def run(
        self, params: ParityCompareParams, report: actions.RunReport[ParityCompareEvidence]
    ) -> actions.Outcome:
        """``ok`` only when everything was compared and no undeclared difference was found."""
        sides = (None if is_other_kind(params.source) else params.source, params.current, params.scratch)
        watches = watch_sides(report, params.context.attempt, *sides)
        with closing(ComparisonReporter(report, params.personal_columns, watches)) as reporter:
            if params.before:
                result = _compare_with_fingerprint(params, params.before, reporter)
            else:
                result = _compare_live_sides(params, reporter, report)
        reporter.report_remaining(result.tables)
        report.evidence({"parity": {**result.as_facts(), "personal": list(params.personal_columns)}})
        if result.selection and not params.selection_counts:
            return actions.Outcome(False, f"{result.summary} {NOT_THE_WHOLE}")
        if params.only_tell and not result.equal and result.sound and not result.unmatched_rules:
            return actions.Outcome(True, f"{result.summary} Told, not judged.")
        return actions.Outcome(result.equal, result.summary)


def _compare_with_fingerprint(
    params: ParityCompareParams,
    before: actions.EarlierItem[ParityFingerprintEvidence],
    reporter: ComparisonReporter,
) -> ComparisonResult:
    kept = fingerprint_of(before)
    options = engine_options(
        params,
        rules=kept.rules,
        totals=kept.requested_totals,
        schemas=tuple(kept.schemas),
        personal=params.personal_columns,
        announced=announced_changes(params.announced),
        **_selected(params),
    )
    backup = _restored_backup(params) if params.backup else None
    return compare_before(kept, _current_server(params), options, reporter.observer, backup=backup)


def _compare_live_sides(
    params: ParityCompareParams,
    reporter: ComparisonReporter,
    report: actions.RunReport[ParityCompareEvidence],
) -> ComparisonResult:
    options = engine_options(
        params,
        rules=params.declared,
        totals=params.totals,
        schemas=params.schemas,
        personal=params.personal_columns,
        announced=announced_changes(params.announced),
        **_selected(params),
    )
    context = params.context
    if params.source and is_other_kind(params.source):
        url = source_url(params.source)
        return compare_source(url, _current_server(params), options, reporter.observer)
    source = (
        read_only_server(params.source["url"], context.attempt) if params.source else _restored_backup(params)
    )
    current = _current_server(params)
    if params.recheck:
        kept = kept_pass_of(params.recheck)
        path = context.artefacts.fetch(kept["path"], host=params.recheck.host, sha256=kept["sha256"])
        return recheck(source, current, path, options, reporter.observer, sha256=kept["sha256"])
    if not params.keep_pass:
        return compare_live(source, current, options, reporter.observer)
    context.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = context.folder / f"pass-{context.attempt}.json"
    try:
        result, sha256 = compare_and_keep_pass(source, current, path, options, reporter.observer)
    except PassNotKept as failed:  # hours of reading, and only the last file had no room
        personal = list(params.personal_columns)
        report.evidence({"parity": {**failed.result.as_facts(), "personal": personal}})
        raise
    context.artefacts.publish(path)
    report.evidence({"kept_pass": {"path": str(path), "sha256": sha256, "taken_at": result.started}})
    return result


def _selected(params: ParityCompareParams) -> dict[str, Any]:
    return {"tables": params.tables, "exclude": params.exclude, "where": params.where}


def _describe_reads(params: ParityCompareParams) -> str:
    if params.recheck:
        return f"only what was written since the pass that “{params.recheck.key}” kept"
    kept = " (kept for a recheck)" if params.keep_pass else ""
    return f"counts and row hashes{kept}"


def _describe_other_side(params: ParityCompareParams) -> str:
    if params.source:
        return describe_source(params.source)
    backup = f"the restored backup of “{params.backup.key}”" if params.backup else ""
    if not params.before:
        return backup
    rows = f", and name rows by {backup}" if backup else ""
    return f"the fingerprint of “{params.before.key}”{rows}"


def _declared_rules(params: ParityCompareParams) -> tuple[DeclaredRule, ...]:
    """The declared differences: those of the fingerprint, once there is one, or those given."""
    if not params.before:
        return params.declared
    taken = "fingerprint" in params.before.evidence
    return fingerprint_of(params.before).rules if taken else ()


def _current_server(params: ParityCompareParams) -> PostgresServer:
    return read_only_server(params.current["url"], params.context.attempt)


def _restored_backup(params: ParityCompareParams) -> PostgresServer:
    assert params.backup is not None  # the form requires both for this mode
    assert params.scratch is not None
    facts = params.backup.evidence.get("verified")
    if not facts or not facts.get("equal") or not facts.get("database"):
        raise Problem(
            f"There is no restored backup to compare with: “{params.backup.key}” kept none that is equal.",
            next=f"Carry out “{params.backup.key}” with keep: true, then compare again.",
        )
    url = postgres.with_database(params.scratch["url"], facts["database"])
    return read_only_server(url, params.context.attempt)
