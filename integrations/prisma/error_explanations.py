"""What Prisma's errors mean, and which item of the runbook helps.

The codes are those of prisma.io/docs/orm/reference/error-reference.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorExplanation:
    """The three sentences for one code; ``{name}`` is the migration that Prisma names."""

    what: str
    means: str
    next: str
    unreachable: bool = False


EXPLANATIONS = {
    "P1000": ErrorExplanation(
        "The database refused the login (P1000).",
        "User or password in the database address are wrong. Nothing was changed.",
        "Correct the DATABASE_URL of this system and start the item again.",
        unreachable=True,
    ),
    "P1001": ErrorExplanation(
        "The database did not answer (P1001).",
        "Its server is down, its host or port is wrong, or the network is closed. Nothing was changed.",
        "Check that the server runs and can be reached from the worker, then start the item again.",
        unreachable=True,
    ),
    "P1002": ErrorExplanation(
        "The database answered too late (P1002).",
        "Mostly another session holds Prisma's migration lock (72707369): a deploy that still runs, or "
        "the connection that a killed one left behind. Nothing was changed.",
        "Look who holds it (the Status item says so), wait for it or end that session, then start again.",
        unreachable=True,
    ),
    "P1003": ErrorExplanation(
        "The database in the address does not exist (P1003).",
        "The server answers, but has no database of that name. Nothing was changed.",
        "Correct the database name in the address of this system and start the item again.",
        unreachable=True,
    ),
    "P1010": ErrorExplanation(
        "The database user may not do this (P1010).",
        "It lacks a privilege on the database or the schema.",
        "Use the role that owns the tables (the migrator) in the address of this system.",
    ),
    "P1012": ErrorExplanation(
        "Prisma does not accept its schema file (P1012).",
        "The file has a mistake, or was written for another version of Prisma. Nothing was changed.",
        "Correct the schema in the project, or use the Prisma version that it was written for.",
    ),
    "P3005": ErrorExplanation(
        "Prisma refuses a database that is not empty and has no migration table (P3005).",
        "It stopped before it changed anything. The tables are there already, so the first migration "
        "has to be marked as applied.",
        "Run the Baseline item (prisma.baseline) first, then this one again.",
    ),
    "P3008": ErrorExplanation(
        "The migration is recorded as applied already (P3008).",
        "Nothing was changed, and nothing is missing.",
        "Go on with the Deploy item.",
    ),
    "P3009": ErrorExplanation(
        "An earlier migration {name}failed, and Prisma applies nothing new on top of it (P3009).",
        "Nothing was changed now. The row of that migration in _prisma_migrations has no end.",
        "Look with the Status item what it left. If nothing of it is there: "
        "{rollback}, correct the cause, and start this item again. "
        "If all of it is there: `prisma migrate resolve --applied {target}`.",
    ),
    "P3017": ErrorExplanation(
        "The migration {name}is not in the project (P3017).",
        "The name is written wrong, or the project is of another release. Nothing was changed.",
        "Compare the name with the folders in prisma/migrations.",
    ),
    "P3018": ErrorExplanation(
        "A migration {name}failed in the database (P3018).",
        "The migrations before it are applied, and Prisma refuses all others until this one is resolved. Its "
        "native engine runs a file as one transaction and keeps nothing of this one; a driver adapter may "
        "run each statement by itself and keep those before the failing one: look with the Drift item.",
        "Read the database's error, correct its cause, then {rollback} "
        "and start this item again; or go back with the item that restores the backup.",
    ),
    "P1011": ErrorExplanation(
        "The database refused encryption, or its certificate is not trusted (P1011).",
        "Nothing was changed.",
        "Correct sslmode and sslcert in the address of this system; Prisma reads the certificate's path from "
        "the folder of the schema.",
        unreachable=True,
    ),
    "P1013": ErrorExplanation(
        "Prisma cannot read the database address (P1013).",
        "Often a sign in the password is not percent-encoded. Nothing was changed.",
        "Write @ as %40, / as %2F, # as %23 and ? as %3F in the password.",
    ),
    "P1017": ErrorExplanation(
        "The database closed the connection (P1017).",
        "It was restarted, it ended the session, or a pooler stands between. What was committed stays.",
        "Look with the Status item what was applied, and at the server's log, before you start again.",
        unreachable=True,
    ),
    "P3006": ErrorExplanation(
        "A migration cannot be applied to the shadow database (P3006).",
        "The live database was not changed. The migrations of the project do not build on each other from an "
        "empty database.",
        "Correct that migration in a new release, or put what it needs (an extension, a schema) before it.",
    ),
    "P3011": ErrorExplanation(
        "The migration {name}cannot be marked as rolled back: it was never applied (P3011).",
        "Nothing was changed.",
        "Compare the name with the Status item; start the Deploy item if it is pending.",
    ),
    "P3012": ErrorExplanation(
        "The migration {name}cannot be marked as rolled back: it did not fail (P3012).",
        "Nothing was changed: it is recorded as applied.",
        "Go on with the Deploy item.",
    ),
    "P3014": ErrorExplanation(
        "Prisma may not create its shadow database (P3014).",
        "The live database was not changed.",
        "Give this system a shadow: address of an empty database of its own, or the login CREATEDB.",
    ),
    "P3015": ErrorExplanation(
        "A folder in prisma/migrations has no migration.sql (P3015).",
        "The release is not complete. Nothing was changed.",
        "Fetch the release again, or delete the empty folder.",
    ),
    "P3019": ErrorExplanation(
        "The migrations of the project are for another kind of database (P3019).",
        "migration_lock.toml names another provider than the schema. Nothing was changed.",
        "Check that the project is the right one.",
    ),
    "P3020": ErrorExplanation(
        "The server does not let Prisma create a shadow database (P3020).",
        "The live database was not changed.",
        "Give this system a shadow: address of an empty database of its own.",
    ),
    "P4002": ErrorExplanation(
        "Prisma cannot read the schema of this database (P4002).",
        "Often a foreign key leads into a schema that the datasource does not name. Nothing was changed.",
        "Name that schema in schemas: of the datasource.",
    ),
}
#: SQLSTATE of the database's error, or its begin → what to do about a migration that failed with it
ADVICE_BY_STATE: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("42P07", "42701", "42710", "42P06", "42723"),
        "What it makes is there already, so marking it as rolled back and starting again fails in the same "
        "way. If all of it is there, and right: `prisma migrate resolve --applied {target}` (for the first "
        "migration the Baseline item). If only a part is there, remove that part first, then {rollback} and "
        "start this item again.",
    ),
    (
        ("22", "23"),
        "Rows are in its way: correct them, then {rollback} and start this item again; or go back with the "
        "item that restores the backup.",
    ),
    (
        ("55P03", "40P01", "40001", "57014"),
        "Another session was in its way: end it or wait for it, then {rollback} and start this item again.",
    ),
    (
        ("42501",),
        "The login lacks a right: use the role that owns the tables in the address of this system, then "
        "{rollback} and start this item again.",
    ),
    (
        ("25006",),
        "The database is read-only for this login: a freeze or a standby. Take the migrator's login out of "
        "the freeze, or name the primary; then {rollback} and start this item again.",
    ),
    (
        ("0A", "42", "2B", "55"),
        "The migration does not fit this database: it needs a correction in a new release. Then {rollback} "
        "and start this item again; or go back with the item that restores the backup.",
    ),
)
POOLER = r'prepared statement \\?"\w+\\?" (already exists|does not exist)'
#: pattern of an output that has no code of `EXPLANATIONS` → its meaning
EXPLANATIONS_BY_TEXT: tuple[tuple[str, ErrorExplanation], ...] = (
    (
        POOLER,
        ErrorExplanation(
            "The address leads through a connection pooler.",
            "A pooler in transaction mode hands Prisma's statements to several sessions "
            "(github.com/prisma/web/issues/1596). What was applied is not known from this.",
            "Look with the Status item first. Then give this system the direct address of the server.",
        ),
    ),
    (
        r"in a read-only transaction",
        ErrorExplanation(
            "The database is read-only for this login.",
            "A write freeze holds for it, or the address leads to a standby. Nothing was changed.",
            "Take the migrator's login out of the freeze, or name the primary; then start the item again.",
        ),
    ),
    (
        r"(?i)binaries\.prisma\.sh|(query|schema|migration)[- ]engine.*(could not|cannot) be (found|loaded)"
        r"|could not locate the .*engine|Unable to require|Failed to fetch .*engine|ENOENT.*engine",
        ErrorExplanation(
            "Prisma's engine is not installed where the worker runs.",
            "The CLI fetches it from the internet when it is installed, and this worker has none for its "
            "system. Nothing was changed.",
            "Install the project's packages on a host of the same system with access to it (npx prisma "
            "version shows the engines), or use a driver adapter.",
        ),
    ),
    (
        r"prisma://|\bP[56]\d{3}\b",
        ErrorExplanation(
            "The address leads to Prisma Accelerate or another service, not to the database.",
            "Migrations need the database itself. Nothing was changed.",
            "Give this system the direct address of the server.",
        ),
    ),
)
