"""What the CLI prints about its database is compared with the address of the system."""

from __future__ import annotations

import pytest

from integrations.errors import Problem
from integrations.prisma.cli_target import find_cli_target, refuse_other_target

OUTPUT = """Environment variables loaded from .env
Prisma schema loaded from prisma/schema.prisma
Datasource "db": PostgreSQL database "{}", schema "{}" at "{}"
"""


def refuse(url: str, database: str, schema: str, place: str) -> None:
    found = find_cli_target(OUTPUT.format(database, schema, place))
    assert found is not None
    refuse_other_target(found, url, ["DATABASE_URL", "DIRECT_URL"])


@pytest.mark.parametrize(
    ("url", "database", "schema", "place"),
    [
        ("postgresql://u:p@Db.example:5433/live", "live", "public", "db.example:5433"),
        ("postgresql://u:p@db.example/live?schema=app", "live", "app", "db.example"),
        ("postgresql://u:p@[::1]:5433/my%20db", "my%20db", "public", "[::1]:5433"),
    ],
)
def test_the_same_database_is_accepted(url: str, database: str, schema: str, place: str) -> None:
    refuse(url, database, schema, place)


@pytest.mark.parametrize(
    ("database", "schema", "place"),
    [
        ("prod", "public", "db.example:5432"),
        ("live", "app", "db.example:5432"),
        ("live", "public", "production.example:5432"),
        ("live", "public", "db.example:5433"),
    ],
)
def test_another_database_schema_or_server_is_refused(database: str, schema: str, place: str) -> None:
    with pytest.raises(Problem, match=rf"Prisma works in {place}/{database}, schema {schema}") as refused:
        refuse("postgresql://u:pw@db.example/live", database, schema, place)
    assert "db.example:5432/live" in refused.value.what
    assert "DATABASE_URL, DIRECT_URL" in refused.value.means
    assert "pw" not in str(refused.value)


def test_an_address_of_a_socket_has_no_place_to_compare() -> None:
    found = find_cli_target('Datasource "db": PostgreSQL database\n')
    assert found is not None
    refuse_other_target(found, "postgresql://u@/live?host=/run/postgresql", ["DATABASE_URL"])
    with pytest.raises(Problem):
        refuse_other_target(found, "postgresql://u@db.example/live", ["DATABASE_URL"])


def test_other_output_says_nothing_about_the_database() -> None:
    assert find_cli_target("Error: P1012") is None
