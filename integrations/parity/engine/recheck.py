"""Compares again after a full pass, minutes before the switch, and reads only what was written since."""

from __future__ import annotations

from pathlib import Path

from integrations.parity.engine.comparison import Comparison
from integrations.parity.engine.kept_pass import KeptPass, read_kept_pass
from integrations.parity.engine.pass_journal import path_while_written
from integrations.parity.engine.pass_recorder import PassRecorder
from integrations.parity.engine.recheck_pass import RecheckPass
from integrations.parity.errors import ParityError
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.both_sides import open_snapshots
from integrations.parity.server.snapshot import PostgresServer


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
    *,
    resume: bool = False,
) -> tuple[ComparisonResult, str]:
    """Compares both sides in full and keeps the pass in a file; returns the result and its SHA-256.

    The file grows with each table. A comparison that ends before its time leaves it with what was read;
    ``resume`` goes on from there, and the result says which tables were read in other snapshots.
    Raises what `compare_live` raises, `ParityError` when a server does not tell its identity, and
    `PassNotKept`, which has the result, when the file cannot be written.
    """
    earlier = read_stopped_pass(path) if resume else None
    with open_snapshots(source, target, options.longest) as (first, second):
        comparison = Comparison(first, second, None, options, observer or ComparisonObserver())
        table_comparison, taken_at = comparison.table_comparison, comparison.now()
        recorder = PassRecorder(table_comparison.reader, first, second, taken_at, path, earlier)
        table_comparison.strategy = recorder
        try:
            result = comparison.run()
        except BaseException:
            recorder.journal.abandon()
            raise
    result.notes += [recorder.note] if recorder.note else []
    try:
        return result, recorder.journal.finish()
    except OSError as error:
        raise PassNotKept(result, path, error) from error


def read_stopped_pass(path: Path) -> KeptPass:
    """What a run has left that was stopped; where it was killed, the file still has its first name."""
    partial = path_while_written(path)
    killed = partial.exists() and not (path.exists() and path.stat().st_mtime > partial.stat().st_mtime)
    kept = read_kept_pass(partial if killed else path)
    if killed:  # this run writes to that name
        partial.replace(path)
    return kept


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
