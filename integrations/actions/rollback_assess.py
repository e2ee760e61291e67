"""Counts what going back would cost: the rows made since the backup, and their money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
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

EXAMPLES = 50  # keys of new rows that are named

WITH_TIME = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = %s and not a.attisdropped
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|information_schema$)'
order by 1, 2
"""


@register
class RollbackAssess(Action):
    """Never red by itself: it says the numbers that whoever signs has to know."""

    key, title = "rollback.assess", "Count what was made since the backup, and would be lost"
    effect = Effect.PURE
    deadline = timedelta(minutes=10)

    class Params(ActionForm):
        """``database``; ``backup``: the item that took what would be restored; ``money``: tables with an
        amount, as {table, sum, by: [columns]}. Rows tell when they were made by ``created_at``, in UTC."""

        database = SystemField(kind="postgres")
        backup = EvidenceField(action="backup.take")
        money = JSONValueField(kind=list, required=False)

    def preview(self, params: Values) -> Preview:
        """The moment from which is counted."""
        since = _since(params)
        lines = [f"In each table with created_at: count the rows made after {since:%Y-%m-%d %H:%M:%S} UTC."]
        lines += [f"Sum {m['table']}.{m['sum']} by {', '.join(m['by'])}." for m in params.money]
        return Preview(lines, where=postgres.address(params.database["url"]))

    def run(self, params: Values, report: Report) -> Outcome:
        """Rows by table, keys of the first, money by what it is told by."""
        url, since = params.database["url"], _since(params)
        with (
            postgres.in_words(url),
            postgres.connect(url, attempt=params.context.attempt, readonly=True) as it,
        ):
            tables = it.execute(WITH_TIME, ["created_at"]).fetchall()
            made: dict[str, Any] = {}
            for done, (schema, name) in enumerate(tables):
                report.raise_if_cancelled()
                report.progress(done, len(tables), name)
                facts = _made(it, sql.Identifier(schema, name), since)
                if facts["rows"]:
                    made[name] = facts
                    report.log(f"{name}: {facts['rows']:,} row(s) made since")
            money = [_money(it, asked, since) for asked in params.money]
        rows = sum(facts["rows"] for facts in made.values())
        report.evidence(
            loss={"since": since.isoformat(), "rows": rows, "tables": made, "money": money},
            not_counted="Changes of older rows have no time of their own: a comparison names them.",
        )
        return Outcome(True, _sentence(made, money, since))

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It leaves nothing."""
        return Finding(Seen.NOT_DONE, "This only counts.")


def _since(params: Values) -> datetime:
    """The backup's moment in UTC, without a zone, as the columns hold it."""
    facts = params.context.evidence.get(params.backup, {}).get("backup")
    if not facts:
        raise Problem(
            f"“{params.backup}” has left no backup.",
            means="There is nothing to go back to, so nothing to lose by it.",
            next="Look for another backup, or repair forward.",
        )
    moment = datetime.fromisoformat(facts["taken_at"])
    return moment.astimezone(UTC).replace(tzinfo=None)


def _made(connection: postgres.Connection, table: sql.Identifier, since: datetime) -> dict[str, Any]:
    row = connection.execute(
        sql.SQL("select count(*) from {} where created_at > %s").format(table), [since]
    ).fetchone()
    assert row is not None
    facts: dict[str, Any] = {"rows": row[0]}
    try:
        keys = connection.execute(
            sql.SQL("select id::text from {} where created_at > %s order by created_at, id limit %s").format(
                table
            ),
            [since, EXAMPLES],
        )
        facts["ids"] = [key for (key,) in keys]
    except psycopg.errors.UndefinedColumn:
        pass  # a table without an id: its count has to do
    return facts


def _money(connection: postgres.Connection, asked: Mapping[str, Any], since: datetime) -> dict[str, Any]:
    by = [sql.Identifier(name) for name in asked["by"]]
    query = sql.SQL(
        "select {}, count(*), sum({}) from {} where created_at > %s group by {} order by {}"
    ).format(
        sql.SQL(", ").join(by),
        sql.Identifier(asked["sum"]),
        sql.Identifier(asked["table"]),
        sql.SQL(", ").join(by),
        sql.SQL(", ").join(by),
    )
    rows = connection.execute(query, [since]).fetchall()
    return {
        "table": asked["table"],
        "groups": [{"by": list(map(str, row[:-2])), "rows": row[-2], "sum": str(row[-1])} for row in rows],
    }


def _sentence(made: Mapping[str, Any], money: list[dict[str, Any]], since: datetime) -> str:
    if not made:
        return f"Nothing was made since {since:%H:%M:%S} UTC: going back costs only the time of the restore."
    said = ", ".join(f"{facts['rows']:,} {name}" for name, facts in made.items())
    sums = [f"{group['sum']} {' '.join(group['by'])}" for one in money for group in one["groups"]]
    gifts = f" Money in them: {', '.join(sums)}." if sums else ""
    return f"Going back would lose what was made since {since:%H:%M:%S} UTC: {said}.{gifts}"
