"""Assesses views, sequences, triggers, settings, locks and maintenance."""

from __future__ import annotations

from collections.abc import Callable

from integrations.sql_review.assessment import LOCKS, STRONGEST_LOCK, Assessment, ChangeClass
from integrations.sql_review.identifiers import read_names
from integrations.sql_review.indexes import refuse_in_transaction
from integrations.sql_review.parser import ParsedStatement, find_nodes
from integrations.sql_review.script_state import ScriptState
from integrations.sql_review.tables import ScriptTable
from integrations.sql_review.types_and_extensions import (
    assess_alter_enum,
    assess_create_schema,
    assess_create_type,
    assess_extension,
)


def assess_create_relation(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """CREATE VIEW and CREATE SEQUENCE."""
    node, result = statement.node, Assessment().add(ChangeClass.ADDITIVE)
    relation = node.get("view") or node["sequence"]
    taken = state.describe_taken(relation)
    if taken and node.get("if_not_exists"):
        return Assessment().add(ChangeClass.METADATA, note="exists already: nothing happens")
    if taken and not node.get("replace"):
        return result.refuse(f"{taken} exists already (42P07)")
    if "view" in node:
        found = state.render(node["query"])
        columns = state.catalog.describe(found.sql)
        why = state.catalog.refusal(found.sql)
        if why:
            return result.refuse(why)
        name = state.name_of(relation)
        before = state.find_table(relation)
        if before is not None and columns is not None and not before.is_assumed:
            old, new = list(before.columns), [column.name for column in columns]
            if new[: len(old)] != old:
                return result.refuse(
                    f"{before} has other columns, and a view cannot lose or rename any (42P16)"
                )
        view = ScriptTable(name, name.quoted, kind="v", is_new=True, unknown=found.unknown, query=found.sql)
        view.uses = state.columns_used(node["query"])
        view.columns = {column.name: column for column in columns or []}
        view.is_assumed = columns is None
        state.tables[name] = view
        return result.take_lock("ACCESS SHARE", *state.touched(node["query"]))
    state.other_names["", state.name_of(relation)] = True
    return result


def assess_trigger(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """CREATE TRIGGER: from then on it may change what statements write."""
    node, result = statement.node, Assessment().add(ChangeClass.ADDITIVE)
    table = state.find_table(node["relation"])
    if table is None:
        return result.refuse(f"there is no table {node['relation']['relname']} at this point (42P01)")
    sql = "SELECT 1 FROM pg_trigger WHERE tgrelid = %s AND tgname = %s"
    if not node.get("replace") and table.oid and state.catalog.query(sql, [table.oid, node["trigname"]]):
        return result.refuse(f"{table} has a trigger {node['trigname']} already (42710)")
    table.has_triggers = True
    return result.take_lock("SHARE ROW EXCLUSIVE", table)


def assess_policy(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """CREATE POLICY, CREATE RULE: whom or what a table answers from then on."""
    relation = statement.node.get("table") or statement.node["relation"]
    table, result = state.find_table(relation), Assessment().add(ChangeClass.METADATA)
    if table is None:
        return result.refuse(f"there is no table {relation['relname']} at this point (42P01)")
    note = "changes which rows its readers see, or what their statements do"
    table.unknown = (
        table.unknown if statement.kind == "CreatePolicyStmt" else table.unknown or "a rule changes it"
    )
    return result.add(note=note).take_lock(STRONGEST_LOCK, table)


def assess_publication(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """CREATE PUBLICATION, CREATE STATISTICS, COMMENT: the catalog only."""
    lock = "SHARE UPDATE EXCLUSIVE"
    result = Assessment().add(ChangeClass.METADATA).take_lock(lock, *state.require(statement.node))
    names = [each["name"] for each in find_nodes(statement.node, "StatsElem") if "name" in each]
    absent = [name for name in names for table in state.touched(statement.node) if name not in table.columns]
    if len(set(names)) < len(names):
        return result.refuse("a column is named twice (42701)")
    if absent and state.catalog.conn is not None:
        return result.refuse(f"there is no column {', '.join(absent)} (42703)")
    return result


def assess_comment(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """COMMENT ON."""
    result = Assessment().add(ChangeClass.METADATA)
    if statement.node["objtype"] in ("OBJECT_TABLE", "OBJECT_COLUMN"):
        names = read_names(statement.node["object"]["List"]["items"])
        names = names[:-1] if statement.node["objtype"] == "OBJECT_COLUMN" else names
        relation = {"relname": names[-1], **({"schemaname": names[-2]} if len(names) > 1 else {})}
        table = state.find_table(relation)
        if table is None:
            return result.refuse(f"there is no table {names[-1]} at this point (42P01)")
        result.take_lock("SHARE UPDATE EXCLUSIVE", table)
    return result


def assess_lock(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """LOCK TABLE."""
    lock = LOCKS[statement.node.get("mode", 8)]
    return Assessment().add(ChangeClass.METADATA).take_lock(lock, *state.require(statement.node))


def assess_maintenance(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """ANALYZE, VACUUM, CLUSTER, REINDEX, REFRESH."""
    node, kind = statement.node, statement.kind
    words = {each["defname"] for each in find_nodes(node, "DefElem")}
    tables = state.require(node)
    if kind == "VacuumStmt" and not node.get("is_vacuumcmd"):
        return (
            Assessment()
            .add(ChangeClass.METADATA, note="reads a sample")
            .take_lock("SHARE UPDATE EXCLUSIVE", *tables)
        )
    result = Assessment()
    if kind == "VacuumStmt":
        refuse_in_transaction(result, state, "VACUUM")
        if "full" not in words:
            result.add(ChangeClass.METADATA, note="reads and writes go on")
            return result.take_lock("SHARE UPDATE EXCLUSIVE", *tables)
    if kind == "ReindexStmt":
        lock = "SHARE UPDATE EXCLUSIVE" if "concurrently" in words else "SHARE"
        if "concurrently" in words:
            refuse_in_transaction(result, state, "REINDEX CONCURRENTLY")
        return result.add(ChangeClass.REWRITES, ChangeClass.LONG_LOCK).take_lock(lock, *tables)
    if kind == "RefreshMatViewStmt":
        lock = "EXCLUSIVE" if node.get("concurrent") else STRONGEST_LOCK
        for table in tables:
            table.unknown = table.unknown or f"statement {state.number} makes it anew"
        return result.add(ChangeClass.REWRITES, ChangeClass.LONG_LOCK, ChangeClass.CAN_FAIL).take_lock(
            lock, *tables
        )
    return result.add(ChangeClass.REWRITES, ChangeClass.LONG_LOCK).take_lock(STRONGEST_LOCK, *tables)


def assess_setting(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """SET: a search path changes what later names mean."""
    node = statement.node
    if node.get("name") == "search_path" and node.get("kind") == "VAR_SET_VALUE":
        found = [each.get("sval", {}).get("sval", "") for each in find_nodes(node.get("args"), "A_Const")]
        state.search_path = [name for name in found if name] or None
    return Assessment().add(ChangeClass.METADATA)


def assess_transaction(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """BEGIN, COMMIT and the like."""
    kind = statement.node["kind"]
    if kind in ("TRANS_STMT_BEGIN", "TRANS_STMT_START"):
        state.in_transaction = state.began_explicitly = True
    elif kind in ("TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK"):
        state.new_labels.clear()
        state.in_transaction = state.began_explicitly = False
    result = Assessment().add(ChangeClass.METADATA)
    if kind.startswith("TRANS_STMT_ROLLBACK"):
        state.hide_everything(f"statement {state.number} takes back what was done")
    return result


def assess_unclear(statement: ParsedStatement, state: ScriptState) -> Assessment:
    """DROP OWNED, DROP DATABASE and other statements with wide effects."""
    state.hide_everything(f"statement {state.number} may have changed it")
    note = "it may remove anything: read it"
    return Assessment().add(ChangeClass.DESTRUCTIVE, ChangeClass.NOT_UNDERSTOOD, note=note)


OTHER_ASSESSORS: dict[str, Callable[[ParsedStatement, ScriptState], Assessment]] = {
    "CreateEnumStmt": assess_create_type,
    "CompositeTypeStmt": assess_create_type,
    "CreateDomainStmt": assess_create_type,
    "CreateRangeStmt": assess_create_type,
    "AlterEnumStmt": assess_alter_enum,
    "CreateExtensionStmt": assess_extension,
    "CreateSchemaStmt": assess_create_schema,
    "ViewStmt": assess_create_relation,
    "CreateSeqStmt": assess_create_relation,
    "CreateTrigStmt": assess_trigger,
    "CreatePolicyStmt": assess_policy,
    "RuleStmt": assess_policy,
    "CreatePublicationStmt": assess_publication,
    "CreateStatsStmt": assess_publication,
    "CommentStmt": assess_comment,
    "LockStmt": assess_lock,
    "VacuumStmt": assess_maintenance,
    "ClusterStmt": assess_maintenance,
    "ReindexStmt": assess_maintenance,
    "RefreshMatViewStmt": assess_maintenance,
    "VariableSetStmt": assess_setting,
    "TransactionStmt": assess_transaction,
    "DropOwnedStmt": assess_unclear,
    "DropdbStmt": assess_unclear,
}


#: Statements that are of one class whatever they name.
KINDS_OF_CLASS: dict[ChangeClass, set[str]] = {
    ChangeClass.ADDITIVE: {"CreateFunctionStmt", "CreateRoleStmt"},
    ChangeClass.METADATA: {
        "GrantStmt",
        "GrantRoleStmt",
        "AlterOwnerStmt",
        "AlterSeqStmt",
        "AlterDefaultPrivilegesStmt",
        "AlterDatabaseSetStmt",
        "AlterRoleStmt",
        "AlterRoleSetStmt",
        "DiscardStmt",
        "ConstraintsSetStmt",
    },
}
