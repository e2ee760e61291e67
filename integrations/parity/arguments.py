"""The command line: addresses, which may come from the environment, and all options of a comparison."""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import yaml

from integrations.parity import VERSION
from integrations.parity.argument_types import amount, condition, count, file, output, percent
from integrations.parity.beyond_rows.object_registry import BY_NAME, STRUCTURE_CHOICES
from integrations.parity.beyond_rows.spot_checks import parse_spot_checks
from integrations.parity.beyond_rows.sql_rules import parse_sql_rules
from integrations.parity.beyond_rows.totals import parse_totals
from integrations.parity.errors import ParityError
from integrations.parity.masked_passwords import mask_passwords
from integrations.parity.model.announced import parse_announced
from integrations.parity.model.declared import parse_rules
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.formats import FORMATS
from integrations.parity.server.snapshot import PostgresServer
from integrations.parity.sources.mariadb_address import kind_of_address

EPILOG = """An address is a URL (postgresql://user@host/database), or env:NAME for the URL in a variable:
a password in a command line can be read by everyone on the machine. Passwords may also come
from PGPASSWORD or ~/.pgpass. Exit codes: 0 equal, 1 different, 2 could not compare.

Examples:
  python -m integrations.parity env:OLD env:NEW                           everything
  python -m integrations.parity env:OLD env:NEW --table 'shop.*' --fail-fast   a first look
  python -m integrations.parity env:OLD env:NEW --where "orders=id > 1000"     some rows of a table
  python -m integrations.parity env:OLD env:NEW --settle 5                on a live system: what still differs
  python -m integrations.parity env:OLD env:NEW --keep-pass pass.json     the evening before
  python -m integrations.parity env:OLD env:NEW --recheck pass.json       in the downtime: only what changed
  python -m integrations.parity --config compare.yaml --output junit=parity.xml

Differences that are intended, other names and SQL for a column stand in the file of --declared:
  declared:
    - {kind: null_is_default, table: users, column: is_open, default: true}
    - {kind: renamed_table, table: users, to: members}
    - {kind: as, table: events, column: payload, source: "payload::jsonb"}
They are counted apart, and listed with everything that the verdict leaves out."""

SECTIONS = ("declared", "announced", "totals", "checks", "spots", "personal")


class ParityArgumentParser(argparse.ArgumentParser):
    """Reports wrong arguments without the passwords that may be in them."""

    def error(self, message: str) -> NoReturn:
        """Prints usage and reason to stderr, and exits with code 2."""
        super().error(mask_passwords(message))


def build_parser() -> ParityArgumentParser:
    """The parser of the command line."""
    parser = ParityArgumentParser(
        prog="python -m integrations.parity",
        description="Compares two PostgreSQL databases, every row of every table.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(sections={})  # those of the file of --config
    parser.add_argument("--version", action="version", version=describe_version())
    parser.add_argument(
        "--config", type=file, metavar="FILE", help="YAML with options of the same names, and with rules"
    )
    parser.add_argument(
        "source", metavar="SOURCE", nargs="?", default="", help="address, or file of a fingerprint"
    )
    parser.add_argument("target", metavar="TARGET", nargs="?", default="", help="address of a database")
    content = parser.add_argument_group("what is compared")
    _add_content_options(content)
    _add_object_options(content)
    _add_load_options(parser.add_argument_group("load on the servers"))
    _add_output_options(parser.add_argument_group("output"))
    return parser


def describe_version() -> str:
    """The version of the tool, and of what it runs on."""
    library = f"psycopg {psycopg.__version__} with libpq {psycopg.pq.version_pretty(psycopg.pq.version())}"
    return f"parity {VERSION} (Python {platform.python_version()}, {library})"


def _add_content_options(group: argparse._ArgumentGroup) -> None:
    repeated: dict[str, Any] = {"action": "append", "default": []}
    group.add_argument("--table", **repeated, metavar="PATTERN", help="only these tables: orders, 'shop.*'")
    group.add_argument("--exclude", **repeated, metavar="PATTERN", help="not these tables")
    group.add_argument(
        "--where",
        **repeated,
        type=condition,
        metavar="TABLE=CONDITION",
        help="only rows of the table for which this SQL is true, on both sides",
    )
    group.add_argument("--schema", **repeated, help="only this schema")
    group.add_argument("--view", **repeated, help="also this view")
    group.add_argument(
        "--declared",
        type=file,
        metavar="FILE",
        help="YAML with declared:, announced:, totals:, checks:, spots: and personal:",
    )
    _add_pass_options(group)
    group.add_argument(
        "--settle",
        type=amount,
        default=0,
        metavar="SECONDS",
        help="read rows that differ again after that time",
    )
    group.add_argument(
        "--sample", type=percent, default=0, metavar="PERCENT", help="compare only a part of the rows"
    )
    group.add_argument("--fail-fast", action="store_true", help="end at the first table that is not equal")
    group.add_argument(
        "--limit", type=count, default=0, metavar="N", help="end after N rows that differ (0: never)"
    )


def _add_pass_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--take", type=file, metavar="FILE", help="only take a fingerprint of SOURCE into FILE"
    )
    group.add_argument(
        "--backup", metavar="ADDRESS", help="restored backup, to name the rows that differ from a fingerprint"
    )
    group.add_argument(
        "--keep-pass", type=file, metavar="FILE", help="keep the full pass for --recheck, while it is made"
    )
    group.add_argument(
        "--resume",
        type=file,
        metavar="FILE",
        help="go on with the pass in FILE, which was stopped, and keep it",
    )
    group.add_argument(
        "--recheck", type=file, metavar="FILE", help="read only what changed since the pass kept in FILE"
    )


def _add_object_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--structure",
        choices=STRUCTURE_CHOICES,
        default="levels",
        help="which different objects count against “equal”: those of each kind by its level, all, none",
    )
    group.add_argument(
        "--judge",
        action="append",
        default=[],
        metavar="KIND",
        choices=sorted(BY_NAME),
        help="differences of this kind of objects count too, such as “indexes” (may be repeated)",
    )


def _add_load_options(group: argparse._ArgumentGroup) -> None:
    number: dict[str, Any] = {"type": count, "default": 0, "metavar": "N"}
    group.add_argument("--workers", **number, help="connections per side (0: as the cores allow)")
    group.add_argument("--page-rate", **number, help="8 kB pages per second and side (0: no limit)")
    group.add_argument("--largest", **number, help="refuse tables with more pages (0: no limit)")
    group.add_argument(
        "--snapshot-age", type=count, default=3600, metavar="SECONDS", help="greatest age of a snapshot"
    )
    group.add_argument(
        "--renew-snapshots",
        action="store_true",
        help="read on in a new snapshot when one has that age, and say so, instead of refusing the table",
    )
    group.add_argument(
        "--longest", type=count, default=1800, metavar="SECONDS", help="limit of one statement"
    )


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--output",
        type=output,
        action="append",
        default=[],
        metavar="FORMAT[=FILE]",
        help=f"{', '.join(FORMATS)}; printed, or written into a file (may be repeated)",
    )
    group.add_argument("--json", action="store_true", help="the same as --output json")
    group.add_argument("--html", type=file, metavar="FILE", help="the same as --output html=FILE")
    group.add_argument(
        "--keep", type=count, default=1000, metavar="N", help="differing rows per table for the reports"
    )
    group.add_argument(
        "--personal",
        action="append",
        default=[],
        metavar="TABLE.COLUMN",
        help="hide the values of this column; both parts may contain * (may be repeated)",
    )
    group.add_argument("--quiet", action="store_true", help="do not log each table while it runs")


def server_at(address: str) -> PostgresServer:
    """The server of a URL or of ``env:NAME``; raises `ParityError` when it cannot be read."""
    url = resolve_address(address)
    if kind_of_address(url):
        raise ParityError(
            "A database that is no PostgreSQL can be only the source of a comparison.",
            next="Give it as SOURCE, with a PostgreSQL database as TARGET; no fingerprint is taken of it.",
        )
    return PostgresServer.from_url(url)


def resolve_address(address: str) -> str:
    """The address itself, or the value of the variable in ``env:NAME``."""
    if not address.startswith("env:"):
        return address
    name = address.removeprefix("env:")
    if not os.environ.get(name):
        raise ParityError(
            f"The variable {name} is not set.",
            means=f"The address env:{name} is read from it.",
            next=f"Set {name}, or give the address itself.",
        )
    return os.environ[name]


def build_options(arguments: argparse.Namespace) -> ComparisonOptions:
    """The options from the arguments and from the YAML file of ``--declared``."""
    sections = _read_sections(arguments.declared)
    for name, entries in arguments.sections.items():
        sections[name] = [*entries, *(sections.get(name) or [])]
    return ComparisonOptions(
        rules=parse_rules(sections.get("declared") or []),
        totals=parse_totals(sections.get("totals") or []),
        schemas=tuple(arguments.schema),
        settle=arguments.settle,
        longest=arguments.longest,
        workers=arguments.workers,
        page_rate=arguments.page_rate,
        snapshot_age=arguments.snapshot_age,
        renew_snapshots=arguments.renew_snapshots,
        largest=arguments.largest,
        sample=arguments.sample,
        keep=arguments.keep,
        views=tuple(arguments.view),
        checks=parse_sql_rules(sections.get("checks") or []),
        spots=parse_spot_checks(sections.get("spots") or []),
        structure=arguments.structure,
        judge=tuple(arguments.judge),
        announced=parse_announced(sections.get("announced") or []),
        personal=(*arguments.personal, *_names(sections.get("personal"))),
        refuse_personal=True,
        tables=tuple(arguments.table),
        exclude=tuple(arguments.exclude),
        where=tuple(arguments.where),
        fail_fast=arguments.fail_fast,
        limit=arguments.limit,
    )


def _read_sections(path: str | None) -> dict[str, Any]:
    """The sections of the file; a plain list is the section ``declared``."""
    given: Any = yaml.safe_load(Path(path).read_text()) if path else {}
    sections = given if isinstance(given, dict) else {"declared": given}
    for name, section in sections.items():
        if name not in SECTIONS:
            raise ValueError(f"{path} has {name}; it may have {', '.join(SECTIONS)}")
        if not isinstance(section, list | None):
            raise ValueError(f"{path}: {name} must be a list, one a line, each with a dash")
    return sections


def _names(given: Any) -> tuple[str, ...]:
    names = given or []
    if not all(isinstance(name, str) and "." in name for name in names):
        raise ValueError("personal: must be a list of table.column")
    return tuple(names)
