"""Columns and types as a script defines them, as SQL that the live database understands."""

from __future__ import annotations

from integrations.sql_review.catalog import Column
from integrations.sql_review.column_types import SERIALS, read_tree_type
from integrations.sql_review.parser import Node, deparse_expression
from integrations.sql_review.script_state import ScriptState


def read_definition(state: ScriptState, definition: Node) -> Column:
    """The column of a ``ColumnDef``, without what its constraints say."""
    kind = read_tree_type(definition["typeName"])
    plain = SERIALS.get(kind.name)
    sql_type = plain or format_type(state, definition["typeName"])
    computed = plain is not None
    return Column(definition["colname"], kind, sql_type, computed, "", computed)


def refuse_type(state: ScriptState, type_name: Node) -> str:
    """Why a type cannot be used at this point; empty when it can."""
    name = type_name["names"][-1]["String"]["sval"]
    if name in state.gone_types:
        return f"there is no type {name} at this point (42704)"
    kind = read_tree_type(type_name)
    return state.catalog.refusal(
        f"SELECT CAST(NULL AS {SERIALS.get(kind.name) or format_type(state, type_name)})"
    )


def format_type(state: ScriptState, type_name: Node) -> str:
    """A type as SQL; text stands for a type that is not in the live database yet."""
    names = [part["String"]["sval"] for part in type_name["names"]]
    if names[-1] in state.new_types:
        return "text[]" if type_name.get("arrayBounds") else "text"
    null = {"A_Const": {"isnull": True}}
    sql = deparse_expression({"TypeCast": {"arg": null, "typeName": type_name}})
    return sql.removeprefix("NULL::")
