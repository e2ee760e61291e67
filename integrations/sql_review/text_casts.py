"""Which values a cast by way of text refuses: ``USING column::uuid``, ``USING column::text::"Status"``."""

from __future__ import annotations

from integrations.sql_review.column_definitions import format_type
from integrations.sql_review.column_types import LIMITS, read_tree_type
from integrations.sql_review.identifiers import quote_text
from integrations.sql_review.json_values import ASKS_SERVER
from integrations.sql_review.parser import Node
from integrations.sql_review.script_state import ScriptState

TEXTS = ("text", "varchar", "bpchar")
_HEX = "[0-9a-fA-F]"
_UUID = rf"^({_HEX}{{4}}-?){{7}}{_HEX}{{4}}$|^\{{({_HEX}{{4}}-?){{7}}{_HEX}{{4}}\}}$"
_INTEGER = r"^\s*[+-]?[0-9]+\s*$"
_INT8 = (-(2**63), 2**63 - 1)


def refused_by_cast(state: ScriptState, tree: Node, column: str, source: str) -> str:
    """The condition for values of ``{c}`` that a USING expression refuses.

    ``source`` is the name of the column's type. "" where the expression is no plain cast of the column by way
    of text, or where no query can tell.
    """
    casts: list[Node] = []
    inner = tree
    while "TypeCast" in inner:
        casts.append(inner["TypeCast"]["typeName"])
        inner = inner["TypeCast"]["arg"]
    fields = inner.get("ColumnRef", {}).get("fields", [{}])
    if not casts or fields[-1].get("String", {}).get("sval") != column:
        return ""
    between = [read_tree_type(each).name for each in casts[1:]] + [source]
    target = read_tree_type(casts[0]).name
    if any(each not in TEXTS for each in between[:-1]) or target in TEXTS:
        return ""
    if between[0] not in TEXTS and (source == target or len(casts) == 1):
        return ""
    return _refused_by_type(state, casts[0], target)


def _refused_by_type(state: ScriptState, type_name: Node, target: str) -> str:
    name = type_name["names"][-1]["String"]["sval"]
    if name in state.new_types:
        labels = ", ".join(map(quote_text, state.new_types[name]))
        return f"{{c}}::text <> ALL (ARRAY[{labels}]::text[])" if labels else ""
    sql_type = quote_text(format_type(state, type_name))
    conn = state.catalog.conn
    if conn is not None and conn.info.server_version >= ASKS_SERVER:
        return f"NOT pg_input_is_valid({{c}}::text, {sql_type})"
    if state.catalog.query("SELECT 1 FROM pg_enum WHERE enumtypid = to_regtype(%s)", [sql_type[1:-1]]):
        labels = f"SELECT enumlabel::text FROM pg_enum WHERE enumtypid = to_regtype({sql_type})"  # noqa: S608 - quoted
        return f"{{c}}::text NOT IN ({labels})"
    if target == "uuid":
        return f"{{c}}::text !~ {quote_text(_UUID)}"
    if target in (*LIMITS, "int8"):
        low, high = LIMITS.get(target, _INT8)
        number = f"CASE WHEN {{c}}::text ~ {quote_text(_INTEGER)} THEN {{c}}::text::numeric END"
        return f"coalesce({number} NOT BETWEEN {low} AND {high}, {{c}} IS NOT NULL)"
    return ""
