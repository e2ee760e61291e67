"""Reads from the CLI's output in which database it works, and compares that with the system's address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from integrations.clients import postgres
from integrations.errors import Problem

#: The line that the commands of ``migrate`` print first (versions 5, 6 and 7), e.g. Datasource "db":
#: PostgreSQL database "app", schema "public" at "db.example.org:5432". Prisma leaves out what the address
#: does not have in front of its question mark, as that of a socket.
DATASOURCE = re.compile(
    r'^Datasource "[^"]*": PostgreSQL database(?: "(?P<database>[^"]*)")?'
    r'(?:, schemas? "(?P<schema>[^"]*)")?(?: at "(?P<place>[^"]*)")?',
    re.MULTILINE,
)
DEFAULT_SCHEMA, DEFAULT_PORT = "public", "5432"


@dataclass(frozen=True)
class CliTarget:
    """Database, schema and “host:port” of an address, as Prisma's CLI prints them."""

    database: str
    schema: str
    place: str

    def __str__(self) -> str:
        return f"{self.place}/{self.database}, schema {self.schema}"


def find_cli_target(output: str) -> CliTarget | None:
    """Returns what the CLI says about its database; None when it prints no such line."""
    found = DATASOURCE.search(output)
    if found is None:
        return None
    place = found["place"] or ""
    database = unquote(found["database"] or "")
    return CliTarget(database, found["schema"] or DEFAULT_SCHEMA, _with_port(place))


def expect_cli_target(url: str) -> CliTarget:
    """Returns what the CLI prints when it is given this address."""
    parts = urlsplit(url)
    schema = parse_qs(parts.query).get("schema", [DEFAULT_SCHEMA])[0]
    place = parts.netloc.rpartition("@")[2]
    # Prisma prints no name of a database without a host.
    database = unquote(parts.path.lstrip("/")) if place else ""
    return CliTarget(database, schema if place else DEFAULT_SCHEMA, _with_port(place))


def _with_port(place: str) -> str:
    """The host in small letters with its port, without the brackets of an IPv6 address."""
    host, colon, port = place.lower().rpartition(":")
    if not colon or not port.isdecimal():
        host, port = place.lower(), DEFAULT_PORT
    return f"{host.strip('[]')}:{port}"


def refuse_other_target(found: CliTarget, url: str, variables: Sequence[str]) -> None:
    """Raises `Problem` when the CLI works in another database than the one at ``url``."""
    expected = expect_cli_target(url)
    if found == expected:
        return
    raise Problem(
        f"Prisma works in {found}, and the panel checked {postgres.address(url)}, schema {expected.schema}.",
        means=f"The panel sets {', '.join(variables)} to its address, and something gives Prisma another. "
        "Nothing was changed.",
        next="Look in the project's prisma.config and .env files for an address that replaces the variable "
        "(dotenv with override), and in the command for a script that sets one; or correct database: of the "
        "system.",
    )
