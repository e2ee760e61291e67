"""Makes the queries that count the rows which a statement affects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from integrations.sql_review.assessment import RowCause, RowCheck, RowImpact
from integrations.sql_review.catalog import Rule
from integrations.sql_review.parser import SqlSyntaxError, find_nodes, parse_expression
from integrations.sql_review.tables import ScriptTable

MOST_EXAMPLES = 5


def make_check(
    description: str,
    query: str,
    impact: RowImpact,
    unknown: str = "",
    *,
    subject: str = "",
    examples: str = "",
) -> RowCheck:
    """Returns a check with any query; ``unknown`` says why its result cannot be told."""
    error = f"not counted: {unknown}" if unknown else ""
    return RowCheck(description, query, impact, error=error, subject=subject, examples=examples)


def make_filter_check(
    table: ScriptTable,
    condition: str,
    description: str,
    impact: RowImpact,
    *,
    unknown: str = "",
    alias: str = "",
    column: str = "",
    cause: RowCause | None = None,
    reads_column_only: bool = False,
) -> RowCheck:
    """Returns a check that counts the rows of one table that meet a condition, in SQL over its columns.

    ``column``: the one that the check is about; ``reads_column_only``: the condition reads no other.
    """
    unknown = unknown or table.unknown
    if reads_column_only:
        source = table.source_of([column])
    else:
        source = table.source(alias) if alias else _narrow_source(table, condition)
    query = f"SELECT count(*) FROM {source} WHERE {condition}"  # noqa: S608 - quoted names
    subject = f"{table}.{column}" if column else str(table)
    examples = _list_keys(table, source, condition)
    check = make_check(description, query, impact, unknown, subject=subject, examples=examples)
    check = replace(check, cause=cause)
    if alias or unknown or not table.is_live:
        return check
    return replace(check, table=source, condition=condition)


def _narrow_source(table: ScriptTable, condition: str) -> str:
    """The table as an entry of FROM, with no more of the script's changes than the condition needs."""
    try:
        references = find_nodes(parse_expression(condition), "ColumnRef")
        named = {each["fields"][-1].get("String", {}).get("sval", "") for each in references}
    except (SqlSyntaxError, KeyError, ValueError):
        return table.source()
    return table.source_of(named) if named <= set(table.columns) else table.source()


def _list_keys(table: ScriptTable, source: str, condition: str) -> str:
    key = table.key_expression()
    return f"SELECT {key} FROM {source} WHERE {condition} LIMIT {MOST_EXAMPLES}" if key else ""  # noqa: S608 - quoted names


def make_all_rows_check(table: ScriptTable, description: str, impact: RowImpact) -> RowCheck:
    """Returns a check that counts every row of a table."""
    return make_filter_check(table, "true", description, impact)


def make_duplicate_check(
    table: ScriptTable,
    expressions: Sequence[str],
    description: str,
    *,
    where: str = "",
    nulls_equal: bool = False,
    unknown: str = "",
) -> RowCheck:
    """Returns a check that counts values which are in more than one row (NULLs only if ``nulls_equal``)."""
    conditions = [] if nulls_equal else [f"({each}) IS NOT NULL" for each in expressions]
    conditions += [f"({where})"] if where else []
    inner = (
        f"SELECT 1 FROM {table.source()} WHERE {' AND '.join(conditions) or 'true'} "  # noqa: S608 - as above
        f"GROUP BY {', '.join(f'({each})' for each in expressions)} HAVING count(*) > 1"
    )
    query = f"SELECT count(*) FROM ({inner}) repeated"  # noqa: S608 - as above
    subject = f"{table} ({', '.join(each.replace(chr(34), '') for each in expressions)})"
    values = ", ".join(f"({each})" for each in expressions)
    repeated = inner.replace("SELECT 1", f"SELECT {values}", 1)
    examples = _list_keys(table, table.source(), f"({values}) IN ({repeated})")
    unknown = unknown or table.unknown
    check = make_check(description, query, RowImpact.FAILS, unknown, subject=subject, examples=examples)
    return replace(check, cause=RowCause.REPEATED)


def make_reference_check(
    child: ScriptTable, rule: Rule, parent: str, description: str, impact: RowImpact, *, unknown: str = ""
) -> RowCheck:
    """Returns a check that counts rows whose foreign key is among the rows of ``parent``, an entry of FROM
    that is called p. For rows without a parent see `make_orphan_check`."""
    query = (
        f"SELECT count(*) FROM {child.source('c')} WHERE {_given(rule)} AND EXISTS {_parents(rule, parent)}"  # noqa: S608 - quoted names
    )
    return make_check(description, query, impact, unknown or child.unknown)


def make_orphan_check(
    child: ScriptTable, rule: Rule, parent: ScriptTable, description: str, *, unknown: str = ""
) -> RowCheck:
    """Returns a check that counts rows whose foreign key is in no row of the other table."""
    if parent.is_empty:
        query = f"SELECT count(*) FROM {child.source('c')} WHERE {_given(rule)}"  # noqa: S608 - quoted names
    else:
        parents = _parents(rule, parent.source("p"))
        query = f"SELECT count(*) FROM {child.source('c')} WHERE {_given(rule)} AND NOT EXISTS {parents}"  # noqa: S608 - quoted names
    unknown = unknown or child.unknown or parent.find_unknown(*(c.strip('"') for c in rule.other_columns))
    subject = f"{child} ({', '.join(column.replace(chr(34), '') for column in rule.columns)})"
    key = child.key_expression()
    examples = f"{query.replace('count(*)', key, 1)} LIMIT {MOST_EXAMPLES}" if key else ""
    check = make_check(description, query, RowImpact.FAILS, unknown, subject=subject, examples=examples)
    return replace(check, cause=RowCause.ORPHAN)


def _given(rule: Rule) -> str:
    return " AND ".join(f"c.{column} IS NOT NULL" for column in rule.columns)


def _parents(rule: Rule, parent: str) -> str:
    pairs = zip(rule.other_columns, rule.columns, strict=False)
    same = " AND ".join(f"p.{theirs} = c.{own}" for theirs, own in pairs)
    return f"(SELECT FROM {parent} WHERE {same})"
