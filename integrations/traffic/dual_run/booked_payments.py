"""Where the database books payments: the runbook's names of the table, its columns and its states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

TEXTS = ("table", "provider", "currency", "amount", "status", "created_at")


@dataclass(frozen=True)
class BookedPayments:
    """``table``, also as schema.table; the names of its columns; ``paid``: the values of ``status`` that mean
    that the money came."""

    table: str
    provider: str = ""
    currency: str = "currency"
    amount: str = "amount"
    status: str = "status"
    created_at: str = "created_at"
    paid: tuple[str, ...] = ()

    @classmethod
    def parse(cls, given: Any) -> BookedPayments:
        """Reads the runbook's mapping. Raises ValueError with a sentence."""
        example = "{table: payments, provider: method, paid: [success]}"
        if not isinstance(given, Mapping) or not isinstance(given.get("table"), str):
            raise ValueError(f"must look like {example}.")
        if unknown := sorted(map(str, set(given) - {*TEXTS, "paid"})):
            raise ValueError(f"has no setting {', '.join(unknown)}; it has: {', '.join((*TEXTS, 'paid'))}.")
        if not all(isinstance(given[name], str) and given[name] for name in given if name != "paid"):
            raise ValueError(f"each of {', '.join(TEXTS)} is a name.")
        paid = given.get("paid", [])
        if not isinstance(paid, list) or not all(isinstance(word, str) for word in paid):
            raise ValueError("paid is a list of values of the status.")
        if bool(paid) is not bool(given.get("provider")):
            raise ValueError("provider and paid belong together: name both, or neither.")
        return cls(**{name: given[name] for name in given if name != "paid"}, paid=tuple(paid))

    def identifiers(self) -> dict[str, sql.Identifier]:
        """The names, for a query."""
        named = {name: sql.Identifier(getattr(self, name)) for name in TEXTS if name != "table"}
        return {**named, "table": sql.Identifier(*self.table.split("."))}
