"""The command line: addresses that may come from the environment, and every option of a comparison."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, NoReturn

import yaml

from integrations.errors import MissingVariable
from integrations.parity.checks import read_checks
from integrations.parity.declared import read_rules
from integrations.parity.options import Options
from integrations.parity.snapshot import Server
from integrations.parity.spots import read_spots
from integrations.parity.totals import read_totals
from integrations.redact import Redactor

EPILOG = """An address is a URL (postgresql://user@host/database), or env:NAME for the URL in a variable:
a password in a command line can be read by everyone on the machine. Passwords may also come
from PGPASSWORD or ~/.pgpass. Exit codes: 0 equal, 1 different, 2 could not compare."""

PARTS = ("declared", "totals", "checks", "spots", "personal")


class Parser(argparse.ArgumentParser):
    """Says what is wrong with arguments without the passwords that may be in them."""

    def error(self, message: str) -> NoReturn:
        """Usage and reason to stderr; exit code 2."""
        super().error(Redactor().text(message))


def arguments() -> Parser:
    """The command line."""
    parser = Parser(
        prog="python -m integrations.parity",
        description="Compares two PostgreSQL databases, every row of every table.",
        epilog=EPILOG,
    )
    parser.add_argument("source", metavar="SOURCE", help="address of a database, or file of a fingerprint")
    parser.add_argument("target", metavar="TARGET", nargs="?", default="", help="address of a database")
    _what(parser.add_argument_group("what is compared"))
    _load(parser.add_argument_group("load on the servers"))
    _output(parser.add_argument_group("what is told"))
    return parser


def _what(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--take", type=_file, metavar="FILE", help="only take a fingerprint of SOURCE into FILE"
    )
    group.add_argument("--backup", metavar="ADDRESS", help="restored backup, to name rows of a fingerprint")
    group.add_argument("--keep-pass", type=_file, metavar="FILE", help="keep the full pass for --recheck")
    group.add_argument(
        "--recheck", type=_file, metavar="FILE", help="read only what changed since the pass kept in FILE"
    )
    group.add_argument(
        "--declared", type=_file, metavar="FILE",
        help="YAML with declared:, totals:, checks:, spots: and personal:",
    )  # fmt: skip
    group.add_argument("--schema", action="append", default=[], help="only this schema (may be repeated)")
    group.add_argument("--view", action="append", default=[], help="this view, too (may be repeated)")
    group.add_argument(
        "--structure", choices=("told", "judged", "off"), default="told",
        help="whether indexes, constraints and the like that differ stand against “equal”",
    )  # fmt: skip
    group.add_argument(
        "--settle", type=float, default=0, metavar="SECONDS", help="ask rows that differ again after that"
    )
    group.add_argument(
        "--sample", type=float, default=0, metavar="PERCENT", help="a first look at a part of the rows"
    )


def _load(group: argparse._ArgumentGroup) -> None:
    number: dict[str, Any] = {"type": int, "default": 0, "metavar": "N"}
    group.add_argument("--workers", **number, help="connections a side (0: as the cores allow)")
    group.add_argument("--page-rate", **number, help="8 kB pages a second and side (0: no bound)")
    group.add_argument("--largest", **number, help="refuse tables with more pages (0: no bound)")
    group.add_argument(
        "--snapshot-age", type=int, default=3600, metavar="SECONDS", help="how old a snapshot may get"
    )
    group.add_argument("--longest", type=int, default=1800, metavar="SECONDS", help="limit of one statement")


def _output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--json", action="store_true", help="print the whole result as JSON")
    group.add_argument("--html", type=_file, metavar="FILE", help="write a report that any browser shows")
    group.add_argument(
        "--keep", type=int, default=1000, metavar="N", help="rows that differ kept a table, for the reports"
    )
    group.add_argument(
        "--personal", action="append", default=[], metavar="TABLE.COLUMN",
        help="hide the values of this column; both may hold * (may be repeated)",
    )  # fmt: skip
    group.add_argument("--quiet", action="store_true", help="no word on each table while it runs")


def _file(path: str) -> str:
    if "://" in path:  # its password would be in every message about the file
        raise argparse.ArgumentTypeError("a file is wanted here, and this is an address")
    return path


def misfit(asked: argparse.Namespace) -> str:
    """Why these arguments do not go together; “” when they do."""
    is_file = "://" not in asked.source and Path(asked.source).is_file()
    if bool(asked.take) == bool(asked.target):
        return "give TARGET, or --take FILE"
    if asked.keep_pass and asked.recheck:
        return "--keep-pass reads everything, --recheck does not: give one of them"
    if is_file and (asked.keep_pass or asked.recheck):
        return "--keep-pass and --recheck are for two live databases, and SOURCE is a file"
    if asked.backup and not is_file:
        return "--backup names the rows of a fingerprint, and SOURCE is no file"
    if asked.sample and (asked.keep_pass or asked.recheck):
        return "a sample is no full pass: --sample goes with neither --keep-pass nor --recheck"
    written = [path for path in (asked.html, asked.take, asked.keep_pass) if path]
    closed = [path for path in written if not os.access(Path(path).parent, os.W_OK)]
    return f"{closed[0]} cannot be written: its folder is not there, or closed to us" if closed else ""


def server(address: str) -> Server:
    """The server of a URL or of ``env:NAME``; raises `Problem` when there is none by that."""
    return Server.at(url_of(address))


def url_of(address: str) -> str:
    """The address itself, or what the variable of ``env:NAME`` holds."""
    if not address.startswith("env:"):
        return address
    name = address.removeprefix("env:")
    if not os.environ.get(name):
        raise MissingVariable(name)
    return os.environ[name]


def options(asked: argparse.Namespace) -> Options:
    """What the arguments and the YAML of ``--declared`` say together."""
    parts = _declared(asked.declared)
    return Options(
        rules=read_rules(parts.get("declared") or []),
        totals=read_totals(parts.get("totals") or []),
        schemas=tuple(asked.schema),
        settle=asked.settle,
        longest=asked.longest,
        workers=asked.workers,
        page_rate=asked.page_rate,
        snapshot_age=asked.snapshot_age,
        largest=asked.largest,
        sample=asked.sample,
        keep=asked.keep,
        views=tuple(asked.view),
        checks=read_checks(parts.get("checks") or []),
        spots=read_spots(parts.get("spots") or []),
        structure=asked.structure,
        personal=(*asked.personal, *_names(parts.get("personal"))),
    )


def _declared(path: str | None) -> dict[str, Any]:
    """The parts of the file; a bare list is its declared differences."""
    given: Any = yaml.safe_load(Path(path).read_text()) if path else {}
    parts = given if isinstance(given, dict) else {"declared": given}
    for name, part in parts.items():
        if name not in PARTS:
            raise ValueError(f"{path} has {name}; it may have {', '.join(PARTS)}")
        if not isinstance(part, list | None):
            raise ValueError(f"{path}: {name} must be a list, one a line, each with a dash")
    return parts


def _names(given: Any) -> tuple[str, ...]:
    names = given or []
    if not all(isinstance(name, str) and "." in name for name in names):
        raise ValueError("personal: must be a list of table.column")
    return tuple(names)
