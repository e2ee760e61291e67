"""A database of a real MariaDB and one of PostgreSQL, and short ways to compare the one with the other."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from integrations.parity.model.declared import parse_rules
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult, TableResult
from integrations.parity.sources.source_comparison import compare_source
from integrations.sandbox.mariadb_server import MariaDbServer
from tests.integrations.parity.conftest import Database, only


@dataclass(frozen=True)
class MixedPair:
    """A MariaDB database as the source, PostgreSQL as the target. Every statement counts at once."""

    server: MariaDbServer
    name: str
    target: Database

    @property
    def url(self) -> str:
        return self.server.url(database=self.name)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Statements in MariaDB; its strictness is off, so that old data can be made."""
        return self.server.execute("set sql_mode = ''", *statements, database=self.name)

    def compare(
        self, *declared: dict[str, Any], observer: ComparisonObserver | None = None, **more: Any
    ) -> ComparisonResult:
        options = ComparisonOptions(parse_rules(declared), **more)
        return compare_source(self.url, self.target.server, options, observer)

    def table(self, name: str, *declared: dict[str, Any], **more: Any) -> TableResult:
        return only(self.compare(*declared, **more), name)


@pytest.fixture
def mixed(mariadb_server: MariaDbServer, new_database: Callable[[], str]) -> MixedPair:
    name = f"shop_{secrets.token_hex(4)}"
    mariadb_server.execute(f"create database {name}")
    return MixedPair(mariadb_server, name, Database(new_database()))  # it goes with its server
