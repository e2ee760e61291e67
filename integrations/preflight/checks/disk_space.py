"""The panel's disk has room for the backups, and each database server for what is written there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from integrations import processes
from integrations.backups.archive import measure_disk_space
from integrations.backups.dump import estimate_size
from integrations.clients.postgres import Connection
from integrations.errors import Problem
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.database_uses import DatabaseUse
from integrations.preflight.databases import PlannedDatabase, PlannedLogin, ask_databases, ask_logins
from integrations.preflight.pending_scripts import (
    WITH_SCRIPTS,
    find_altered_tables,
    migrating_projects,
    read_pending_scripts,
)
from integrations.preflight.questions import Question
from integrations.preflight.result import CheckResult
from integrations.sizes import format_bytes
from integrations.sql_review.identifiers import TableName

COPIES = 2  # one that is kept, and one that is being restored
WRITTEN_TWICE = 2  # an altered table is written anew, and once more to the WAL
DATABASE_SIZE = "select pg_database_size(current_database())"
SIZES = """
select n.nspname, c.relname, pg_total_relation_size(c.oid) from pg_class c
  join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and c.relname = any(%s)
"""
SESSION = "select pg_backend_pid(), current_database()"
ASKED = "free bytes against those that the items need at most"


@preflight_check("disk.panel", "The panel's disk has room for the backups", texts_shown=True)
def check_panel_disk(scope: CheckScope) -> Iterator[CheckResult]:
    """The sizes of the tables to back up, for each backup that was not taken yet, and the free bytes here."""
    needed: list[int] = []

    def measure(connection: Connection, login: PlannedLogin) -> Iterator[CheckResult]:
        open_items = [key for key in login.items(DatabaseUse.BACK_UP) if key not in scope.evidence]
        needed.append(len(open_items) * estimate_size(connection))
        yield from ()

    yield from ask_logins(scope, "size of the backups", measure, DatabaseUse.BACK_UP)
    if not needed:
        return
    items = tuple(item.key for item in scope.items_of("backup.take"))
    question = Question("panel: disk", ASKED, items=items)
    space = measure_disk_space(scope.folder / "backups", sum(needed))
    if space.suffices:
        yield question.green(f"For the backups that are not taken yet: {space}.")
    else:
        change = f"Free space in {space.folder}, or keep the panel's data elsewhere (CUTOVER_DATA)."
        yield question.red(f"For the backups that are not taken yet: {space}.", change)


@preflight_check(
    "postgres.disk",
    "Each database server has room for copies and altered tables",
    seconds=WITH_SCRIPTS,
    texts_shown=True,
)
def check_server_disks(scope: CheckScope) -> Iterator[CheckResult]:
    """Sizes from the servers; the free bytes where the server runs on the worker's host."""
    sizes: dict[str, int] = {}

    def measure(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        sizes[database.address] = int(_value(connection, DATABASE_SIZE))
        yield from ()

    yield from ask_databases(scope, "size of the database", measure, DatabaseUse.BACK_UP)

    def check(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
        needs = _DiskNeeds()
        if database.needs(DatabaseUse.KEEP_COPIES) and sizes:
            needs.add(COPIES * max(sizes.values()), f"{COPIES} copies of the largest database")
        if database.needs(DatabaseUse.RESTORE_OVER) and database.address in sizes:
            needs.add(sizes[database.address], "a restored copy beside the live database")
        if database.needs(DatabaseUse.MIGRATE):
            _add_altered(scope, connection, database, needs)
        yield _judge(connection, database, needs)

    uses = (DatabaseUse.KEEP_COPIES, DatabaseUse.RESTORE_OVER, DatabaseUse.MIGRATE)
    yield from ask_databases(scope, "free disk", check, *uses)


@dataclass
class _DiskNeeds:
    """Bytes that are needed at most, with what for; ``unknown`` says what could not be added."""

    total: int = 0
    parts: list[str] = field(default_factory=list)
    unknown: str = ""

    def add(self, count: int, what: str) -> None:
        self.total += count
        self.parts.append(f"{what}: {format_bytes(count)}")

    def __str__(self) -> str:
        return f"At most {format_bytes(self.total)} are needed ({'; '.join(self.parts) or 'nothing known'})."


def _add_altered(
    scope: CheckScope, connection: Connection, database: PlannedDatabase, needs: _DiskNeeds
) -> None:
    altered = set[TableName]()
    for project in migrating_projects(scope):
        if project.name in database.systems:
            try:
                altered |= find_altered_tables(read_pending_scripts(scope, project))
            except Problem as problem:
                needs.unknown = f"Which tables are altered is not known: {problem.what}"
    rows = connection.execute(SIZES, [[table.name for table in altered]]).fetchall()
    found = [size for schema, name, size in rows if {TableName(schema, name), TableName("", name)} & altered]
    if found:
        needs.add(WRITTEN_TWICE * sum(found), f"{len(found)} altered tables and their WAL")


def _judge(connection: Connection, database: PlannedDatabase, needs: _DiskNeeds) -> CheckResult:
    question = database.question("free disk", ASKED)
    if needs.unknown:
        return question.unknown(f"{needs.unknown} {needs}", "Remove the cause, then check again.")
    folder = _find_data_folder(connection)
    if folder is None:
        seen = f"{needs} PostgreSQL does not tell how much is free on its disk."
        change = f"Ask its operator whether {format_bytes(needs.total)} are free, beside what it needs daily."
        return question.amber(seen, change)
    free = shutil.disk_usage(folder).free
    seen = f"{needs} {format_bytes(free)} are free in {folder}, on this host."
    return question.green(seen) if free > needs.total else question.red(seen, f"Free space in {folder}.")


def _find_data_folder(connection: Connection) -> Path | None:
    """The server's data folder, where its process for our session is one of this host; None otherwise.

    PostgreSQL's processes work in that folder, and show the database in their command line.
    """
    row = connection.execute(SESSION).fetchone()
    assert row is not None
    return processes.find_folder(row[0], ["postgres", row[1]])


def _value(connection: Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])
