"""Runs one query that only reads, and compares its result with what the runbook expects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.item_rehearsal import find_copy, lead_database_to_copy
from integrations.actions.rehearsal_run import PrismaAlignRehearseEvidence
from integrations.actions.sql_queries import Rows, fetch_result, refuse_other_statements, where_of
from integrations.actions.sql_values import digest_of_rows, is_same, to_json
from integrations.errors import Problem
from integrations.json_values import show_value
from integrations.systems import System

TIMEOUT = 30.0  # seconds for the query
MOST_ROWS = 1000  # that a result may have
DATABASES = ("database", "mysql", "sqlite")  # the parameters, one for each kind of system


@dataclass(frozen=True)
class SqlCheckParams(actions.ActionParams):
    """The database, the query, and what its result has to be; what is None was not given."""

    database: System | None
    mysql: System | None
    sqlite: System | None
    query: str
    value: str | int | float | bool | None
    at_least: float | None
    at_most: float | None
    rows: list[Any]
    no_rows: bool
    same_as: System | None
    timeout_seconds: float | None
    advice: str
    copy: actions.EarlierItem[PrismaAlignRehearseEvidence] | None

    @property
    def system(self) -> System:
        """The database that is asked. Raises `Problem` when the rehearsal left no copy."""
        found = self.database or self.mysql or self.sqlite
        assert found, "the form wants one of the three"
        return lead_database_to_copy(found, find_copy(self.copy)) if self.copy else found


class SqlFacts(TypedDict, total=False):
    """The result; ``value`` only where the runbook compares one. Rows may be personal and are not kept.

    ``same_as`` is the other database, and ``digest`` the SHA-256 of the rows that are compared with its own.
    """

    where: str
    columns: list[str]
    rows: int
    value: Any
    same_as: str
    digest: str


class SqlCheckEvidence(TypedDict, total=False):
    """What a run records; ``wrong`` is "" when the result is as expected."""

    sql: SqlFacts
    wrong: str


@actions.register
class SqlCheck(actions.ReadOnlyAction[SqlCheckParams, SqlCheckEvidence]):
    """The query runs in a transaction that can only read, with a time limit on the server."""

    key, title = "sql.check", "Check the result of a query"
    public_params = frozenset({"value", "rows", "advice"})
    deadline = timedelta(minutes=10)

    class Params(actions.ActionForm):
        """``database``: a system of kind postgres, ``mysql``: one of kind mysql (MySQL or MariaDB), or
        ``sqlite``: one of kind sqlite; best with a login that may only read. ``query``: one SELECT (or WITH,
        VALUES). Expected is one of: ``value``, the only column of the only row; ``at_least`` and ``at_most``,
        limits of that value; ``rows``, all rows in order, each a list; ``no_rows``: true; ``same_as``,
        another system of these kinds that has to give the same rows in the same order. Numbers are compared
        by value, everything else by its text. ``timeout_seconds``: for the query (30). ``advice``: what
        another result means and what to do then. ``copy``: an item that rehearsed the migration: the copy
        that it left is asked in place of ``database``."""

        database = actions.SystemField(kind="postgres", required=False)
        mysql = actions.SystemField(kind="mysql", required=False)
        sqlite = actions.SystemField(kind="sqlite", required=False)
        query = forms.CharField(max_length=20_000)
        value = actions.ScalarField(required=False)
        at_least = forms.FloatField(required=False)
        at_most = forms.FloatField(required=False)
        rows = actions.JSONValueField(kind=list, required=False)
        no_rows = forms.BooleanField(required=False)
        same_as = actions.SystemField(kind="postgres", or_kinds=("mysql", "sqlite"), required=False)
        timeout_seconds = forms.FloatField(min_value=0.1, max_value=3600, required=False)
        advice = forms.CharField(max_length=1000, required=False)
        copy = actions.EvidenceField(action="prisma.align_rehearse", required=False)

        def clean_rows(self) -> list[Any]:
            """A list of lists of equal length."""
            rows = self.cleaned_data["rows"]
            if any(not isinstance(row, list) or len(row) != len(rows[0]) for row in rows):
                raise forms.ValidationError("must be a list of rows, each a list of the same length.")
            return list(rows)

        def clean(self) -> dict[str, Any]:
            """One database, one query that only reads, one expectation."""
            given = self.cleaned_data
            asked = [system for name in DATABASES if (system := given.get(name))]
            if len(asked) != 1:
                raise forms.ValidationError("Name database:, mysql: or sqlite:, one of the three.")
            if given.get("copy") and not given.get("database"):
                raise forms.ValidationError("copy: stands for a database:, not for another kind of system.")
            limits = given.get("at_least") is not None or given.get("at_most") is not None
            others = [given.get(name) for name in ("rows", "no_rows", "same_as")]
            if sum(map(bool, [given.get("value") is not None, limits, *others])) != 1:
                raise forms.ValidationError(
                    "Expect one of: value, at_least and at_most, rows, no_rows, same_as."
                )
            if given.get("same_as") and given["same_as"].name == asked[0].name:
                raise forms.ValidationError("same_as: names the same system; it has to be another one.")
            for system in filter(None, (*asked, given.get("same_as"))):
                refuse_other_statements(system, given.get("query", ""))
            return given

    def preview(self, params: SqlCheckParams) -> actions.Preview:
        """The query and what is expected."""
        lines = [*params.query.strip().splitlines(), f"Expected: {_describe(params)}"]
        return actions.Preview(lines, where=where_of(params.system))

    def run(self, params: SqlCheckParams, report: actions.RunReport[SqlCheckEvidence]) -> actions.Outcome:
        """Another result is a verdict; a query that fails is an error."""
        columns, rows = _fetch(params, params.system, report)
        facts: SqlFacts = {"where": where_of(params.system), "columns": columns, "rows": len(rows)}
        if params.same_as:
            _, others = _fetch(params, params.same_as, report)
            facts |= {"same_as": where_of(params.same_as), "digest": digest_of_rows(rows)}
            wrong = _compare_databases(columns, rows, others)
        else:
            wrong, value = _judge(params, columns, rows)
            if value is not None:
                facts["value"] = value
        report.evidence({"sql": facts, "wrong": wrong})
        if wrong:
            return actions.Outcome(False, f"{wrong} Expected: {_describe(params)}. {params.advice}".strip())
        compared = f" ({len(rows)})" if params.same_as else ""
        return actions.Outcome(True, f"As expected: {_describe(params)}{compared}.")


def _fetch(
    params: SqlCheckParams, system: System, report: actions.RunReport[SqlCheckEvidence]
) -> tuple[list[str], Rows]:
    """Columns and rows of the query there. Raises `Problem` when there are too many to compare."""
    columns, rows = fetch_result(
        system,
        params.query,
        timeout=params.timeout_seconds or TIMEOUT,
        most=MOST_ROWS,
        attempt=params.context.attempt,
    )
    if len(rows) > MOST_ROWS:
        raise Problem(
            f"The query gives more than {MOST_ROWS} rows.",
            means="They were not compared.",
            next="Ask for a count or an aggregate, or for the rows that must not exist (no_rows: true).",
        )
    report.log(f"{where_of(system)}: {len(rows)} row(s) of {', '.join(columns)}")
    return columns, rows


def _describe(params: SqlCheckParams) -> str:
    if params.no_rows:
        return "no rows"
    if params.same_as:
        return f"the same rows as {where_of(params.same_as)}"
    if params.rows:
        return f"{len(params.rows)} row(s)"
    if params.value is not None:
        return show_value(params.value)
    limits = (("at least", params.at_least), ("at most", params.at_most))
    return ", ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)


def _judge(params: SqlCheckParams, columns: list[str], rows: Rows) -> tuple[str, Any]:
    """What is wrong ("": nothing), and the single value where one is compared."""
    if params.no_rows:
        return (f"The query gives {len(rows)} row(s)." if rows else ""), None
    if params.rows:
        return _compare_rows(params.rows, columns, rows), None
    if len(rows) != 1 or len(columns) != 1:
        return f"The query gives {len(rows)} row(s) of {len(columns)} column(s), not one value.", None
    found = rows[0][0]
    shown = to_json(found)
    if params.value is not None:
        return ("" if is_same(params.value, found) else f"The value is {show_value(shown)}."), shown
    if isinstance(found, bool) or not isinstance(found, int | float | Decimal):
        return f"The value is {show_value(shown)}, which is no number.", shown
    low = params.at_least is not None and not found >= params.at_least
    high = params.at_most is not None and not found <= params.at_most
    return (f"The value is {show_value(shown)}." if low or high else ""), shown


def _compare_rows(expected: list[Any], columns: list[str], rows: Rows) -> str:
    """The first difference, without the value that was found: it may be personal."""
    if len(expected[0]) != len(columns):
        return f"The query gives {len(columns)} column(s), and {len(expected[0])} are expected."
    for number, (wanted, found) in enumerate(zip(expected, rows, strict=False), start=1):
        for name, one, other in zip(columns, wanted, found, strict=True):
            if not is_same(one, other):
                return f"Row {number} has another value in {name} than {show_value(one)}."
    if len(expected) != len(rows):
        return f"The query gives {len(rows)} row(s)."
    return ""


def _compare_databases(columns: list[str], rows: Rows, others: Rows) -> str:
    """The first difference, without the values: they may be personal. Two empty results prove nothing."""
    if not rows and not others:
        return "The query gives no row in either database, so it compares nothing."
    for number, (one, other) in enumerate(zip(rows, others, strict=False), start=1):
        if len(one) != len(other):
            return f"The query gives {len(one)} column(s) here, and {len(other)} there."
        for name, left, right in zip(columns, one, other, strict=True):
            if not is_same(to_json(right), left):
                return f"Row {number} differs in {name}."
    if len(rows) != len(others):
        return f"The query gives {len(rows)} row(s) here, and {len(others)} there."
    return ""
