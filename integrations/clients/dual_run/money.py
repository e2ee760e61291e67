"""Money by currency and status: as the old side says it, as the new side does, and as the database has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import psycopg
from psycopg import sql

from integrations.clients import postgres
from integrations.clients.dual_run.fields import NoRows
from integrations.clients.dual_run.sides import NoAnswer, Side
from integrations.errors import Unreachable

GROUPS = 500  # pairs of currency and status that are looked at
CENT = Decimal("0.01")

#: (currency, status) → sum, number of gifts
Totals = dict[tuple[str, str], tuple[Decimal, int]]


@dataclass(frozen=True)
class Told:
    """Where an answer says the totals, and how it names the four columns."""

    path: str
    at: str = ""
    currency: str = "currency"
    status: str = "status"
    amount: str = "total"
    count: str = "gifts"

    @classmethod
    def of(cls, given: Any) -> Told:
        """From the runbook; raises ValueError in words."""
        known = set(cls.__dataclass_fields__)
        if not isinstance(given, Mapping) or "path" not in given or set(given) - known:
            raise ValueError(f"must look like {{path: /reports, at: totals}}; known: {', '.join(known)}.")
        if not str(given["path"]).startswith("/"):
            raise ValueError("path begins with “/”: the host is the system's.")
        return cls(**{name: str(value) for name, value in given.items()})

    def ask(self, side: Side) -> Totals:
        """The totals as that side says them now. Raises `NoAnswer`."""
        found = side.get(self.path)
        for name in filter(None, self.at.split(".")):
            found = found.get(name) if isinstance(found, Mapping) else None
        if not isinstance(found, list):
            raise NoAnswer(f"{side.name} {self.path} has no list at “{self.at}”")
        names = (self.currency, self.status, self.amount, self.count)
        try:
            rows = [tuple(row[name] for name in names) for row in found[:GROUPS]]
            return _totals(rows)
        except (KeyError, TypeError, ValueError, InvalidOperation):
            raise NoAnswer(f"{side.name} {self.path}: a row has no {', '.join(names)}") from None


def _totals(rows: Iterable[tuple[Any, ...]]) -> Totals:
    return {
        (str(currency), str(status)): (Decimal(str(amount)).quantize(CENT), int(count))
        for currency, status, amount, count in rows
    }


def in_database(url: str, attempt: str, table: str) -> Totals:
    """The same from the database, by a login that only reads. Raises `Unreachable`."""
    query = sql.SQL(
        "SELECT currency, status, coalesce(sum(amount), 0), count(*) FROM {} GROUP BY 1, 2 LIMIT {}"
    )
    with postgres.connect(url, attempt=attempt, readonly=True) as connection:
        try:
            connection.execute("SET statement_timeout = '30s'")
            asked = query.format(sql.Identifier(*table.split(".")), sql.Literal(GROUPS))
            return _totals(connection.execute(asked).fetchall())
        except psycopg.Error as error:
            raise Unreachable(
                f"The totals of {table} cannot be read: {type(error).__name__}.",
                next="Check that the reader's login may read the table.",
            ) from None


def differing(sources: Mapping[str, Totals]) -> dict[str, dict[str, str]]:
    """“NGN completed” → what each source says, where not all say the same; an absent group counts as none."""
    none = (Decimal("0.00"), 0)
    groups = sorted({group for totals in sources.values() for group in totals})
    found = {}
    for group in groups:
        said = {name: totals.get(group, none) for name, totals in sources.items()}
        if len(set(said.values())) > 1:
            found[" ".join(group)] = {name: f"{total} in {count}" for name, (total, count) in said.items()}
    return found


def agreed(ask: Callable[[], Mapping[str, Totals]], again: Callable[[], bool]) -> tuple[Any, Any]:
    """The sources, and what differs between them every time they are asked: a gift that comes in between
    two questions is no difference. ``again`` waits, and says whether to ask once more."""
    sources = ask()
    found = differing(sources)
    while found and again():
        sources = ask()
        now = differing(sources)
        found = {group: said for group, said in now.items() if group in found}
    return sources, found


__all__ = ["NoRows", "Told", "Totals", "agreed", "differing", "in_database"]
