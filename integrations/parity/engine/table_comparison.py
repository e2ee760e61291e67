"""Compares one table: sums of its buckets on both sides, then the rows of buckets that differ."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg

from integrations.parity.engine.constant_expressions import note_constants
from integrations.parity.engine.differences import DifferenceTally
from integrations.parity.engine.fingerprint import TableFingerprint
from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.read_strategy import FullPass, ReadStrategy
from integrations.parity.engine.reader import LimitExceeded, SumReader
from integrations.parity.engine.row_diff import RowDiff
from integrations.parity.engine.rule_proof import RuleProof
from integrations.parity.engine.unreadable_columns import VALUE_ERRORS, leave_out_unreadable
from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BucketSum, BucketSums
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import TableResult, compute_digest, describe_restriction
from integrations.parity.server.server_errors import explain_read_failure
from integrations.parity.server.session_settings import SettingsLost
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.server.table_changes import TableChanged
from integrations.parity.sql.bucket_conditions import NULL_KEY_BUCKET
from integrations.parity.sql.queries import SideQueries

NEEDS_BACKUP = "only the restored backup can tell more: give it to the comparison"
MAX_PLACES = 20  # differing key ranges named of a table whose rows cannot be read


@dataclass
class TableRun:
    """The comparison of one table, with what is needed to read its rows again."""

    plan: TablePlan
    result: TableResult
    meter: ProgressMeter
    tally: DifferenceTally = field(default_factory=DifferenceTally)
    source: SideQueries | None = None
    target: SideQueries | None = None
    asked_again: bool = False
    restored: bool = False  # the result is that of an earlier run


class TableComparison:
    """Compares tables of two sides, or of the target and a fingerprint (``kept``) of the source."""

    def __init__(
        self,
        source: Snapshot | None,
        target: Snapshot,
        kept: Mapping[tuple[str, str], TableFingerprint],
        declared: DeclaredRules,
        options: ComparisonOptions,
        observer: ComparisonObserver,
    ) -> None:
        self.source, self.target, self.kept, self.declared = source, target, kept, declared
        self.options, self.observer = options, observer
        self.reader = SumReader(options, observer)
        self.strategy: ReadStrategy = FullPass(self.reader)

    def run(self, plan: TablePlan, meter: ProgressMeter) -> TableRun:
        """Compares one table; a failure of this table is a part of its result and ends nothing else."""
        if finished := self.strategy.find_finished(plan):
            return TableRun(plan, finished, meter, restored=True)
        started, plan = time.monotonic(), self._fit_to_fingerprint(plan)
        table_run = TableRun(plan, TableResult(plan.label, key=list(plan.key), pages=meter.pages), meter)
        result = table_run.result
        result.unsound += plan.unsound
        result.not_compared += plan.excluded
        result.restricted = describe_restriction(plan.source.condition, plan.target.condition)
        result.names, result.expressions = plan.names, plan.expressions
        meter.report_state("reading")
        sides = [snapshot for snapshot in (self.source, self.target) if snapshot]
        self.reader.export_snapshots(sides)
        try:
            with ExitStack() as savepoints:
                for snapshot in sides:
                    savepoints.enter_context(snapshot.savepoint())
                self._compare(table_run)
                note_constants(table_run.result, (table_run.source, table_run.target))
        except VALUE_ERRORS as error:
            both = (("source", self.source), ("target", self.target))
            if (less := leave_out_unreadable(plan, both)) is not None:
                return self.run(less, meter.restarted())
            _note_failure(table_run, error)
        except psycopg.Error as error:
            _note_failure(table_run, error)
        except (TableChanged, SettingsLost) as change:
            result.unsound.append(str(change))
        except LimitExceeded as limit:
            result.partial = f"not read, or not to its end: {limit}"
            result.unsound.append(result.partial)
        result.seconds = time.monotonic() - started
        return table_run

    def _fit_to_fingerprint(self, plan: TablePlan) -> TablePlan:
        """Without columns that the fingerprint could not read either: its sums lack only these."""
        kept = self.kept.get((plan.source.schema, plan.source.name))
        if kept is None or kept.failed or kept.recipe == plan.recipe:
            return plan
        lacking = [pair.name for pair in plan.pairs if pair.recipe not in kept.recipe]
        less = plan.without_columns(dict.fromkeys(lacking, "the fingerprint was taken without it"))
        return less if less.recipe == kept.recipe else plan

    def _compare(self, table_run: TableRun) -> None:
        plan, result = table_run.plan, table_run.result
        kept = self.kept.get((plan.source.schema, plan.source.name))
        if kept is not None and kept.recipe == plan.recipe and not kept.failed:
            self._compare_with_fingerprint(table_run, kept)
        elif self.source is not None:
            if kept is not None:
                result.notes.append("compared with the restored backup, not with the fingerprint")
            self._compare_live(table_run, self.source)
        else:
            changed = "columns or declared rules are not those of then"
            reason = kept.failed if kept and kept.failed else changed
            result.source_rows = kept.rows if kept else 0
            result.unsound.append(f"the fingerprint cannot be used ({reason}); {NEEDS_BACKUP}")

    def _compare_live(self, table_run: TableRun, source: Snapshot) -> None:
        plan, sample = table_run.plan, self.options.sample
        scheme = self.strategy.choose_buckets(plan, source, table_run.meter.pages)
        table_run.source = SideQueries(source, plan, "source", scheme, sample)
        table_run.target = SideQueries(self.target, plan, "target", scheme, sample)
        before, after = self.strategy.read_sums(
            table_run.source, table_run.target, table_run.meter, table_run.result
        )
        table_run.source.sums, table_run.target.sums = before, after
        if sample:
            table_run.result.mode = "sample"
            reason = f"only a sample of about {sample:g} % of its rows was read"
            table_run.result.unsound.append(reason)
        if suspicious := self._compare_sums(table_run, before, after):
            self._compare_rows(table_run, suspicious)

    def _compare_with_fingerprint(self, table_run: TableRun, kept: TableFingerprint) -> None:
        table_run.target = SideQueries(self.target, table_run.plan, "target", kept.buckets)
        after = self.reader.read_one(table_run.target, table_run.meter)
        if self.source is not None:
            table_run.source = SideQueries(self.source, table_run.plan, "source", kept.buckets)
        suspicious = self._compare_sums(table_run, kept.sums, after, live=False)
        if suspicious and table_run.source is not None:
            self._check_backup(table_run, kept, suspicious)
            self._compare_rows(table_run, suspicious)
        elif suspicious:
            self._count_by_bucket(table_run, kept, after, suspicious)

    def _compare_sums(
        self, table_run: TableRun, before: BucketSums, after: BucketSums, *, live: bool = True
    ) -> dict[int, int]:
        """Buckets whose rows have to be compared → rows of the larger side."""
        result = table_run.result
        assert table_run.target is not None
        result.source_rows, result.target_rows = before.rows, after.rows
        result.digest = compute_digest([table_run.plan.recipe, before.digest, after.digest])
        proof = RuleProof(
            table_run.plan, table_run.source, table_run.target, live, self.reader, table_run.meter
        )
        return proof.find_suspicious(before, after, table_run.tally)

    def _check_backup(self, table_run: TableRun, kept: TableFingerprint, buckets: Collection[int]) -> None:
        """Notes when the restored backup has other rows in these buckets than the fingerprint."""
        assert table_run.source is not None
        if kept.sums.with_replaced(buckets, table_run.source.read_sums_of(buckets)) != kept.sums:
            table_run.result.unsound.append(
                "the restored backup is not the state of which the fingerprint was taken"
            )

    def _compare_rows(self, table_run: TableRun, buckets: Mapping[int, int]) -> None:
        assert table_run.source is not None
        assert table_run.target is not None
        table_run.meter.report_state("asking")
        complete = RowDiff(
            table_run.plan,
            table_run.source,
            table_run.target,
            table_run.tally,
            self.extra_declared(table_run.plan),
            self.options.keep,
            self.observer.check_cancelled,
            self.options.limit,
        ).run(buckets)
        table_run.result.at_least = not complete
        if complete:
            _check_rows_explain_sums(table_run)

    def extra_declared(self, plan: TablePlan) -> bool:
        """Whether rows that only the target has are declared."""
        return self.declared.find("new_rows", plan.label) is not None

    def _count_by_bucket(
        self, table_run: TableRun, kept: TableFingerprint, after: BucketSums, buckets: Collection[int]
    ) -> None:
        """Without the rows of before: how many differ at least, and in which key ranges."""
        tally, result = table_run.tally, table_run.result
        extra_declared, empty = self.extra_declared(table_run.plan), BucketSum(0, 0, ())
        undecided = 0
        for bucket in sorted(buckets):
            then, now = kept.sums.get(bucket, empty), after.get(bucket, empty)
            # The hashes agree and only tokens differ, or new rows are declared: the rows would have to tell.
            if then[:2] == now[:2] or extra_declared:
                undecided += 1
                continue
            tally.missing += max(0, then.rows - now.rows)
            tally.extra += max(0, now.rows - then.rows)
            tally.changed += then.rows == now.rows
            result.at_least = True
            if len(result.places) < MAX_PLACES:
                result.places.append(_describe_bucket(table_run.plan, kept, bucket))
        if undecided:
            result.unsound.append(
                f"in {undecided} of {len(kept.sums)} parts it is open whether differences are declared;"
                f" {NEEDS_BACKUP}"
            )


def _note_failure(table_run: TableRun, error: psycopg.Error) -> None:
    """Rows that were counted before the failure differ in any case; nobody knows how many more do."""
    table_run.result.unsound.append(explain_read_failure(error))
    table_run.result.at_least = bool(table_run.tally.differing)


def _check_rows_explain_sums(table_run: TableRun) -> None:
    """Differing buckets must have differing rows, and these must add up to the difference of the counts."""
    tally, result = table_run.tally, table_run.result
    balance = tally.missing - tally.extra - tally.new_rows
    found = tally.differing or tally.new_rows or tally.rules.total()
    if not result.unsound and (not found or balance != result.source_rows - result.target_rows):
        result.unsound.append(
            "its sums differ and its rows do not explain that, so nothing is proven: compare it again"
        )


def _describe_bucket(plan: TablePlan, kept: TableFingerprint, bucket: int) -> str:
    bits = kept.buckets.bits
    if kept.buckets.how == "range" and bucket != NULL_KEY_BUCKET:
        return f"{plan.key[0]} {bucket << bits} to {(bucket + 1 << bits) - 1}"
    return f"part {bucket} of {1 << bits} by hash of the key"
