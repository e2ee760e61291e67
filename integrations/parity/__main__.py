"""``python -m integrations.parity SOURCE TARGET``: exit code 0 equal, 1 different, 2 could not compare."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg
import yaml

from integrations.errors import Problem
from integrations.parity import baseline
from integrations.parity.arguments import arguments, misfit, options, server
from integrations.parity.compare import compare_before, compare_live
from integrations.parity.declared import Misdeclared
from integrations.parity.options import Options
from integrations.parity.page import page
from integrations.parity.personal import Personal
from integrations.parity.recheck import keep_pass, recheck
from integrations.parity.report import COULD_NOT, DIFFERENT, EQUAL, Kept, facts_of, verdict
from integrations.parity.result import Result
from integrations.parity.snapshot import Snapshot
from integrations.parity.terminal import Live, text
from integrations.parity.watch import Watch
from integrations.redact import Redactor

__all__ = ["COULD_NOT", "DIFFERENT", "EQUAL", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Compares and tells; the exit code is the verdict."""
    parser = arguments()
    asked = parser.parse_args(argv)
    if reason := misfit(asked):
        parser.error(reason)
    try:
        chosen = options(asked)
        return _take(asked, chosen) if asked.take else _compare_and_tell(asked, chosen)
    except (Problem, Misdeclared, ValueError, OSError, psycopg.Error, yaml.YAMLError) as error:
        sys.stderr.write(f"Could not compare: {Redactor().text(str(error))}\n")
        return COULD_NOT
    except KeyboardInterrupt:
        sys.stderr.write("Stopped: the sessions on the servers are ended, and there is no result.\n")
        return COULD_NOT


def _take(asked: argparse.Namespace, chosen: Options) -> int:
    with Snapshot(server(asked.source), longest=chosen.longest) as snapshot:
        taken = baseline.take(snapshot, chosen.rules, chosen.totals, chosen.schemas, checks=chosen.checks)
    sha256 = baseline.write(taken, Path(asked.take))
    numbers = f"{len(taken.tables)} tables, {taken.rows} rows"
    sys.stdout.write(f"{numbers}, digest {taken.digest}, SHA-256 {sha256}\n")
    failed = [kept for kept in taken.tables if kept.failed]
    for kept in failed:
        sys.stderr.write(f"{kept.table.label} is not in it: {kept.failed}\n")
    return COULD_NOT if failed else EQUAL


def _compare_and_tell(asked: argparse.Namespace, chosen: Options) -> int:
    live, kept = Live(sys.stderr, lines=not (asked.quiet or asked.json)), Kept(chosen.keep)
    watch = Watch(progress=live.progress, log=live.log, table=live.table, difference=kept.add)
    try:
        result = _compare(asked, chosen, watch)
    finally:
        live.clear()
    facts = facts_of(result, kept.rows, Personal(chosen.personal), chosen.keep)
    sys.stdout.write(json.dumps(facts, indent=1) + "\n" if asked.json else text(facts))
    if asked.html:  # last: a full disk does not take the answer with it
        Path(asked.html).write_text(page(facts), encoding="utf-8")
    return verdict(result)


def _compare(asked: argparse.Namespace, chosen: Options, watch: Watch) -> Result:
    target = server(asked.target)
    if Path(asked.source).is_file():
        backup = server(asked.backup) if asked.backup else None
        return compare_before(baseline.read(Path(asked.source)), target, chosen, watch, backup=backup)
    source = server(asked.source)
    if asked.recheck:
        return recheck(source, target, Path(asked.recheck), chosen, watch)
    if not asked.keep_pass:
        return compare_live(source, target, chosen, watch)
    result, sha256 = keep_pass(source, target, Path(asked.keep_pass), chosen, watch)
    watch.log(f"The pass is kept in {asked.keep_pass}, SHA-256 {sha256}.")
    return result


if __name__ == "__main__":
    sys.exit(main())
