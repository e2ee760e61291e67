"""Two databases that are compared, and the engine's answers in a handy form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
import pytest

from integrations.parity.compare import Options, compare_live
from integrations.parity.declared import read_rules
from integrations.parity.result import Result, TableResult
from integrations.parity.snapshot import Server
from integrations.parity.totals import read_totals
from integrations.parity.watch import TableProgress, Watch


@dataclass(frozen=True)
class Database:
    """One side: its address and a way to write to it."""

    url: str

    @property
    def server(self) -> Server:
        return Server.at(self.url)

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

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
    ) -> Result:
        options = Options(read_rules(declared or []), read_totals(totals or []), **more)
        return compare_live(self.source.server, self.target.server, options)

    def table(self, name: str, *declared: dict[str, Any], **more: Any) -> TableResult:
        return only(self.compare(list(declared), **more), name)


def when(table: str, state: str, what: Callable[[], None], *, times: int = 1) -> Watch:
    """A watch that does something at that state of that table, so many times."""
    left = [times]

    def told(progress: TableProgress) -> None:
        if (progress.table, progress.state) == (table, state) and left[0]:
            left[0] -= 1
            what()

    return Watch(table=told)


def only(result: Result, name: str) -> TableResult:
    return next(table for table in result.tables if table.table == name)


@pytest.fixture
def pair(new_database: Callable[[], str]) -> Pair:
    return Pair(Database(new_database()), Database(new_database()))
