"""Counts what going back would cost: the rows made since the backup, and their money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

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
from integrations.clients import made_since, postgres
from integrations.clients.made_since import Made
from integrations.errors import Problem

NAMED = ("smallint", "integer", "bigint", "uuid")  # types of keys that may be shown
EXAMPLES = 50  # keys of new rows that are named


@register
class RollbackAssess(Action):
    """Never red by itself: it says the numbers that whoever signs has to know."""

    key, title = "rollback.assess", "Count what was made since the backup, and would be lost"
    effect = Effect.PURE
    deadline = timedelta(minutes=10)

    class Params(ActionForm):
        """``database``; ``backup``: the item that took what would be restored; ``money``: tables with an
        amount, as {table, sum, by: [columns]}. Rows tell when they were made by ``created_at``, in UTC.
        ``verified``: the item that kept the restored backup on ``scratch``: only rows whose key it lacks
        count, because a migration that fills empty times makes old rows look new."""

        database = SystemField(kind="postgres")
        backup = EvidenceField(action="backup.take")
        verified = EvidenceField(action="backup.verify", required=False)
        scratch = SystemField(kind="postgres", required=False)
        money = JSONValueField(kind=list, required=False)

        def clean(self) -> dict[str, Any]:
            """The kept copy needs its server."""
            given = self.cleaned_data
            if bool(given.get("verified")) != bool(given.get("scratch")):
                raise forms.ValidationError("Name verified: and scratch: together, or neither.")
            return given

    def preview(self, params: Values) -> Preview:
        """The moment from which is counted."""
        since = _since(params)
        lines = [f"In each table with created_at: count the rows made after {since:%Y-%m-%d %H:%M:%S} UTC."]
        if params.verified:
            lines.append(f"Of these, leave out the rows whose key “{params.verified}” restored, too.")
        lines += [f"Sum {m['table']}.{m['sum']} by {', '.join(m['by'])}." for m in params.money]
        return Preview(lines, where=postgres.address(params.database["url"]))

    def run(self, params: Values, report: Report) -> Outcome:
        """Rows by table, keys of the first, money by what it is told by."""
        url, since = params.database["url"], _since(params)
        with _copy(params) as copy, postgres.in_words(url), _reading(url, params) as live:
            found = _counted(live, since, copy, report)
            money = [
                made_since.money(live, _named(found, asked["table"]), asked, since) for asked in params.money
            ]
        made = {name: _facts(one) for name, one in found.items() if one.rows}
        report.evidence(
            loss={
                "since": since.isoformat(),
                "rows": sum(one.rows for one in found.values()),
                "tables": made,
                "money": money,
                "by_key": copy is not None,
            },
            not_counted="Changes of older rows have no time of their own: a comparison names them.",
        )
        return Outcome(True, _sentence(made, money, since, copy is not None))

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


def _reading(url: str, params: Values) -> postgres.Connection:
    return postgres.connect(url, attempt=params.context.attempt, readonly=True)


@contextmanager
def _copy(params: Values) -> Iterator[postgres.Connection | None]:
    """The restored backup, where it was kept. Raises `Problem` when it was named and is not there."""
    if not params.verified:
        yield None
        return
    facts = params.context.evidence.get(params.verified, {}).get("verified") or {}
    if not facts.get("equal") or not facts.get("database"):
        raise Problem(
            f"“{params.verified}” has kept no restored backup that is equal.",
            means="Old rows whose empty time the migration filled could not be told from new ones.",
            next=f"Carry out “{params.verified}” with keep: true again, or take verified: out.",
        )
    url = postgres.with_database(params.scratch["url"], facts["database"])
    with postgres.in_words(url), _reading(url, params) as copy:
        yield copy


def _counted(
    live: postgres.Connection, since: datetime, copy: postgres.Connection | None, report: Report
) -> dict[str, Made]:
    found, tables = {}, made_since.tables(live)
    for done, table in enumerate(tables):
        report.raise_if_cancelled()
        report.progress(done, len(tables), table.name)
        made = found[table.name] = made_since.made_since(live, table, since, copy)
        if made.rows:
            report.log(f"{table.name}: {made.rows:,} row(s) made since")
    return found


def _named(found: Mapping[str, Made], name: str) -> Made:
    if name not in found:
        raise Problem(
            f"The table {name} of money: has no created_at, or is not there.",
            means="Its money cannot be told by time.",
            next="Take it out of money:, and count it by hand.",
        )
    return found[name]


def _facts(made: Made) -> dict[str, Any]:
    """A key of another type is not named: that of a session opens it."""
    named = made.keys is not None and made.table.type in NAMED
    keys = {"ids": made.keys[:EXAMPLES]} if named and made.keys else {}
    return {"rows": made.rows, **keys}


def _sentence(made: Mapping[str, Any], money: list[dict[str, Any]], since: datetime, by_key: bool) -> str:
    if not made:
        return f"Nothing was made since {since:%H:%M:%S} UTC: going back costs only the time of the restore."
    said = ", ".join(f"{facts['rows']:,} {name}" for name, facts in made.items())
    sums = [f"{group['sum']} {' '.join(group['by'])}" for one in money for group in one["groups"]]
    gifts = f" Money in them: {', '.join(sums)}." if sums else ""
    doubt = "" if by_key else " (Old rows whose empty time was filled since may be among them.)"
    return f"Going back would lose what was made since {since:%H:%M:%S} UTC: {said}.{gifts}{doubt}"
