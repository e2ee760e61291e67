"""Money by currency and status: as the old side says it, as the new side does, and as the database has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import psycopg
from psycopg import sql

from integrations.clients import postgres
from integrations.clients.dual_run.sides import NoAnswer, Side
from integrations.errors import Unreachable

GROUPS = 500  # pairs of currency and status that are looked at
CENT = Decimal("0.01")
AGAIN = 3  # times that a difference is asked again before it counts

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


class Money:
    """The totals of all sources, round after round. ``told``: by side, where it says them; ``database``:
    the address of a reader, empty for none."""

    def __init__(
        self, told: Mapping[str, Told], sides: Mapping[str, Side], database: str, attempt: str, table: str
    ) -> None:
        self.told, self.sides, self.table = told, sides, table
        self.database, self.attempt = database, attempt
        self.rounds = 0
        self.totals: dict[str, Totals] = {}
        self.differing: dict[str, dict[str, str]] = {}
        self.not_compared = ""

    def count(self, again: Callable[[], Any], say: Callable[[str], None]) -> None:
        """Asks all sources; a gift that comes in between two questions is no difference, so what differs is
        asked again (``again`` waits a moment). Raises `Unreachable` for the database."""
        try:
            self._settle(again)
        except NoAnswer as reason:
            if str(reason) != self.not_compared:
                say(f"Money not compared: {reason}")
            self.not_compared = str(reason)
            return
        self.rounds += 1
        for group, said in self.differing.items():
            say(f"Money, {group}: {', '.join(f'{name} {total}' for name, total in said.items())}")

    def _settle(self, again: Callable[[], Any]) -> None:
        self.totals = self._ask()
        found = differing(self.totals)
        for _ in range(AGAIN):
            if not found:
                break
            again()
            self.totals = self._ask()
            found = {group: said for group, said in differing(self.totals).items() if group in found}
        self.differing = found

    def _ask(self) -> dict[str, Totals]:
        found = {name: told.ask(self.sides[name]) for name, told in self.told.items()}
        if self.database:
            found["database"] = in_database(self.database, self.attempt, self.table)
        return found

    def as_facts(self) -> dict[str, Any]:
        """JSON; ``equal`` is null where fewer than two sources were compared."""
        shown = {
            name: [
                f"{' '.join(group)}: {total} in {count}" for group, (total, count) in sorted(totals.items())
            ]
            for name, totals in self.totals.items()
        }
        equal = None if self.rounds == 0 or len(self.totals) < 2 else not self.differing
        return {
            "equal": equal,
            "rounds": self.rounds,
            "totals": shown,
            "differing": self.differing,
            "not_compared": self.not_compared,
        }
