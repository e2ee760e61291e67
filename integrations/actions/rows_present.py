"""Looks whether tables that must not be empty hold rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from django import forms
from psycopg import sql

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import postgres
from integrations.errors import Problem


@register
class RowsPresent(Action):
    """What a migration would have inserted, a baseline does not: such a table must have had rows before."""

    key, title = "rows.present", "See that tables hold the rows that they need"
    effect = Effect.PURE

    class Params(ActionForm):
        """``database``; ``tables``: names (“table”, “schema.table”); ``at_least`` so many rows each
        (default 1)."""

        database = SystemField(kind="postgres")
        tables = JSONValueField(kind=list)
        at_least = forms.IntegerField(min_value=1, required=False)

    def preview(self, params: Values) -> Preview:
        """What is counted."""
        lines = [f"Count up to {_least(params)} row(s) of {name}." for name in params.tables]
        return Preview(lines, where=postgres.address(params.database["url"]))

    def run(self, params: Values, report: Report) -> Outcome:
        """No table is read further than it has to be."""
        url, least = params.database["url"], _least(params)
        with (
            postgres.in_words(url),
            postgres.connect(url, attempt=params.context.attempt, readonly=True) as connection,
        ):
            found = {str(name): _rows(connection, str(name), least) for name in params.tables}
        for name, rows in found.items():
            report.log(f"{'✓' if rows >= least else '✗'} {name}: {rows} row(s), counted to {least}")
        report.evidence(rows=found, at_least=least)
        few = [name for name, rows in found.items() if rows < least]
        if few:
            return Outcome(
                False,
                f"Fewer than {least} row(s): {', '.join(few)}. What reads them at its start will fail: "
                "insert what the migration would have inserted, then look again.",
            )
        return Outcome(True, f"At least {least} row(s) each: {', '.join(found)}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """A look leaves nothing behind."""
        return Finding(Seen.NOT_DONE, "Looking changes nothing; it can simply be done again.")


def _least(params: Values) -> int:
    return params.at_least or 1


def _rows(connection: postgres.Connection, name: str, least: int) -> int:
    table = sql.Identifier(*name.split("."))
    query = sql.SQL("select count(*) from (select from {} limit {}) few").format(table, sql.Literal(least))
    try:
        row = connection.execute(query).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as error:
        raise Problem(
            f"The table {name} cannot be read: {error.diag.message_primary}.",
            means="Whether it has its rows is not known.",
            next="Check its name in tables:, and the rights of this login.",
        ) from None
    return int(row[0]) if row else 0
