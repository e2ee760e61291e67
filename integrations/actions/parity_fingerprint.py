"""Takes a fingerprint of every row before the migration, to compare the database with it after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.actions.parity_fields import ColumnsField, EntriesField, NamesField, server
from integrations.actions.parity_telling import Telling
from integrations.clients import postgres
from integrations.parity import baseline
from integrations.parity.checks import read_checks
from integrations.parity.declared import read_rules
from integrations.parity.snapshot import Snapshot
from integrations.parity.tables import read_tables
from integrations.parity.totals import read_totals


@register
class ParityFingerprint(Action):
    """Bucket sums of row hashes of all tables, in one snapshot, kept as a file with its SHA-256."""

    key, title = "parity.fingerprint", "Take a fingerprint of every row, to compare with after"
    effect = Effect.PURE
    deadline = timedelta(hours=1)

    class Params(ActionForm):
        """``database``: what to take it of. ``declared``, ``totals`` and ``schemas`` decide how values
        are hashed; the `parity.compare` that comes after uses the same. ``personal``: columns whose values
        that comparison hides from people who only watch. ``checks`` are asked now, and by that comparison
        again."""

        database = SystemField(kind="postgres")
        declared = EntriesField(read_rules)
        totals = EntriesField(read_totals)
        schemas = NamesField()
        checks = EntriesField(
            read_checks,
            help_text="Questions that must be answered alike after: `{name, sql}`, one SELECT each.",
        )
        personal = ColumnsField(help_text="Columns as table.column; each part may hold *.")

    def preview(self, params: Values) -> Preview:
        """The tables that would be read."""
        url = params.database["url"]
        with Snapshot(server(url, params.context), longest=30) as snapshot:
            tables = read_tables(snapshot, params.schemas)
        names = ", ".join(table.label for table in tables.values())
        lines = [
            f"Read every row of {len(tables)} tables once, in one read-only snapshot: {names}.",
            "Write the sums of their hashes into a file of this cutover; nothing is written to the database.",
        ]
        return Preview(lines, where=postgres.address(url))

    def run(self, params: Values, report: Report) -> Outcome:
        """Takes it; a table that cannot be read makes it a failure that names the table."""
        context = params.context
        with Snapshot(server(params.database["url"], context)) as snapshot:
            taken = baseline.take(
                snapshot, params.declared, params.totals, params.schemas, Telling(report).watch,
                checks=params.checks,
            )  # fmt: skip
        context.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = context.folder / f"fingerprint-{context.attempt}.json"
        sha256 = baseline.write(taken, path)
        failed = {kept.table.label: kept.failed for kept in taken.tables if kept.failed}
        report.evidence(
            fingerprint={
                "path": str(path), "sha256": sha256, "digest": taken.digest, "rows": taken.rows,
                "tables": {kept.table.label: kept.rows for kept in taken.tables},
                "taken_at": taken.taken_at, "address": taken.address, "failed": failed,
                "personal": list(params.personal),
            }
        )  # fmt: skip
        for label, reason in failed.items():
            report.log(f"{label} could not be read: {reason}")
        if failed:
            names = ", ".join(failed)
            return Outcome(False, f"Not a whole fingerprint: {names} could not be read. See the log.")
        return Outcome(True, f"{len(taken.tables)} tables, {taken.rows:,} rows: {taken.digest[:12]}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """A fingerprint whose attempt was lost is taken again."""
        return Finding(Seen.NOT_DONE, "It only reads the database; its file counts only when it ended.")
