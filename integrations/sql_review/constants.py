"""Values that are the same for every row, and never NULL."""

from __future__ import annotations

from integrations.sql_review.parser import Node, find_function_calls


def is_constant(value: Node) -> bool:
    """Whether an expression is never NULL, for any row."""
    if "TypeCast" in value:
        return is_constant(value["TypeCast"]["arg"])
    if "A_ArrayExpr" in value or "SQLValueFunction" in value:
        return True
    if "CoalesceExpr" in value:
        return any(is_constant(arg) for arg in value["CoalesceExpr"]["args"])
    if find_function_calls(value) in (["now"], ["gen_random_uuid"]):
        return True
    return "A_Const" in value and not value["A_Const"].get("isnull", False)


def covers_all_nulls(where: Node | None, column: str) -> bool:
    """Whether a WHERE meets every row that is NULL in the column: no WHERE, or “column IS NULL” alone."""
    if where is None:
        return True
    test = where.get("NullTest", {})
    fields = test.get("arg", {}).get("ColumnRef", {}).get("fields", [{}])
    named = fields[-1].get("String", {}).get("sval")
    return test.get("nulltesttype") == "IS_NULL" and bool(named == column)
