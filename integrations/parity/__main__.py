"""``python -m integrations.parity SOURCE TARGET``: exit code 0 equal, 1 different, 2 could not compare."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import yaml

from integrations.errors import Problem
from integrations.parity import baseline
from integrations.parity.compare import Options, compare_before, compare_live
from integrations.parity.declared import Misdeclared, read_rules
from integrations.parity.result import Result
from integrations.parity.snapshot import Server, Snapshot
from integrations.parity.totals import read_totals
from integrations.parity.watch import Watch

EQUAL, DIFFERENT, COULD_NOT = 0, 1, 2


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m integrations.parity", description=__doc__)
    parser.add_argument("source", metavar="SOURCE", help="URL of a database, or file of a fingerprint")
    parser.add_argument("target", metavar="TARGET", nargs="?", default="", help="URL of a database")
    parser.add_argument("--take", metavar="FILE", help="only take a fingerprint of SOURCE into FILE")
    parser.add_argument("--backup", metavar="URL", help="restored backup, to name rows of a fingerprint")
    parser.add_argument("--declared", metavar="FILE", help="YAML with declared: and totals:")
    parser.add_argument("--schema", action="append", default=[], help="only this schema (may be repeated)")
    parser.add_argument("--settle", type=float, default=0, help="ask rows that differ again after SECONDS")
    parser.add_argument("--json", action="store_true", help="print the whole result as JSON")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Compares and prints; the exit code is the verdict."""
    parser = arguments()
    asked = parser.parse_args(argv)
    if bool(asked.take) == bool(asked.target):
        parser.error("give TARGET, or --take FILE")
    try:
        options = _options(asked)
        if asked.take:
            return _take(asked, options)
        result = _compare(asked, options)
    except (Problem, Misdeclared, ValueError, OSError, psycopg.Error, yaml.YAMLError) as error:
        sys.stderr.write(f"Could not compare: {error}\n")
        return COULD_NOT
    sys.stdout.write(json.dumps(result.as_facts(), indent=1) + "\n" if asked.json else text(result))
    return verdict(result)


def verdict(result: Result) -> int:
    """What could not be compared is neither equal nor, by itself, different."""
    if result.equal:
        return EQUAL
    unsound = bool(result.unsound) or any(table.unsound for table in result.tables)
    proven = any(table.differing for table in result.tables) or len(result.problems) > unsound
    return DIFFERENT if proven else COULD_NOT


def _options(asked: argparse.Namespace) -> Options:
    given: Any = yaml.safe_load(Path(asked.declared).read_text()) if asked.declared else []
    parts = given if isinstance(given, dict) else {"declared": given or []}
    rules, totals = read_rules(parts.get("declared", [])), read_totals(parts.get("totals", []))
    return Options(rules, totals, tuple(asked.schema), asked.settle)


def _take(asked: argparse.Namespace, options: Options) -> int:
    with Snapshot(Server.at(asked.source)) as snapshot:
        taken = baseline.take(snapshot, options.rules, options.totals, options.schemas)
    sha256 = baseline.write(taken, Path(asked.take))
    numbers = f"{len(taken.tables)} tables, {taken.rows} rows"
    sys.stdout.write(f"{numbers}, digest {taken.digest}, SHA-256 {sha256}\n")
    return EQUAL if not any(kept.failed for kept in taken.tables) else COULD_NOT


def _compare(asked: argparse.Namespace, options: Options) -> Result:
    said = Watch(log=lambda line: None if asked.json else print(line, file=sys.stderr))  # noqa: T201
    target = Server.at(asked.target)
    if Path(asked.source).is_file():
        backup = Server.at(asked.backup) if asked.backup else None
        return compare_before(baseline.read(Path(asked.source)), target, options, said, backup=backup)
    return compare_live(Server.at(asked.source), target, options, said)


def text(result: Result) -> str:
    """The result for a terminal: the verdict, then what stands against it."""
    lines = [result.summary]
    for table in result.tables:
        lines += [f"  {table.table}: {reason}" for reason in table.unsound]
        lines += [f"  {table.table}: differs in {place}" for place in table.places]
        for example in table.examples:
            key = ", ".join(f"{name}={value}" for name, value in example.key.items())
            what = ", ".join(f"{name}: {pair[0]!r} → {pair[1]!r}" for name, pair in example.columns.items())
            lines.append(f"  {table.table} [{key}] {example.kind}: {what}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
