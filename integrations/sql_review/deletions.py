"""What goes with rows that are deleted, and with tables that are emptied: rows that refer to them."""

from __future__ import annotations

from integrations.sql_review.assessment import STRONGEST_LOCK, Assessment, ChangeClass, RowImpact
from integrations.sql_review.catalog import Rule
from integrations.sql_review.identifiers import quote_identifier
from integrations.sql_review.row_checks import make_all_rows_check, make_reference_check
from integrations.sql_review.script_state import Rendered, ScriptState
from integrations.sql_review.tables import ScriptTable

WRITE_LOCK = "ROW EXCLUSIVE"
#: pg_constraint.confdeltype → what happens to the rows that refer to a deleted one.
EFFECTS = {
    "a": RowImpact.FAILS,
    "r": RowImpact.FAILS,
    "c": RowImpact.LOST,
    "n": RowImpact.CHANGED,
    "d": RowImpact.CHANGED,
}


def assess_rows_gone(
    result: Assessment,
    state: ScriptState,
    table: ScriptTable,
    hit: Rendered,
    alias: str,
    seen: frozenset[str] = frozenset(),
) -> None:
    """Removes the rows that ``hit`` meets, and counts the rows of other tables that refer to them."""
    gone = f"(SELECT * FROM {table.source(alias)} WHERE {hit.sql}) AS p"  # noqa: S608 - rendered SQL
    if table.has_triggers:
        result.add(note=f"triggers of {table} run for every row")
    children = [
        (child, rule)
        for child in state.referencing(table)
        for rule in child.rules
        if rule.other == table.name
    ]
    for child, rule in children:
        _assess_child(result, state, child, rule, gone, hit.unknown, seen | {str(table)})
    if hit.unknown or table.has_triggers:
        table.unknown = table.unknown or hit.unknown or f"triggers of {table} may change what happens"
    else:
        table.rewrite({}, alias=alias, where=f"({hit.sql}) IS NOT TRUE")


def _assess_child(
    result: Assessment,
    state: ScriptState,
    child: ScriptTable,
    rule: Rule,
    gone: str,
    unknown: str,
    seen: frozenset[str],
) -> None:
    impact = EFFECTS[rule.on_delete]
    shown = ", ".join(column.strip('"') for column in rule.columns)
    description = f"{child} rows whose {shown} refers to them"
    if str(child) in seen:
        unknown = unknown or "the table refers to itself"
    result.add_checks(make_reference_check(child, rule, gone, description, impact, unknown=unknown))
    result.take_lock("ROW SHARE" if impact is RowImpact.FAILS else WRITE_LOCK, child)
    if impact is RowImpact.FAILS:
        result.add(ChangeClass.CAN_FAIL)
    elif impact is RowImpact.LOST and str(child) not in seen:
        pairs = zip(rule.other_columns, rule.columns, strict=False)
        same = " AND ".join(
            f"p.{theirs} = {quote_identifier(child.name.name)}.{own}" for theirs, own in pairs
        )
        hit = Rendered(f"EXISTS (SELECT FROM {gone} WHERE {same})", unknown)
        assess_rows_gone(result, state, child, hit, child.name.name, seen)
    else:
        child.unknown = child.unknown or "rows that it refers to are deleted"


def clear_tables(
    result: Assessment, state: ScriptState, tables: list[ScriptTable], *, cascades: bool
) -> None:
    """Empties tables; with ``cascades`` those that refer to them, too."""
    waiting, done = list(tables), list[ScriptTable]()
    while waiting:
        table = waiting.pop(0)
        if table in done:
            continue
        done.append(table)
        result.take_lock(STRONGEST_LOCK, table)
        via = "" if table in tables else " (by CASCADE)"
        result.add_checks(make_all_rows_check(table, f"rows of {table}{via}", RowImpact.LOST))
        others = [child for child in state.referencing(table) if child not in done and child not in waiting]
        others = [child for child in others if child not in tables]
        if others and not cascades:
            names = ", ".join(map(str, others))
            result.refuse(f"{names} refers to {table} (0A000)")
        waiting += others if cascades else []
    for table in done:
        if not table.is_assumed:
            table.clear()
