"""Totals of money by currency and status: from the old side, from the new side, and from the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import psycopg
from psycopg import sql

from integrations.clients import postgres
from integrations.clients.postgres_errors import describe_error
from integrations.errors import Unreachable
from integrations.traffic.dual_run.booked_payments import BookedPayments
from integrations.traffic.dual_run.side import DualRunSide, NoComparableAnswer

MAX_GROUPS = 500  # pairs of currency and status
CENT = Decimal("0.01")
RETRIES = 3  # requests that confirm a difference before it counts

#: (currency, status) → sum, number of gifts
Totals = dict[tuple[str, str], tuple[Decimal, int]]


@dataclass(frozen=True)
class TotalsSource:
    """Where an answer has the totals (``path``, and ``at`` inside), and its names of the four columns."""

    path: str
    at: str = ""
    currency: str = "currency"
    status: str = "status"
    amount: str = "total"
    count: str = "gifts"

    @classmethod
    def parse(cls, given: Any) -> TotalsSource:
        """Reads the runbook's mapping. Raises ValueError with a sentence."""
        known = set(cls.__dataclass_fields__)
        if not isinstance(given, Mapping) or "path" not in given or set(given) - known:
            raise ValueError(f"must look like {{path: /reports, at: totals}}; known: {', '.join(known)}.")
        if not str(given["path"]).startswith("/"):
            raise ValueError("path begins with “/”: the host is the system's.")
        return cls(**{name: str(value) for name, value in given.items()})

    def read_totals(self, side: DualRunSide) -> Totals:
        """Returns the totals that this side has now. Raises `NoComparableAnswer`."""
        found = side.get_json(self.path)
        for name in filter(None, self.at.split(".")):
            found = found.get(name) if isinstance(found, Mapping) else None
        if not isinstance(found, list):
            raise NoComparableAnswer(f"{side.name} {self.path} has no list at “{self.at}”")
        names = (self.currency, self.status, self.amount, self.count)
        try:
            rows = [tuple(row[name] for name in names) for row in found[:MAX_GROUPS]]
            return _build_totals(rows)
        except (KeyError, TypeError, ValueError, InvalidOperation):
            raise NoComparableAnswer(f"{side.name} {self.path}: a row has no {', '.join(names)}") from None


def _build_totals(rows: Iterable[tuple[Any, ...]]) -> Totals:
    return {
        (str(currency), str(status)): (Decimal(str(amount)).quantize(CENT), int(count))
        for currency, status, amount, count in rows
    }


def read_database_totals(url: str, attempt: str, booked: BookedPayments) -> Totals:
    """Returns the totals of a table in the database. Raises `Unreachable`."""
    query = sql.SQL(
        "SELECT {currency}, {status}, coalesce(sum({amount}), 0), count(*) FROM {table}"
        " GROUP BY 1, 2 LIMIT {most}"
    )
    with postgres.connect(url, attempt=attempt, readonly=True) as connection:
        try:
            connection.execute("SET statement_timeout = '30s'")
            statement = query.format(**booked.identifiers(), most=sql.Literal(MAX_GROUPS))
            return _build_totals(connection.execute(statement).fetchall())
        except psycopg.Error as error:
            raise Unreachable(
                f"The totals of {booked.table} cannot be read: {describe_error(error)}.",
                next="Check booked: of the item, and that the reader's login may read the table.",
            ) from None


def find_differences(sources: Mapping[str, Totals]) -> dict[str, dict[str, str]]:
    """Returns “NGN completed” → source → its total, for each group in which the sources differ.

    A group that a source does not have counts as zero.
    """
    none = (Decimal("0.00"), 0)
    groups = sorted({group for totals in sources.values() for group in totals})
    found = {}
    for group in groups:
        said = {name: totals.get(group, none) for name, totals in sources.items()}
        if len(set(said.values())) > 1:
            found[" ".join(group)] = {name: f"{total} in {count}" for name, (total, count) in said.items()}
    return found


class MoneyWatch:
    """Compares the totals of all sources in rounds.

    ``sources``: name of the side → where it has its totals. ``database``: the address of a login that reads
    the ``booked`` payments; empty for none. The database alone is compared with nothing: its totals are kept
    as they were at first and at last.
    """

    def __init__(
        self,
        sources: Mapping[str, TotalsSource],
        sides: Mapping[str, DualRunSide],
        database: str,
        attempt: str,
        booked: BookedPayments | None,
    ) -> None:
        self.sources, self.sides, self.booked = sources, sides, booked
        self.database, self.attempt = database, attempt
        self.rounds = 0
        self.first: dict[str, Totals] = {}
        self.totals: dict[str, Totals] = {}
        self.differing: dict[str, dict[str, str]] = {}
        self.not_compared = ""

    def compare(self, wait: Callable[[], Any], log: Callable[[str], None]) -> None:
        """Compares all sources once. ``wait`` waits before a difference is confirmed. Raises `Unreachable`
        for the database."""
        try:
            self._read_settled(wait)
        except NoComparableAnswer as reason:
            if str(reason) != self.not_compared:
                log(f"Money not compared: {reason}")
            self.not_compared = str(reason)
            return
        self.rounds += 1
        self.first = self.first or self.totals
        for group, said in self.differing.items():
            log(f"Money, {group}: {', '.join(f'{name} {total}' for name, total in said.items())}")

    def _read_settled(self, wait: Callable[[], Any]) -> None:
        # A payment that arrives between two requests looks like a difference.
        # Only what differs each time is one.
        self.totals = self._read_all()
        found = find_differences(self.totals)
        for _ in range(RETRIES):
            if not found:
                break
            wait()
            self.totals = self._read_all()
            found = {group: said for group, said in find_differences(self.totals).items() if group in found}
        self.differing = found

    def _read_all(self) -> dict[str, Totals]:
        found = {name: source.read_totals(self.sides[name]) for name, source in self.sources.items()}
        if self.database and self.booked:
            found["database"] = read_database_totals(self.database, self.attempt, self.booked)
        return found

    def as_facts(self) -> dict[str, Any]:
        """Returns JSON values; ``equal`` is null when fewer than two sources were compared."""
        equal = None if self.rounds == 0 or len(self.totals) < 2 else not self.differing
        return {
            "equal": equal,
            "rounds": self.rounds,
            "totals": _show(self.totals),
            "first_totals": _show(self.first),
            "differing": self.differing,
            "not_compared": self.not_compared,
        }


def _show(sources: Mapping[str, Totals]) -> dict[str, list[str]]:
    return {
        name: [f"{' '.join(group)}: {total} in {count}" for group, (total, count) in sorted(totals.items())]
        for name, totals in sources.items()
    }
