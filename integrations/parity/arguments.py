"""The command line: addresses, which may come from the environment, and all options of a comparison."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, NoReturn

import yaml

from integrations.parity.beyond_rows.object_registry import BY_NAME, STRUCTURE_CHOICES
from integrations.parity.beyond_rows.spot_checks import parse_spot_checks
from integrations.parity.beyond_rows.sql_rules import parse_sql_rules
from integrations.parity.beyond_rows.totals import parse_totals
from integrations.parity.errors import ParityError
from integrations.parity.masked_passwords import mask_passwords
from integrations.parity.model.announced import parse_announced
from integrations.parity.model.declared import parse_rules
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.snapshot import PostgresServer

EPILOG = """An address is a URL (postgresql://user@host/database), or env:NAME for the URL in a variable:
a password in a command line can be read by everyone on the machine. Passwords may also come
from PGPASSWORD or ~/.pgpass. Exit codes: 0 equal, 1 different, 2 could not compare."""

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
    )
    parser.add_argument("source", metavar="SOURCE", help="address of a database, or file of a fingerprint")
    parser.add_argument("target", metavar="TARGET", nargs="?", default="", help="address of a database")
    content = parser.add_argument_group("what is compared")
    _add_content_options(content)
    _add_object_options(content)
    _add_load_options(parser.add_argument_group("load on the servers"))
    _add_output_options(parser.add_argument_group("output"))
    return parser


def _add_content_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--take", type=_file, metavar="FILE", help="only take a fingerprint of SOURCE into FILE"
    )
    group.add_argument(
        "--backup", metavar="ADDRESS", help="restored backup, to name the rows that differ from a fingerprint"
    )
    group.add_argument("--keep-pass", type=_file, metavar="FILE", help="keep the full pass for --recheck")
    group.add_argument(
        "--recheck", type=_file, metavar="FILE", help="read only what changed since the pass kept in FILE"
    )
    group.add_argument(
        "--declared",
        type=_file,
        metavar="FILE",
        help="YAML with declared:, announced:, totals:, checks:, spots: and personal:",
    )
    group.add_argument("--schema", action="append", default=[], help="only this schema (may be repeated)")
    group.add_argument("--view", action="append", default=[], help="also this view (may be repeated)")
    group.add_argument(
        "--settle",
        type=float,
        default=0,
        metavar="SECONDS",
        help="read rows that differ again after that time",
    )
    group.add_argument(
        "--sample", type=float, default=0, metavar="PERCENT", help="compare only a part of the rows"
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
    number: dict[str, Any] = {"type": int, "default": 0, "metavar": "N"}
    group.add_argument("--workers", **number, help="connections per side (0: as the cores allow)")
    group.add_argument("--page-rate", **number, help="8 kB pages per second and side (0: no limit)")
    group.add_argument("--largest", **number, help="refuse tables with more pages (0: no limit)")
    group.add_argument(
        "--snapshot-age", type=int, default=3600, metavar="SECONDS", help="greatest age of a snapshot"
    )
    group.add_argument("--longest", type=int, default=1800, metavar="SECONDS", help="limit of one statement")


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--json", action="store_true", help="print the whole result as JSON")
    group.add_argument("--html", type=_file, metavar="FILE", help="write a report that any browser shows")
    group.add_argument(
        "--keep", type=int, default=1000, metavar="N", help="differing rows per table for the reports"
    )
    group.add_argument(
        "--personal",
        action="append",
        default=[],
        metavar="TABLE.COLUMN",
        help="hide the values of this column; both parts may contain * (may be repeated)",
    )
    group.add_argument("--quiet", action="store_true", help="do not log each table while it runs")


def _file(path: str) -> str:
    if "://" in path:  # every message about the file would show its password
        raise argparse.ArgumentTypeError("a file is wanted here, and this is an address")
    return path


def find_conflict(arguments: argparse.Namespace) -> str:
    """Why these arguments cannot be used together; empty when they can."""
    is_file = "://" not in arguments.source and Path(arguments.source).is_file()
    if bool(arguments.take) == bool(arguments.target):
        return "give TARGET, or --take FILE"
    if arguments.keep_pass and arguments.recheck:
        return "--keep-pass reads everything, --recheck does not: give one of them"
    if is_file and (arguments.keep_pass or arguments.recheck):
        return "--keep-pass and --recheck are for two live databases, and SOURCE is a file"
    if arguments.backup and not is_file:
        return "--backup names the rows of a fingerprint, and SOURCE is no file"
    if arguments.sample and (arguments.keep_pass or arguments.recheck):
        return "a sample is no full pass: --sample goes with neither --keep-pass nor --recheck"
    written = [path for path in (arguments.html, arguments.take, arguments.keep_pass) if path]
    closed = [path for path in written if not os.access(Path(path).parent, os.W_OK)]
    return f"{closed[0]} cannot be written: its folder is not there, or closed to us" if closed else ""


def server_at(address: str) -> PostgresServer:
    """The server of a URL or of ``env:NAME``; raises `ParityError` when it cannot be read."""
    return PostgresServer.from_url(resolve_address(address))


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
    return ComparisonOptions(
        rules=parse_rules(sections.get("declared") or []),
        totals=parse_totals(sections.get("totals") or []),
        schemas=tuple(arguments.schema),
        settle=arguments.settle,
        longest=arguments.longest,
        workers=arguments.workers,
        page_rate=arguments.page_rate,
        snapshot_age=arguments.snapshot_age,
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
