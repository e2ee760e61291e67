"""Reads why pg_restore or pg_dump failed: the object, what was said, whose fault it is, what helps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from integrations.clients.postgres_errors import IN_FUNCTION, mask_server_line

LONGEST = 900  # characters of what was said
ENTRY = re.compile(r"from TOC entry \d+; \d+ \d+ (?P<object>.+)")  # followed by its owner
PROGRAM = re.compile(r"^(pg_restore|pg_dump): ?")
ERROR = re.compile(r"^(pg_restore|pg_dump): (error|fatal):")
MISSING_NAME = re.compile(
    r"(relation|function|type|operator|view|table) .+ does not exist|operator does not exist"
)


class FaultOf(StrEnum):
    """What has to change before a restore can succeed."""

    BACKUP = "backup"  # its files: another backup helps
    PLACE = "place"  # the server or the login: the backup says nothing about it
    SOURCE = "source"  # a definition or rows in the source: a new backup fails in the same way
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RestoreFailure:
    """The first failure of a run. ``object`` is the archive's entry (“POLICY t p”), "" where none is named;
    ``said`` is PostgreSQL's or the program's own text, without values of rows, with the command."""

    object: str
    said: str
    fault: FaultOf
    remedy: str

    def __str__(self) -> str:
        """Object and text, without the remedy."""
        return f"{self.object}: {self.said}" if self.object else self.said


@dataclass(frozen=True)
class _Cause:
    pattern: str
    fault: FaultOf
    remedy: str


_CAUSES = (
    _Cause(
        r"extension .* is not available|could not open extension control file|no installation script",
        FaultOf.PLACE,
        "Install this extension on the server (its operating system's package, or the provider's switch), or "
        "name another server.",
    ),
    _Cause(
        r"permission denied|must be superuser|Must be superuser|must be owner|must be able to SET ROLE",
        FaultOf.PLACE,
        "Give the login this right there: event triggers and untrusted extensions need a superuser.",
    ),
    _Cause(
        r'role ".*" does not exist', FaultOf.PLACE, "CREATE ROLE … NOLOGIN there for each role that is named."
    ),
    _Cause(r'tablespace ".*" does not exist', FaultOf.PLACE, "Create the tablespace there."),
    _Cause(
        r"No space left|could not extend file|could not write",
        FaultOf.PLACE,
        "Make room on the server's disk.",
    ),
    _Cause(
        r"out of shared memory|max_locks_per_transaction",
        FaultOf.PLACE,
        "Raise max_locks_per_transaction there.",
    ),
    _Cause(
        r"language .* does not exist|could not access file|could not load library",
        FaultOf.PLACE,
        "Install the language or library that the source's server has.",
    ),
    _Cause(
        r"collation .* does not exist|could not open collator|locale .* (unknown|not)",
        FaultOf.PLACE,
        "Use a server with this collation: the same operating system, or one built with ICU.",
    ),
    _Cause(
        r"unrecognized configuration parameter|unsupported version",
        FaultOf.PLACE,
        "Use a server and a pg_restore of the source's version: name bin: in the system.",
    ),
    _Cause(
        r"server closed the connection|terminating connection|connection to (server|client)|could not connect"
        r"|canceling statement|SSL",
        FaultOf.PLACE,
        "The connection ended: see the server's log, then start this item again.",
    ),
    _Cause(
        r"already exists",
        FaultOf.PLACE,
        "The new database is not empty: something creates objects there (an event trigger, template0).",
    ),
    _Cause(
        r"violates|could not create unique index|is violated by some row",
        FaultOf.SOURCE,
        "Rows of the source itself break this rule: correct them there, then take a new backup.",
    ),
    _Cause(
        r"could not read|input file|unexpected end|did not find magic|could not uncompress|corrupt|invalid "
        r"(compressed|compression)|bogus|crc|checksum",
        FaultOf.BACKUP,
        "Take a new one.",
    ),
)


def read_failure(stderr: str, code: int) -> RestoreFailure:
    """The first failure in what a program wrote to its standard error."""
    lines = stderr.splitlines()
    at = next((n for n, line in enumerate(lines) if ERROR.search(line)), None)
    if at is None:
        return RestoreFailure("", f"it ended with code {code} and gave no reason", FaultOf.UNKNOWN, "")
    entry = next((found for line in reversed(lines[:at]) if (found := ENTRY.search(line))), None)
    text = _collect_text(lines[at:])
    said = " ".join(mask_server_line(line) for line in text)[:LONGEST].rstrip(" .;")
    fault, remedy = _find_cause(" ".join(text))
    return RestoreFailure(_without_owner(entry["object"]) if entry else "", said, fault, remedy)


def _without_owner(entry: str) -> str:
    """“TABLE DATA public members ama” without its last word; “(no owner)” are two."""
    words = entry.rstrip().removesuffix(" (no owner)")
    if words != entry.rstrip():
        return words.strip()
    return words.rpartition(" ")[0].strip() or words.strip()


def _collect_text(lines: list[str]) -> list[str]:
    """The error and everything that belongs to it, up to the program's next line."""
    kept = [ERROR.sub("", lines[0]).strip()]
    for line in lines[1:]:
        if PROGRAM.match(line):
            break
        if line.strip() and line.strip() != "^":
            kept.append(line.strip())
    return kept


def _find_cause(text: str) -> tuple[FaultOf, str]:
    function = IN_FUNCTION.search(text)
    if function and MISSING_NAME.search(text):
        return FaultOf.SOURCE, (
            f"The function {function[1]} names another object without its schema, and pg_dump and pg_restore "
            "run with an empty search_path. In the source: ALTER FUNCTION … SET search_path = …, or write "
            "the schema before the name; then take a new backup."
        )
    found = next((cause for cause in _CAUSES if re.search(cause.pattern, text)), None)
    return (found.fault, found.remedy) if found else (FaultOf.UNKNOWN, "")
