"""Notes expressions that give the same value in every row: what is equal through them proves little."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from integrations.parity.result import TableResult
from integrations.parity.sql.queries import SideQueries


def note_constants(result: TableResult, sides: Iterable[SideQueries | None]) -> None:
    """Adds a note for each expression of a side that has one value in all of several rows."""
    for queries in filter(None, sides):
        for name in _find_constants(queries):
            result.notes.append(
                f"{name}: its SQL gives the same value in every row of the {queries.expressions.side},"
                " so it tells no two rows apart"
            )


def _find_constants(queries: SideQueries) -> Iterable[str]:
    side = queries.expressions
    for pair in queries.plan.pairs:
        column = pair.source if side.side == "source" else pair.target
        if not column.expression:
            continue
        text = side.value_text(pair)
        # Ends at the first other value: only a constant costs a whole scan.
        query = sql.SQL(
            "SELECT (SELECT count(*) FROM (SELECT FROM {rows} LIMIT 2) AS few) = 2 AND NOT EXISTS"
            " (SELECT FROM {rows} WHERE {text} IS DISTINCT FROM (SELECT {text} FROM {rows} LIMIT 1))"
        ).format(rows=side.from_clause, text=text)
        if queries.snapshot.fetch_value(query):
            yield pair.name
