"""Values as people see them: their text, cut where it is long."""

from __future__ import annotations

from psycopg import sql

from integrations.parity.model.plan import ColumnPair
from integrations.parity.sql.row_hash import SideExpressions

MAX_VALUE_LENGTH = 500  # characters shown of a value

CUT_TEXT = sql.SQL(
    "CASE WHEN length({0}) > {1} THEN left({0}, {1}) || '... (' || textin(int4out(length({0})))"
    " || ' characters)' ELSE {0} END"
)
#: The same of bytes, whose whole text may be longer than PostgreSQL allows a text to be.
CUT_BYTES = sql.SQL(
    "CASE WHEN octet_length({0}) > {1} / 2 - 1 THEN left(textin(byteaout(substr({0}, 1, {1} / 2))), {1})"
    " || '... (' || textin(int8out(octet_length({0})::bigint * 2 + 2)) || ' characters)' ELSE {2} END"
)


def shown_text(side: SideExpressions, pair: ColumnPair) -> sql.Composable:
    """The column as it is stored, as text; a long one is cut, and its length added."""
    column, text = pair.source if side.side == "source" else pair.target, side.value_text(pair)
    if column.base == "bytea":
        return CUT_BYTES.format(side.column(pair), sql.Literal(MAX_VALUE_LENGTH), text)
    return CUT_TEXT.format(text, sql.Literal(MAX_VALUE_LENGTH))
