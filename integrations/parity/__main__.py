"""``python -m integrations.parity SOURCE TARGET``: exit code 0 equal, 1 different, 2 could not compare."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import yaml

from integrations.parity.argument_conflicts import find_conflict, list_outputs
from integrations.parity.arguments import (
    build_options,
    build_parser,
    resolve_address,
    server_at,
)
from integrations.parity.configuration import parse_call
from integrations.parity.engine.comparison import compare_before, compare_live
from integrations.parity.engine.fingerprint import read_fingerprint, take_fingerprint, write_fingerprint
from integrations.parity.engine.recheck import PassNotKept, compare_and_keep_pass, recheck
from integrations.parity.errors import ParityError
from integrations.parity.masked_passwords import mask_passwords
from integrations.parity.model.declared import InvalidRule
from integrations.parity.model.personal import PersonalColumns
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.outputs import Outputs
from integrations.parity.report.facts import (
    COULD_NOT,
    DIFFERENT,
    EQUAL,
    RowCollector,
    build_facts,
    build_table_facts,
    exit_code,
)
from integrations.parity.report.printable import printable
from integrations.parity.report.terminal import ProgressLine
from integrations.parity.result import ComparisonResult, TableResult
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sources.mariadb_address import kind_of_address, shown_source_address
from integrations.parity.sources.source_comparison import compare_source
from integrations.parity.sources.source_options import refuse_kept_pass

__all__ = ["COULD_NOT", "DIFFERENT", "EQUAL", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Compares and prints the findings; the exit code is the verdict."""
    parser = build_parser()
    try:
        arguments = parse_call(parser, sys.argv[1:] if argv is None else argv)
    except (ValueError, OSError, RecursionError) as error:
        reason = "the file of --config is nested too deeply" if isinstance(error, RecursionError) else error
        sys.stderr.write(f"Could not compare: {printable(mask_passwords(str(reason)))}\n")
        return COULD_NOT
    if reason := find_conflict(arguments):
        parser.error(reason)
    try:
        options = build_options(arguments)
        with _sigterm_as_interrupt():
            return (
                _take_fingerprint(arguments, options)
                if arguments.take
                else _compare_and_report(arguments, options)
            )
    except RecursionError:
        sys.stderr.write("Could not compare: the file of --declared is nested too deeply.\n")
        return COULD_NOT
    except (ParityError, InvalidRule, ValueError, OSError, psycopg.Error, yaml.YAMLError) as error:
        sys.stderr.write(f"Could not compare: {printable(mask_passwords(str(error)))}\n")
        return COULD_NOT
    except KeyboardInterrupt:
        sys.stderr.write("Stopped: the sessions on the servers are ended, and there is no result.\n")
        return COULD_NOT


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """SIGTERM ends a comparison as Ctrl-C does: the sessions on the servers, and with what was found."""

    if threading.current_thread() is not threading.main_thread():
        yield  # somebody else's program decides on its signals
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _take_fingerprint(arguments: argparse.Namespace, options: ComparisonOptions) -> int:
    with Snapshot(server_at(arguments.source), statement_timeout=options.longest) as snapshot:
        taken = take_fingerprint(
            snapshot, options.rules, options.totals, options.schemas, checks=options.checks
        )
    sha256 = write_fingerprint(taken, Path(arguments.take))
    numbers = f"{len(taken.tables)} tables, {taken.rows} rows"
    sys.stdout.write(f"{numbers}, digest {taken.digest}, SHA-256 {sha256}\n")
    failed = [kept for kept in taken.tables if kept.failed]
    for kept in failed:
        sys.stderr.write(printable(f"{kept.table.label} is not in it: {kept.failed}") + "\n")
    left_out = [f"{kept.table.label}.{reason}" for kept in taken.tables for reason in kept.left_out]
    for reason in left_out:
        sys.stderr.write(printable(reason) + "\n")
    return COULD_NOT if failed or left_out else EQUAL


def _compare_and_report(arguments: argparse.Namespace, options: ComparisonOptions) -> int:
    with Outputs(list_outputs(arguments)) as outputs:
        return _compare_into(outputs, arguments, options)


def _compare_into(outputs: Outputs, arguments: argparse.Namespace, options: ComparisonOptions) -> int:
    logs = not arguments.quiet and outputs.prints_text
    progress_line, kept = ProgressLine(sys.stderr, lines=logs), RowCollector(options.keep)
    personal, finished = PersonalColumns(options.personal), dict[str, TableResult]()
    started = time.time()

    def finish(table: TableResult) -> None:
        finished[table.table] = table
        if outputs.streams:
            outputs.write_table(build_table_facts(table, kept.rows, personal, options.keep))

    observer = ComparisonObserver(
        on_progress=progress_line.progress,
        on_log=progress_line.log,
        on_table=progress_line.table,
        on_table_finished=finish,
        on_difference=kept.add,
    )
    failure: BaseException | None = None
    try:
        result = _compare(arguments, options, observer)
    except PassNotKept as error:
        result, failure = error.result, error
    except (KeyboardInterrupt, ParityError, psycopg.Error, OSError) as error:
        if not finished:
            raise
        result = _result_so_far(arguments, finished.values(), error, started)
    finally:
        progress_line.clear()
    outputs.write_result(build_facts(result, kept.rows, personal, options.keep))
    if failure:
        raise failure
    return exit_code(result)


def _result_so_far(
    arguments: argparse.Namespace, finished: Iterable[TableResult], error: BaseException, started: float
) -> ComparisonResult:
    """The tables that were compared before the comparison ended; what was found is true without the rest."""
    tables = list(finished)
    why = "it was stopped" if isinstance(error, KeyboardInterrupt) else mask_passwords(str(error))
    partial = f"after {len(tables)} tables it ended: {why}"
    kept = Path(arguments.keep_pass or arguments.resume or "")
    if kept.is_file() and kept.stat().st_mtime >= started:
        partial += f"; --resume {kept} goes on from there"
    source, target = ({"address": _shown_address(side)} for side in (arguments.source, arguments.target))
    return ComparisonResult("live", source, target, tables=tables, partial=partial, unsound=[partial])


def _shown_address(side: str) -> str:
    if Path(side).is_file():
        return side
    return shown_source_address(resolve_address(side)) or server_at(side).address


def _compare(
    arguments: argparse.Namespace, options: ComparisonOptions, observer: ComparisonObserver
) -> ComparisonResult:
    target = server_at(arguments.target)
    if Path(arguments.source).is_file():
        backup = server_at(arguments.backup) if arguments.backup else None
        return compare_before(
            read_fingerprint(Path(arguments.source)), target, options, observer, backup=backup
        )
    if kind_of_address(address := resolve_address(arguments.source)):
        refuse_kept_pass(keep=arguments.keep_pass, again=arguments.recheck or arguments.resume)
        return compare_source(address, target, options, observer)
    source = server_at(arguments.source)
    if arguments.recheck:
        return recheck(source, target, Path(arguments.recheck), options, observer)
    path = arguments.keep_pass or arguments.resume
    if not path:
        return compare_live(source, target, options, observer)
    result, sha256 = compare_and_keep_pass(
        source, target, Path(path), options, observer, resume=bool(arguments.resume)
    )
    observer.on_log(f"The pass is kept in {path}, SHA-256 {sha256}.")
    return result


if __name__ == "__main__":
    sys.exit(main())
