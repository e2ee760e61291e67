"""MySQL, MariaDB and SQLite as the source of `parity.compare`: their addresses, and what they cannot have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import quote, urlencode

from integrations.clients import postgres
from integrations.clients.mysql_address import MySqlAddress
from integrations.errors import Problem
from integrations.parity.options import ComparisonOptions
from integrations.parity.sources.mariadb_address import shown_source_address
from integrations.parity.sources.source_options import KNOWN_OPTIONS
from integrations.parity.sources.table_matching import KNOWN_RULES
from integrations.systems import System

POSTGRES = "postgres"
#: kind of system → the products that it may be, in words
OTHER_KINDS = {"mysql": "MySQL or MariaDB", "sqlite": "SQLite"}
#: Parameters that only two PostgreSQL databases can have: options of the engine, and both of a kept pass.
NOT_KNOWN = frozenset(
    {option.name for option in fields(ComparisonOptions)} - KNOWN_OPTIONS | {"keep_pass", "recheck"}
)


def is_other_kind(system: System | None) -> bool:
    """Whether this side is no PostgreSQL."""
    return system is not None and system.kind in OTHER_KINDS


def source_url(system: System) -> str:
    """The address of such a source as the comparison reads it, password included. Raises `Problem`."""
    if system.kind == "sqlite":
        return f"sqlite:///{quote(system['path'])}"
    address = MySqlAddress.parse(system["url"])
    if own := sorted({"ssl-cert", "ssl-key"} & address.files.keys()):
        raise Problem(
            f"The address of “{system.name}” names a certificate of its own ({', '.join(own)}).",
            means="A comparison signs in to MySQL and MariaDB with a password only.",
            next="Give the comparison a login with SELECT that needs no certificate.",
        )
    host = f"[{address.host}]" if ":" in address.host else address.host
    login = f"{quote(address.user, safe='')}:{quote(address.password, safe='')}"
    options = {"ssl-mode": address.tls, "socket": address.socket, **address.files}
    given = urlencode({name: value for name, value in options.items() if value})
    return f"mysql://{login}@{host}:{address.port}/{quote(address.database, safe='')}?{given}"


def describe_source(system: System) -> str:
    """Its address without secrets."""
    if not is_other_kind(system):
        return postgres.address(system["url"])
    shown = system["path"] if system.kind == "sqlite" else shown_source_address(source_url(system))
    return f"{shown} ({OTHER_KINDS[system.kind]})"


def caution_lines(system: System | None) -> Iterator[str]:
    """The lines of a preview about such a source."""
    if system is None or not is_other_kind(system):
        return
    yield (
        "The source is no PostgreSQL: rows, columns and next numbers are compared, and all other objects only"
        " listed. Differences that follow from the types are counted apart."
    )
    if system.kind == "sqlite":
        yield "While it reads the file, nobody can write to it, unless the file is in WAL mode."


def iterate_refusals(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each parameter that such a source cannot have, and why."""
    reason = "is not possible with a source that is no PostgreSQL: remove it."
    yield from ((name, reason) for name in sorted(NOT_KNOWN) if given.get(name))
    if given.get("structure") == "judged":
        yield "structure", reason
    kinds = dict.fromkeys(rule.kind for rule in given.get("declared") or () if rule.kind not in KNOWN_RULES)
    if kinds:
        yield (
            "declared",
            f"the kind {', '.join(kinds)} is not known for a source that is no PostgreSQL; these are:"
            f" {', '.join(sorted(KNOWN_RULES))}.",
        )
