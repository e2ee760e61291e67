"""Random tables and random edits: exactly these are found, with MariaDB and with SQLite as the source."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.sources.source_comparison import compare_source
from tests.integrations.parity.sources.conftest import MixedPair
from tests.integrations.parity.sources.random_pairs import MadeTable, make_table

SEED, TABLES, TABLES_OF_A_ROUND, AT_ONCE = "2026", 40, 2000, 40


def require_findings(result: ComparisonResult, tables: list[MadeTable]) -> None:
    assert [table.unsound for table in result.tables if table.unsound] == []
    found = {table.table: (table.changed, table.missing, table.extra) for table in result.tables}
    assert len(found) == len(tables)
    for table in tables:
        label = next(label for label in found if label.replace('""', '"').strip('"') == table.name.strip('"'))
        assert found[label] == table.expected, table


def fill_and_compare(mixed: MixedPair, folder: Path, tables: list[MadeTable]) -> None:
    """Compares the same tables with both kinds of sources."""
    mixed.target.run(*(statement for table in tables for statement in table.statements(2, '"')))
    mixed.run(*(statement for table in tables for statement in table.statements(0, "`")))
    require_findings(mixed.compare(), tables)
    file = folder / "shop.sqlite"
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as connection:
        for statement in (each for table in tables for each in table.statements(1, '"')):
            connection.execute(statement)
    connection.close()
    require_findings(compare_source(f"sqlite:///{file}", mixed.target.server, ComparisonOptions()), tables)


@pytest.mark.property
@pytest.mark.timeout(TABLES_OF_A_ROUND)
def test_exactly_the_random_edits_are_found(
    mixed: MixedPair, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    chosen: str | None = pytestconfig.getoption("--property-round")
    seed, tables = (chosen, TABLES_OF_A_ROUND) if chosen else (SEED, TABLES)
    for batch in range(tables // AT_ONCE):
        chance = random.Random(f"{seed} {batch}")
        if batch:
            mixed.target.run("drop schema public cascade", "create schema public")
            mixed.server.execute(f"drop database {mixed.name}", f"create database {mixed.name}")
        fill_and_compare(mixed, tmp_path, [make_table(chance, number) for number in range(AT_ONCE)])
