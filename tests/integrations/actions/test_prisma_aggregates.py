"""Aggregates of the client and of PostgreSQL are compared group by group, and rows may be added meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.actions import Context, registry
from integrations.actions.prisma_aggregates import (
    Aggregate,
    Aggregates,
    find_differences,
    make_group,
    read_aggregates,
)
from tests.integrations.conftest import AppDatabase

TOTAL = Aggregate("gifts", "amount", ("currency",))
USD, GHS = make_group(["USD"], "3.75", 2), make_group(["GHS"], 7, 1)


def found(rows: int, *groups: Any) -> Aggregates:
    return Aggregates({"gifts": rows}, {TOTAL: frozenset(groups)})


def test_the_same_numbers_are_no_difference_in_whatever_form_they_come() -> None:
    client = found(3, make_group(["USD"], "3.750", 2), make_group(["GHS"], "7.00", 1))
    assert find_differences(found(3, USD, GHS), client, found(3, USD, GHS)) == []


def test_another_count_and_another_sum_are_named() -> None:
    client = found(2, make_group(["USD"], "3.75", 2), make_group(["GHS"], "8", 1))
    assert find_differences(found(3, USD, GHS), client, found(3, USD, GHS)) == [
        "gifts: the client counts 2 row(s), PostgreSQL 3.",
        "gifts: the sum of amount by currency is another for GHS.",
    ]


def test_rows_that_are_added_meanwhile_are_no_difference() -> None:
    assert find_differences(found(2, USD), found(3, USD, GHS), found(4, USD, GHS)) == []


def test_postgresql_counts_every_table_and_adds_up_the_totals(app_database: AppDatabase) -> None:
    total = Aggregate("members", "balance", ("name",))
    read = read_aggregates(app_database.admin_url, "", [total])
    assert read.rows["members"] == 500
    assert sum(group[2] for group in read.totals[total]) == 500


@pytest.mark.parametrize("given", ["x", {"table": "t"}, {"table": "t", "sum": "s", "by": "c"}])
def test_a_total_of_another_shape_is_refused_when_the_runbook_is_checked(
    given: Any, new_context: Any
) -> None:
    context: Context = new_context(
        {"p": {"kind": "prisma", "project": "/x", "command": "c", "database": "d"}}
    )
    with pytest.raises(Exception, match="each must look like"):
        registry()["prisma.sanity"].bind({"prisma": "p", "totals": [given]}, context)
