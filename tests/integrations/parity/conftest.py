"""Two databases to compare, and short ways to compare them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
import pytest

from integrations.parity.beyond_rows.totals import parse_totals
from integrations.parity.engine.comparison import compare_live
from integrations.parity.model.declared import parse_rules
from integrations.parity.observer import ComparisonObserver, ReadProgress
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult, TableResult
from integrations.parity.server.snapshot import PostgresServer


@dataclass(frozen=True)
class Database:
    """One side: its address and a way to write to it."""

    url: str

    @property
    def server(self) -> PostgresServer:
        return PostgresServer.from_url(self.url)

    def run(self, *statements: str) -> None:
        # A statement that waits for our own snapshot would wait for ever.
        with psycopg.connect(self.url, autocommit=True, options="-c lock_timeout=5s") as connection:
            for statement in statements:
                connection.execute(statement)

    def value(self, question: LiteralString) -> Any:
        with psycopg.connect(self.url, autocommit=True) as connection:
            ((found,),) = connection.execute(question).fetchall()
        return found


@dataclass(frozen=True)
class Pair:
    """Source and target of a comparison."""

    source: Database
    target: Database

    def both(self, *statements: str) -> None:
        self.source.run(*statements)
        self.target.run(*statements)

    def compare(
        self, declared: list[dict[str, Any]] | None = None, totals: list[Any] | None = None, **more: Any
    ) -> ComparisonResult:
        options = ComparisonOptions(parse_rules(declared or []), parse_totals(totals or []), **more)
        return compare_live(self.source.server, self.target.server, options)

    def table(self, name: str, *declared: dict[str, Any], **more: Any) -> TableResult:
        return only(self.compare(list(declared), **more), name)


def when(table: str, state: str, what: Callable[[], None], *, times: int = 1) -> ComparisonObserver:
    """An observer that does something at that state of that table, so many times."""
    left = [times]

    def told(progress: ReadProgress) -> None:
        if (progress.table, progress.state) == (table, state) and left[0]:
            left[0] -= 1
            what()

    return ComparisonObserver(on_table=told)


def only(result: ComparisonResult, name: str) -> TableResult:
    return next(table for table in result.tables if table.table == name)


@pytest.fixture
def pair(new_database: Callable[[], str]) -> Pair:
    return Pair(Database(new_database()), Database(new_database()))
