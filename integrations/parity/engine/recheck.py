"""Compares again after a full pass, minutes before the switch, and reads only what was written since."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from integrations.parity.engine.comparison import Comparison
from integrations.parity.engine.kept_pass import KeptPass, KeptTableSums, read_kept_pass
from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.read_strategy import FullPass
from integrations.parity.engine.reader import SumReader
from integrations.parity.engine.row_versions import refresh_sums
from integrations.parity.errors import ParityError
from integrations.parity.model.buckets import BucketScheme
from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BucketSums
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult, TableResult
from integrations.parity.server.server_state import (
    ServerState,
    has_name_types,
    read_file_digests,
    read_server_state,
)
from integrations.parity.server.snapshot import (
    PostgresServer,
    Snapshot,
    open_snapshots,
    query_both_snapshots,
    run_both,
)
from integrations.parity.sql.queries import SideQueries

FileDigests = dict[tuple[str, str], str]  # (schema, name) of a table → digest of its files


class PassNotKept(ParityError):
    """Everything was compared, with this ``result``, and the file of the pass could not be written."""

    def __init__(self, result: ComparisonResult, path: Path, error: OSError) -> None:
        super().__init__(
            f"The pass could not be kept in {path}: {error.strerror or error}.",
            means="The result is complete; only a recheck has nothing to build on.",
            next="Make room there, then compare again.",
        )
        self.result = result


def compare_and_keep_pass(
    source: PostgresServer,
    target: PostgresServer,
    path: Path,
    options: ComparisonOptions,
    observer: ComparisonObserver | None = None,
) -> tuple[ComparisonResult, str]:
    """Compares both sides in full and keeps the pass in a file; returns the result and its SHA-256.

    A comparison that ends before its time keeps the tables that it has read: a recheck goes on from there.
    Raises what `compare_live` raises, `ParityError` when a server does not tell its identity, and
    `PassNotKept`, which has the result, when the file cannot be written.
    """
    with open_snapshots(source, target, options.longest) as (first, second):
        comparison = Comparison(first, second, None, options, observer or ComparisonObserver())
        recorder = PassRecorder(comparison.table_comparison.reader, first, second, comparison.now())
        comparison.table_comparison.strategy = recorder
        try:
            result = comparison.run()
        except BaseException:
            if recorder.kept.tables:
                with suppress(OSError):  # what ended the comparison is the error to tell
                    recorder.kept.write(path)
            raise
    try:
        return result, recorder.kept.write(path)
    except OSError as error:
        raise PassNotKept(result, path, error) from error


def recheck(
    source: PostgresServer,
    target: PostgresServer,
    pass_file: Path,
    options: ComparisonOptions,
    observer: ComparisonObserver | None = None,
    *,
    sha256: str = "",
) -> ComparisonResult:
    """Compares both sides as they are now, with the help of a kept pass; the verdict covers every row.

    A table that was rewritten, or is compared by other rules, is read in full, and its result says so.
    Raises what `compare_live` raises, and `ParityError` when the pass is not valid any more: after a
    restore, a failover, a restart.
    """
    kept = read_kept_pass(pass_file, sha256)
    with open_snapshots(source, target, options.longest) as (first, second):
        comparison = Comparison(first, second, None, options, observer or ComparisonObserver())
        table_comparison = comparison.table_comparison
        table_comparison.strategy = RecheckPass(table_comparison.reader, first, second, kept)
        result = comparison.run()
    result.mode = "recheck"
    result.source["pass_taken_at"] = kept.taken_at
    return result


class PassRecorder(FullPass):
    """Reads every row, and keeps the sums in ``kept``."""

    def __init__(self, reader: SumReader, source: Snapshot, target: Snapshot, taken_at: str) -> None:
        super().__init__(reader)
        self.kept = KeptPass(taken_at, *query_both_snapshots(source, target, _require_state))
        self.files = query_both_snapshots(source, target, read_file_digests)
        self.first_snapshots = source.number, target.number

    def read_sums(
        self, source: SideQueries, target: SideQueries, meter: ProgressMeter, result: TableResult
    ) -> tuple[BucketSums, BucketSums]:
        """See `ReadStrategy`."""
        before, after = super().read_sums(source, target, meter, result)
        # A snapshot taken after a lost connection has another horizon than the one that is kept.
        same = (source.snapshot.number, target.snapshot.number) == self.first_snapshots
        if same and not _why_never_kept(source.plan):
            files = _files_of(self.files, source.plan)
            kept = KeptTableSums(source.plan.recipe, source.scheme, files, before, after)
            self.kept.tables[source.plan.source.schema, source.plan.source.name] = kept
        return before, after


class RecheckPass(FullPass):
    """Reads what was written since the kept pass."""

    def __init__(self, reader: SumReader, source: Snapshot, target: Snapshot, kept: KeptPass) -> None:
        super().__init__(reader)
        self.kept = kept
        self._require_valid(source, target)

    def _require_valid(self, source: Snapshot, target: Snapshot) -> None:
        """Raises `ParityError` unless the pass is valid for these snapshots."""
        self.checked_snapshots = source.number, target.number
        self.files = query_both_snapshots(source, target, read_file_digests)
        then = self.kept.source, self.kept.target
        now = query_both_snapshots(source, target, _require_state)
        for side, state_then, state_now in zip(("source", "target"), then, now, strict=True):
            if reason := state_then.find_change(state_now):
                raise ParityError(
                    f"The kept pass of {self.kept.taken_at} does not hold for the {side} any more: {reason}.",
                    means="What changed since cannot be told from the versions of its rows.",
                    next="Compare in full, and keep that pass.",
                )

    def choose_buckets(self, plan: TablePlan, source: Snapshot, pages: int) -> BucketScheme:
        """See `ReadStrategy`: those of the kept pass, where it is valid."""
        kept = self._find_kept(plan)
        return super().choose_buckets(plan, source, pages) if isinstance(kept, str) else kept.buckets

    def read_sums(
        self, source: SideQueries, target: SideQueries, meter: ProgressMeter, result: TableResult
    ) -> tuple[BucketSums, BucketSums]:
        """See `ReadStrategy`."""
        # After a lost connection another server may answer: a standby that was promoted, a restored one.
        if (source.snapshot.number, target.snapshot.number) != self.checked_snapshots:
            self._require_valid(source.snapshot, target.snapshot)
        kept = self._find_kept(source.plan)
        if isinstance(kept, str):
            result.notes.append(f"read in full: {kept}")
            return super().read_sums(source, target, meter, result)
        result.mode = "recheck"
        meter.begin("source", "target")
        self.reader.pages += sum(meter.pages_by_side.values())
        return run_both(
            source.snapshot,
            lambda: refresh_sums(source, kept.source, self.kept.source.horizon),
            target.snapshot,
            lambda: refresh_sums(target, kept.target, self.kept.target.horizon),
            self.reader.observer.check_cancelled,
        )

    def _find_kept(self, plan: TablePlan) -> KeptTableSums | str:
        """The kept sums of a table, or why they cannot be used."""
        kept = self.kept.tables.get((plan.source.schema, plan.source.name))
        if kept is None:
            return _why_never_kept(plan) or "the pass did not read it"
        if kept.recipe != plan.recipe:
            return "its columns, or the rules for them, are not those of the pass"
        if kept.files != _files_of(self.files, plan):
            return "it was rewritten since the pass, or its columns were altered"
        return kept


def _require_state(snapshot: Snapshot) -> ServerState:
    state = read_server_state(snapshot)
    if isinstance(state, str):
        raise ParityError(
            f"A pass over {snapshot.server.address} cannot be kept: {state}.",
            means="Without it, a restored server could be taken for the one that was read.",
            next="Grant the role EXECUTE on pg_control_system() and pg_control_checkpoint(),"
            " or compare in full.",
        )
    return state


def _why_never_kept(plan: TablePlan) -> str:
    """Why sums of this table are never kept; empty when they are."""
    if not plan.key:
        return "it has no key by which its rows fall into buckets"
    if plan.source.is_view or plan.target.is_view:
        return "it is a view, whose rows have no versions"
    if has_name_types(column.base for table in (plan.source, plan.target) for column in table.columns):
        return "it holds names of other objects, which may be renamed without touching it"
    return ""


def _files_of(files: tuple[FileDigests, FileDigests], plan: TablePlan) -> tuple[str, str]:
    source, target = plan.source, plan.target
    return files[0].get((source.schema, source.name), ""), files[1].get((target.schema, target.name), "")
