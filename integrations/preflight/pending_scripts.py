"""The SQL that a runbook's items will run in a database: pending migrations, and the alignment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from integrations.preflight.check import CheckScope, PlannedItem
from integrations.prisma.cli import Prisma
from integrations.prisma.migrations import read_migration_state
from integrations.sql_review.identifiers import TableName, read_names
from integrations.sql_review.parser import Node, ParsedStatement, SqlSyntaxError, parse_script
from integrations.systems import System

DEPLOYS = "prisma.deploy"
ALIGNS = ("prisma.align", "prisma.align_rehearse", "prisma.diff")
BASELINES = "prisma.baseline"
WITH_SCRIPTS = (
    100  # seconds for a check that reads the scripts: on a busy worker Prisma takes most of a minute
)


@dataclass(frozen=True)
class PendingScript:
    """A script that will run: a migration, or the diff to the datamodel (``is_diff``).

    The diff is taken from the live database as it is now: what the pending migrations do is in it as well.
    """

    name: str
    sql: str
    is_diff: bool = False

    def parse(self) -> list[ParsedStatement]:
        """Its statements; none where PostgreSQL's grammar refuses it, which the review of SQL reports."""
        try:
            return parse_script(self.sql)
        except SqlSyntaxError:
            return []


@dataclass(frozen=True)
class ChangedColumn:
    """A column whose type a script changes, or that it drops (or a whole table: ``column`` is empty).

    ``schema`` is empty where the script does not give it.
    """

    script: str
    line: int
    schema: str
    table: str
    column: str
    is_dropped: bool

    @property
    def label(self) -> str:
        """The table and column as people write them."""
        return ".".join(filter(None, (self.schema.replace("public", ""), self.table, self.column)))


def migrating_projects(scope: CheckScope) -> list[System]:
    """The Prisma projects whose migrations or alignment an item of the runbook brings to the database."""
    used = {item.params.get("prisma") for item in scope.items_of(DEPLOYS, *ALIGNS)}
    return [system for system in scope.systems_of("prisma") if system.name in used]


def read_pending_scripts(scope: CheckScope, project: System) -> tuple[PendingScript, ...]:
    """The scripts of one project, read once a run. Raises `Problem`; Prisma's command line runs for seconds.

    A migration that an item only marks as applied (the baseline) is not among them.
    """
    return scope.once.get(("pending scripts", project.name), lambda: tuple(_read(scope, project)))


def _read(scope: CheckScope, project: System) -> Iterator[PendingScript]:
    prisma = Prisma(project, attempt=f"preflight-{scope.now:%Y%m%d%H%M%S%f}")
    items = [item for item in scope.items.values() if item.params.get("prisma") == project.name]
    if _has(items, DEPLOYS):
        baselines = {item.params.get("migration") for item in items if item.action == BASELINES}
        database = System(project.name, "postgres", {"url": project.settings["database"]}, project.environ)
        with scope.database(database) as connection:
            state = read_migration_state(prisma.migrations, connection)
        for file in state.pending:
            if file.name not in baselines:
                yield PendingScript(file.name, file.sql)
    if _has(items, *ALIGNS):
        sql = prisma.diff()
        if sql:
            yield PendingScript("the alignment", sql, is_diff=True)


def _has(items: list[PlannedItem], *actions: str) -> bool:
    return any(item.action in actions for item in items)


def find_changed_columns(scripts: tuple[PendingScript, ...]) -> list[ChangedColumn]:
    """Every column whose type changes or that goes, each once: the first statement that does it."""
    found: dict[tuple[str, str, str], ChangedColumn] = {}
    for script in scripts:
        for statement in script.parse():
            for change in _changes_of(script, statement):
                found.setdefault((change.schema, change.table, change.column), change)
    return list(found.values())


def _changes_of(script: PendingScript, statement: ParsedStatement) -> Iterator[ChangedColumn]:
    node, line = statement.node, statement.line
    if statement.kind == "AlterTableStmt" and node.get("objtype") == "OBJECT_TABLE":
        schema, table = node["relation"].get("schemaname", ""), node["relation"]["relname"]
        for command in (each["AlterTableCmd"] for each in node["cmds"]):
            if command["subtype"] in ("AT_AlterColumnType", "AT_DropColumn"):
                is_dropped = command["subtype"] == "AT_DropColumn"
                yield ChangedColumn(script.name, line, schema, table, command["name"], is_dropped)
    if statement.kind == "DropStmt" and node["removeType"] == "OBJECT_TABLE":
        for item in node["objects"]:
            names = read_names(item["List"]["items"])
            yield ChangedColumn(script.name, line, "".join(names[-2:-1]), names[-1], "", True)


def find_altered_tables(scripts: tuple[PendingScript, ...]) -> set[TableName]:
    """The tables that some script alters or drops; the schema is empty where it is not given."""
    found = set()
    for script in scripts:
        for statement in script.parse():
            if statement.kind in ("AlterTableStmt", "RenameStmt") and "relation" in statement.node:
                found.add(_name_of(statement.node["relation"]))
            found |= {TableName(c.schema, c.table) for c in _changes_of(script, statement)}
    return found


def _name_of(relation: Node) -> TableName:
    return TableName(relation.get("schemaname", ""), relation["relname"])


def find_dropped_names(scripts: tuple[PendingScript, ...]) -> set[str]:
    """The names of views, triggers, policies and other objects that the scripts drop themselves."""
    return {
        read_names(item["List"]["items"])[-1]
        for script in scripts
        for statement in script.parse()
        if statement.kind == "DropStmt"
        for item in statement.node["objects"]
        if "List" in item
    }
