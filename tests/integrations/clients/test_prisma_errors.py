"""Prisma's errors, as it truly prints them, come out in words with a remedy."""

from __future__ import annotations

import pytest

from integrations.clients.prisma_errors import code_of, explain
from integrations.errors import Unreachable

REAL = {
    "P1000": "Error: Authentication failed against database server, the credentials for `x` are not valid",
    "P1001": "Error: Can't reach database server at `127.0.0.1:1`",
    "P1002": "Error: P1002\n\nContext: Timed out trying to acquire a postgres advisory lock (72707369).",
    "P1003": "Error: Database `nonono` does not exist",
    "P3005": "Error: P3005\n\nThe database schema is not empty. Read more about how to baseline",
    "P3009": "Error: P3009\n\nThe `20991231000000_bad` migration started at 2026-11-22 22:55:41 UTC failed",
    "P3018": "Error: P3018\n\nMigration name: 20991231000000_bad\n\nDatabase error code: 22012\n\n"
    "Database error:\nERROR: division by zero\n\nDbError {",
}
ADAPTER = """Error: external connector error
Error querying the database: ERROR: division by zero
   0: sql_schema_connector::apply_migration::apply_script
           with migration_name="20991231000000_bad"
"""


@pytest.mark.parametrize("code", REAL)
def test_each_known_error_names_its_code_and_what_to_do(code: str) -> None:
    problem = explain(REAL[code], command="prisma migrate deploy", exit_code=1)
    assert code in problem.what
    assert problem.means
    assert problem.next
    assert "{" not in str(problem)
    assert isinstance(problem, Unreachable) == code.startswith("P100")


def test_the_remedies_name_the_items_and_the_migration() -> None:
    assert "Run the Baseline item" in explain(REAL["P3005"], command="x", exit_code=1).next
    assert "--rolled-back 20991231000000_bad" in explain(REAL["P3009"], command="x", exit_code=1).next
    failed = explain(REAL["P3018"], command="x", exit_code=1)
    assert "division by zero" in failed.what
    assert "--rolled-back 20991231000000_bad" in failed.next


def test_a_failed_migration_is_known_without_its_code_too() -> None:
    assert code_of(ADAPTER) == "P3018"
    failed = explain(ADAPTER, command="x", exit_code=1, way="adapter")
    assert "(20991231000000_bad)" in failed.what
    assert "The database says: ERROR: division by zero." in failed.what
    assert "UPDATE _prisma_migrations SET rolled_back_at" in failed.next


def test_an_unknown_error_keeps_prismas_own_words() -> None:
    problem = explain("noise\nError: P9999\nsomething odd", command="prisma x", exit_code=3)
    assert "code 3 (P9999)" in problem.what


def test_missing_node_and_a_crashed_engine_are_told_apart() -> None:
    assert "Node.js" in explain("env: ‘node’: No such file or directory", command="x", exit_code=127).what
    assert "crashed" in explain("RuntimeError: unreachable\n at wasm", command="x", exit_code=1).what
