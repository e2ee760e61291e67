"""Takes a fingerprint of every row before the migration, to compare the database with it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypedDict

from integrations import actions
from integrations.actions.parity_errors import parity_errors_as_problems
from integrations.actions.parity_fields import ColumnsField, EntriesField, NamesField
from integrations.actions.parity_options import read_only_server, watch_sides
from integrations.actions.parity_reporter import ComparisonReporter
from integrations.actions.parity_rules import find_unmatched
from integrations.backups.standby import refuse_standby
from integrations.clients import postgres
from integrations.parity.beyond_rows.sql_rules import SqlRule, parse_sql_rules
from integrations.parity.beyond_rows.totals import GroupTotal, parse_totals
from integrations.parity.engine.fingerprint import Fingerprint, take_fingerprint, write_fingerprint
from integrations.parity.model.declared import DeclaredRule, parse_rules
from integrations.parity.server.catalog import read_tables
from integrations.parity.server.snapshot import Snapshot
from integrations.prisma.cli import Prisma
from integrations.systems import System

SHOWN = 3  # rules that match nothing, in the summary


@dataclass(frozen=True)
class ParityFingerprintParams(actions.ActionParams):
    """The database, and the rules by which its values are hashed."""

    database: System
    declared: tuple[DeclaredRule, ...]
    totals: tuple[GroupTotal, ...]
    schemas: tuple[str, ...]
    checks: tuple[SqlRule, ...]
    personal: tuple[str, ...]
    datamodel: System | None


class FingerprintFacts(TypedDict):
    """A kept fingerprint: its file and SHA-256, the digest of its content, rows per table and in all,
    and the tables and kinds of objects that could not be read, with the reason."""

    path: str
    sha256: str
    digest: str
    rows: int
    tables: dict[str, int]
    taken_at: str
    address: str
    failed: dict[str, str]
    personal: list[str]


class ParityFingerprintEvidence(TypedDict, total=False):
    """The fingerprint for the later comparison, or the rules of it that match nothing."""

    fingerprint: FingerprintFacts
    unmatched_rules: list[str]


@actions.register
class ParityFingerprint(actions.ReadOnlyAction[ParityFingerprintParams, ParityFingerprintEvidence]):
    """Bucket sums of the row hashes of all tables, taken in one snapshot and kept in a file.

    A file of a lost attempt does no harm: only the evidence of a success names the file that counts.
    """

    key, title = "parity.fingerprint", "Take a fingerprint of every row for a later comparison"
    verdict_shown = True
    public_params = frozenset({"declared", "totals", "schemas", "checks", "personal"})
    is_check = False  # it counts, and judges nothing
    deadline = timedelta(hours=1)

    class Params(actions.ActionForm):
        """``database``: the database to read. ``declared``, ``totals`` and ``schemas`` decide how values
        are hashed; the later `parity.compare` uses the same. ``personal``: columns whose values that
        comparison hides from stakeholders. ``checks`` run now, and again in that comparison.
        ``datamodel``: the Prisma project that the database will follow. With it, each rule must match
        something in the database or in the datamodel; without it, only what the database alone can tell is
        checked."""

        database = actions.SystemField(kind="postgres")
        declared = EntriesField(parse_rules)
        totals = EntriesField(parse_totals)
        schemas = NamesField()
        checks = EntriesField(
            parse_sql_rules,
            help_text="Queries that must return the same afterwards: `{name, sql}`, one SELECT each.",
        )
        personal = ColumnsField(help_text="Columns as table.column; each part may contain *.")
        datamodel = actions.SystemField(kind="prisma", required=False)

    @parity_errors_as_problems()
    def preview(self, params: ParityFingerprintParams) -> actions.Preview:
        """The tables that would be read."""
        url = params.database["url"]
        with Snapshot(read_only_server(url, params.context.attempt), statement_timeout=30) as snapshot:
            refuse_standby(snapshot.connection, url, "fingerprint")
            tables = read_tables(snapshot, params.schemas)
        names = ", ".join(table.label for table in tables.values())
        lines = [
            f"Read every row of {len(tables)} tables once, in one read-only snapshot: {names}.",
            "Write the sums of their hashes into a file of this cutover; nothing is written to the database.",
        ]
        if params.datamodel:
            lines.insert(0, "Check that each rule matches something in the database or in the datamodel.")
        return actions.Preview(lines, where=postgres.address(url))

    @parity_errors_as_problems()
    def run(
        self, params: ParityFingerprintParams, report: actions.RunReport[ParityFingerprintEvidence]
    ) -> actions.Outcome:
        """Takes the fingerprint; a rule that matches nothing, or a table that cannot be read, is a verdict
        that names it."""
        context = params.context
        watches = watch_sides(report, context.attempt, params.database)
        with (
            closing(ComparisonReporter(report, watches=watches)) as reporter,
            Snapshot(read_only_server(params.database["url"], context.attempt, report)) as snapshot,
        ):
            refuse_standby(snapshot.connection, params.database["url"], "fingerprint")
            if wrong := _find_unmatched(params, snapshot, report):
                return _refuse_unmatched(wrong, report)
            taken = take_fingerprint(
                snapshot,
                params.declared,
                params.totals,
                params.schemas,
                reporter.observer,
                checks=params.checks,
            )
        context.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = context.folder / f"fingerprint-{context.attempt}.json"
        sha256 = write_fingerprint(taken, path)
        context.artefacts.publish(path)
        facts = _facts(taken, path, sha256, params.personal)
        report.evidence({"fingerprint": facts})
        for label, reason in facts["failed"].items():
            report.log(f"{label} could not be read: {reason}")
        if facts["failed"]:
            names = ", ".join(facts["failed"])
            return actions.Outcome(
                False, f"The fingerprint is incomplete: {names} could not be read. See the log."
            )
        return actions.Outcome(True, f"{len(taken.tables)} tables, {taken.rows:,} rows: {taken.digest[:12]}.")


def _find_unmatched(params: ParityFingerprintParams, snapshot: Snapshot, report: actions.Report) -> list[str]:
    prisma = None
    if params.datamodel:
        prisma = Prisma(params.datamodel, attempt=params.context.attempt, report=report)
        report.secret(*prisma.secrets)
    return find_unmatched(
        snapshot,
        prisma,
        rules=params.declared,
        personal=params.personal,
        totals=params.totals,
        schemas=params.schemas,
    )


def _refuse_unmatched(
    wrong: list[str], report: actions.RunReport[ParityFingerprintEvidence]
) -> actions.Outcome:
    """A comparison under such rules would be red, or would hide nothing of what it should hide."""
    for each in wrong:
        report.log(f"Matches nothing: {each}")
    report.evidence({"unmatched_rules": wrong})
    more = f" and {len(wrong) - SHOWN} more, see the log" if len(wrong) > SHOWN else ""
    return actions.Outcome(
        False,
        f"{len(wrong)} rule(s) match nothing: {'; '.join(wrong[:SHOWN])}{more}. "
        "No fingerprint was taken. Correct these entries of this item in the runbook.",
    )


def _facts(taken: Fingerprint, path: Path, sha256: str, personal: Sequence[str]) -> FingerprintFacts:
    return {
        "path": str(path),
        "sha256": sha256,
        "digest": taken.digest,
        "rows": taken.rows,
        "tables": {kept.table.label: kept.rows for kept in taken.tables},
        "taken_at": taken.taken_at,
        "address": taken.address,
        "failed": {
            **{kept.table.label: kept.failed for kept in taken.tables if kept.failed},
            **{
                kept.table.label: f"it is incomplete: {'; '.join(kept.left_out)}"
                for kept in taken.tables
                if kept.left_out
            },
            **{kind: f"it could not be read: {reason}" for kind, reason in taken.objects.failed.items()},
        },
        "personal": list(personal),
    }
