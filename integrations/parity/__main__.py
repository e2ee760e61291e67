"""``python -m integrations.parity SOURCE TARGET``: exit code 0 equal, 1 different, 2 could not compare."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import yaml

from integrations.parity.arguments import build_options, build_parser, find_conflict, server_at
from integrations.parity.engine.comparison import compare_before, compare_live
from integrations.parity.engine.fingerprint import read_fingerprint, take_fingerprint, write_fingerprint
from integrations.parity.engine.recheck import PassNotKept, compare_and_keep_pass, recheck
from integrations.parity.errors import ParityError
from integrations.parity.masked_passwords import mask_passwords
from integrations.parity.model.declared import InvalidRule
from integrations.parity.model.personal import PersonalColumns
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import COULD_NOT, DIFFERENT, EQUAL, RowCollector, build_facts, exit_code
from integrations.parity.report.html import render_page
from integrations.parity.report.terminal import ProgressLine, render_text
from integrations.parity.result import ComparisonResult, TableResult
from integrations.parity.server.snapshot import Snapshot

__all__ = ["COULD_NOT", "DIFFERENT", "EQUAL", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Compares and prints the findings; the exit code is the verdict."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if reason := find_conflict(arguments):
        parser.error(reason)
    try:
        options = build_options(arguments)
        return (
            _take_fingerprint(arguments, options)
            if arguments.take
            else _compare_and_report(arguments, options)
        )
    except RecursionError:
        sys.stderr.write("Could not compare: the file of --declared is nested too deeply.\n")
        return COULD_NOT
    except (ParityError, InvalidRule, ValueError, OSError, psycopg.Error, yaml.YAMLError) as error:
        sys.stderr.write(f"Could not compare: {mask_passwords(str(error))}\n")
        return COULD_NOT
    except KeyboardInterrupt:
        sys.stderr.write("Stopped: the sessions on the servers are ended, and there is no result.\n")
        return COULD_NOT


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
        sys.stderr.write(f"{kept.table.label} is not in it: {kept.failed}\n")
    return COULD_NOT if failed else EQUAL


def _compare_and_report(arguments: argparse.Namespace, options: ComparisonOptions) -> int:
    progress_line, kept = (
        ProgressLine(sys.stderr, lines=not (arguments.quiet or arguments.json)),
        RowCollector(options.keep),
    )
    finished: dict[str, TableResult] = {}
    started = time.time()
    observer = ComparisonObserver(
        on_progress=progress_line.progress,
        on_log=progress_line.log,
        on_table=progress_line.table,
        on_table_finished=lambda table: finished.__setitem__(table.table, table),
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
    facts = build_facts(result, kept.rows, PersonalColumns(options.personal), options.keep)
    _write(arguments, facts)
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
    kept = Path(arguments.keep_pass or "")
    if kept.is_file() and kept.stat().st_mtime >= started:
        partial += f"; --recheck {arguments.keep_pass} goes on from there"
    source, target = ({"address": _shown_address(side)} for side in (arguments.source, arguments.target))
    return ComparisonResult("live", source, target, tables=tables, partial=partial, unsound=[partial])


def _shown_address(side: str) -> str:
    return side if Path(side).is_file() else server_at(side).address


def _write(arguments: argparse.Namespace, facts: Mapping[str, Any]) -> None:
    """Prints the findings and writes the report: a full disk must not hide the one because of the other."""
    try:
        sys.stdout.write(json.dumps(facts, indent=1) + "\n" if arguments.json else render_text(facts))
        sys.stdout.flush()
    finally:
        if arguments.html:
            Path(arguments.html).write_text(render_page(facts), encoding="utf-8")


def _compare(
    arguments: argparse.Namespace, options: ComparisonOptions, observer: ComparisonObserver
) -> ComparisonResult:
    target = server_at(arguments.target)
    if Path(arguments.source).is_file():
        backup = server_at(arguments.backup) if arguments.backup else None
        return compare_before(
            read_fingerprint(Path(arguments.source)), target, options, observer, backup=backup
        )
    source = server_at(arguments.source)
    if arguments.recheck:
        return recheck(source, target, Path(arguments.recheck), options, observer)
    if not arguments.keep_pass:
        return compare_live(source, target, options, observer)
    result, sha256 = compare_and_keep_pass(source, target, Path(arguments.keep_pass), options, observer)
    observer.on_log(f"The pass is kept in {arguments.keep_pass}, SHA-256 {sha256}.")
    return result


if __name__ == "__main__":
    sys.exit(main())
