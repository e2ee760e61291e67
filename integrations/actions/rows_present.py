"""Checks that tables which must not be empty hold rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import psycopg
from django import forms
from psycopg import sql

from integrations import actions
from integrations.clients import postgres
from integrations.clients.postgres_errors import describe_error
from integrations.errors import Problem
from integrations.parity.server.standby import read_standby
from integrations.systems import System


@dataclass(frozen=True)
class RowsPresentParams(actions.ActionParams):
    """The tables, and how many rows each must have."""

    database: System
    tables: list[Any]
    at_least: int | None

    @property
    def required(self) -> int:
        """Rows that each table must have."""
        return self.at_least or 1


class RowsPresentEvidence(TypedDict, total=False):
    """Rows by table, counted up to ``at_least``."""

    rows: dict[str, int]
    at_least: int


@actions.register
class RowsPresent(actions.ReadOnlyAction[RowsPresentParams, RowsPresentEvidence]):
    """A baseline does not insert the rows that its migration would have inserted: they must exist already."""

    key, title = "rows.present", "Check that tables hold the rows that the new stack needs"
    verdict_shown = True
    public_params = frozenset({"tables"})

    class Params(actions.ActionForm):
        """``database``; ``tables``: names (“table”, “schema.table”); ``at_least``: rows that each must have
        (default 1)."""

        database = actions.SystemField(kind="postgres")
        tables = actions.JSONValueField(kind=list)
        at_least = forms.IntegerField(min_value=1, required=False)

    def preview(self, params: RowsPresentParams) -> actions.Preview:
        """The tables that are counted."""
        lines = [f"Count up to {params.required} row(s) of {name}." for name in params.tables]
        return actions.Preview(lines, where=postgres.address(params.database["url"]))

    def run(
        self, params: RowsPresentParams, report: actions.RunReport[RowsPresentEvidence]
    ) -> actions.Outcome:
        """Reads no table further than necessary; a table with too few rows is a verdict."""
        url, required = params.database["url"], params.required
        with (
            postgres.explain_errors(url),
            postgres.connect(url, attempt=params.context.attempt, readonly=True) as connection,
        ):
            standby = read_standby(connection)
            counts = {str(name): _count_rows(connection, str(name), required) for name in params.tables}
        for name, rows in counts.items():
            report.log(f"{'✓' if rows >= required else '✗'} {name}: {rows} row(s), counted to {required}")
        report.evidence({"rows": counts, "at_least": required})
        if standby:
            return actions.Outcome(
                False,
                f"{postgres.address(url)} is {standby.description}: its rows say nothing about those of the "
                "primary. Give the system the primary's address, then check again.",
            )
        too_few = [name for name, rows in counts.items() if rows < required]
        if too_few:
            return actions.Outcome(
                False,
                f"Fewer than {required} row(s): {', '.join(too_few)}. A service that reads them when it "
                "starts will fail: insert what the migration would have inserted, then check again.",
            )
        return actions.Outcome(True, f"At least {required} row(s) each: {', '.join(counts)}.")


def _count_rows(connection: postgres.Connection, name: str, limit: int) -> int:
    table = sql.Identifier(*name.split("."))
    query = sql.SQL("select count(*) from (select from {} limit {}) few").format(table, sql.Literal(limit))
    try:
        row = connection.execute(query).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as error:
        raise Problem(
            f"The table {name} cannot be read: {describe_error(error)}.",
            means="Whether it has its rows is not known.",
            next="Check its name in tables:, and the rights of this login.",
        ) from None
    return int(row[0]) if row else 0
