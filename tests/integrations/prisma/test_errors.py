"""Prisma's real error output is explained, with a remedy."""

from __future__ import annotations

import pytest

from integrations.errors import Unreachable
from integrations.prisma.errors import explain_failure, find_error_code

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
    problem = explain_failure(REAL[code], command="prisma migrate deploy", exit_code=1)
    assert code in problem.what
    assert problem.means
    assert problem.next
    assert "{" not in str(problem)
    assert isinstance(problem, Unreachable) == code.startswith("P100")


def test_the_remedies_name_the_items_and_the_migration() -> None:
    assert "Run the Baseline item" in explain_failure(REAL["P3005"], command="x", exit_code=1).next
    assert "--rolled-back 20991231000000_bad" in explain_failure(REAL["P3009"], command="x", exit_code=1).next
    failed = explain_failure(REAL["P3018"], command="x", exit_code=1)
    assert "division by zero" in failed.what
    assert "--rolled-back 20991231000000_bad" in failed.next


def test_a_failed_migration_is_known_without_its_code_too() -> None:
    assert find_error_code(ADAPTER) == "P3018"
    failed = explain_failure(ADAPTER, command="x", exit_code=1, engine="adapter")
    assert "(20991231000000_bad)" in failed.what
    assert "Error querying the database: ERROR: division by zero." in failed.what
    assert "UPDATE _prisma_migrations SET rolled_back_at" in failed.next


def test_an_unknown_error_keeps_prismas_own_message() -> None:
    problem = explain_failure("noise\nError: P9999\nsomething odd", command="prisma x", exit_code=3)
    assert "code 3 (P9999)" in problem.what


def test_missing_node_and_a_crashed_engine_are_told_apart() -> None:
    assert (
        "Node.js"
        in explain_failure("env: ‘node’: No such file or directory", command="x", exit_code=127).what
    )
    assert "crashed" in explain_failure("RuntimeError: unreachable\n at wasm", command="x", exit_code=1).what


@pytest.mark.parametrize(
    ("output", "where"),
    [
        (
            "Error code: P1012\nerror: Environment variable not found: DIRECT_URL.\n"
            "  -->  prisma/schema.prisma:7\n",
            " (prisma/schema.prisma, line 7)",
        ),
        ("Error: PrismaConfigEnvError: Missing required environment variable: DIRECT_URL", ""),
    ],
)
def test_a_missing_variable_is_named_with_its_line(output: str, where: str) -> None:
    problem = explain_failure(output, command="x", exit_code=1)
    assert problem.what == f"Prisma needs the variable DIRECT_URL, which is not set{where}."


def test_a_configuration_without_an_address_is_explained() -> None:
    said = "Error: The datasource.url property is required in your Prisma config file"
    assert "datasource: { url:" in explain_failure(said, command="x", exit_code=1).next


def test_what_follows_the_line_of_an_unknown_error_is_kept() -> None:
    said = "noise\nError: P3014\n\nPrisma Migrate could not create the shadow database.\n    at main (x.js:1)"
    what = explain_failure(said, command="x", exit_code=1).what
    assert "could not create the shadow database." in what
    assert "x.js" not in what


STRUCT = (
    'DbError { severity: "ERROR", parsed_severity: Some(Error), code: SqlState(E23505), message: "could not '
    'create unique index \\"one_email\\"", detail: Some("Key (email)=(ada@example.org) is duplicated."), '
    'hint: None, position: None, where_: None, schema: Some("public"), constraint: Some("one_email") }'
)


def failed_with(state: str, message: str, more: str = "") -> str:
    """As the native engine prints it (umami-software/umami#3729)."""
    return (
        "Error: P3018\n\nA migration failed to apply. New migrations cannot be applied before the error is "
        "recovered from. Read more about how to resolve migration issues in a production database: "
        f"https://pris.ly/d/migrate-resolve\n\nMigration name: 01_init\n\nDatabase error code: {state}\n\n"
        f"Database error:\nERROR: {message}\n\n{more}\n\n"
        "   0: sql_schema_connector::apply_migration::apply_script\n"
        '           with migration_name="01_init"\n'
    )


@pytest.mark.parametrize(
    ("state", "message", "advice"),
    [
        ("42P07", 'relation "user" already exists', "--applied 01_init"),
        ("23505", 'could not create unique index "one_email"', "Rows are in its way"),
        ("55P03", "canceling statement due to lock timeout", "Another session was in its way"),
        ("42501", "must be owner of table users", "role that owns the tables"),
        ("25006", "cannot execute ALTER TABLE in a read-only transaction", "freeze"),
        ("42703", 'column "x" does not exist', "correction in a new release"),
    ],
)
def test_a_failed_migration_gets_the_advice_of_its_cause(state: str, message: str, advice: str) -> None:
    for output in (
        failed_with(state, message),
        ADAPTER.replace("20991231000000_bad", "01_init").replace("division by zero", message),
    ):
        if state == "42703" and "external connector" in output:
            continue  # an adapter tells no state, and the message tells no class
        problem = explain_failure(output, command="prisma migrate deploy", exit_code=1)
        assert f"ERROR: {message}" in problem.what
        assert advice in problem.next


def test_what_the_database_said_of_a_failed_migration_is_complete_and_without_values() -> None:
    problem = explain_failure(
        failed_with("23505", "could not create unique index", STRUCT), command="x", exit_code=1
    )
    assert "DETAIL: Key (email)=(•••) is duplicated" in problem.what
    assert "ada@example.org" not in str(problem)
    assert "apply_script" not in str(problem)


#: what the CLI prints, by prisma.io/docs/orm/reference/error-reference and the issues named
MESSAGES = {
    "P1011": "Error: P1011: Error opening a TLS connection: self-signed certificate in certificate chain",
    "P1013": "Error: P1013: The provided database string is invalid. invalid port number in database URL.",
    "P1014": "Error: P1014\n\nThe underlying table for model `X` does not exist.",
    "P1017": "Error: P1017: Server has closed the connection.",
    "P3006": "Error: P3006\n\nMigration `20210401180847_init` failed to apply cleanly to the shadow.",
    "P3011": "Error: P3011\n\nMigration `x` cannot be rolled back because it was never applied.",
    "P3012": "Error: P3012\n\nMigration `x` cannot be rolled back because it is not in a failed state.",
    "P3014": "Error: P3014\n\nPrisma Migrate could not create the shadow database.\n\nOriginal error:\n"
    "ERROR: permission denied to create database",
    "P3015": "Error: P3015\n\nCould not find the migration file at prisma/migrations/1/migration.sql.",
    "P3019": "Error: P3019\n\nThe datasource provider `postgresql` does not match the lock file",
    "P3020": "Error: P3020\n\nThe automatic creation of shadow databases is disabled on Azure SQL.",
    "P3024": "Error: P3024\n\nSomething that a later version says.",
    "P4002": "Error: P4002\n\nThe schema of the introspected database was inconsistent: Cross schema",
    "P6001": "Error: P6001\n\nThe URL must start with the protocol prisma://",
}


@pytest.mark.parametrize("code", MESSAGES)
def test_the_complete_message_of_every_code_is_kept(code: str) -> None:
    box = "┌────────────────┐\n│  Update available 6 -> 7  │\n└────────────────┘\n"
    problem = explain_failure(
        f"noise\n{MESSAGES[code]}\n    at main (x.js:1)\n{box}", command="x", exit_code=1
    )
    for line in filter(None, MESSAGES[code].split("\n")):
        assert line.removeprefix("Error: ").rstrip(".") in problem.what
    for noise in ("x.js", "Update available", "noise"):
        assert noise not in problem.what
    assert problem.next


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ('Error: Schema engine error:\nERROR: prepared statement "s0" already exists', "direct address"),
        ("Error: ERROR: cannot execute CREATE TABLE in a read-only transaction", "freeze"),
        (
            "Error: Failed to fetch the engine at https://binaries.prisma.sh/x - 403",
            "host of the same system",
        ),
        ("Error: Could not locate the Schema Engine for runtime debian", "host of the same system"),
        ("thread 'main' panicked at 'unwrap on None'", "Status item"),
    ],
)
def test_errors_without_a_code_have_advice_of_their_own(output: str, words: str) -> None:
    problem = explain_failure(output, command="prisma migrate deploy", exit_code=1)
    assert words in problem.next
    assert output.split("\n")[-1].rstrip(".") in problem.what
