"""Rules that match nothing are named with their position; each kind of rule, on both sides and on one."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.parity.model.declared import parse_rules
from integrations.parity.model.unmatched_rules import ColumnShape, find_unmatched_rules, read_shape
from tests.integrations.parity.conftest import Pair

TEXT, TIME = ColumnShape("text", required=False), ColumnShape("timestamp", required=False)
NEEDED = ColumnShape("text", required=True)
BEFORE = {
    "users": {"name": TEXT, "email": NEEDED, "at": TIME, "note": TEXT, "gone": TEXT},
    "old": {"version": NEEDED},
}
AFTER = {
    "users": {"name": NEEDED, "email": NEEDED, "at": TIME, "note": TEXT, "role": NEEDED},
    "new": {"id": NEEDED},
}


def find(**rule: Any) -> list[str]:
    return find_unmatched_rules(BEFORE, AFTER, parse_rules([rule]))


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "null_is_default", "table": "users", "column": "name", "default": ""},
        {"kind": "null_is_filled", "table": "*", "column": "n*"},
        {"kind": "rounded", "table": "*", "column": "*"},
        {"kind": "new_column", "table": "users", "column": "role"},
        {"kind": "dropped_column", "table": "users", "column": "gone"},
        {"kind": "new_table", "table": "new"},
        {"kind": "dropped_table", "table": "ol*"},
        {"kind": "new_rows", "table": "users"},
        {"kind": "structure", "table": "users", "column": "ix_users_email"},
        {"kind": "structure", "table": "(database)", "column": "collation"},
        {"kind": "not_compared", "table": "old"},
        {"kind": "not_compared", "table": "users", "column": "role"},
    ],
    ids=lambda rule: f"{rule['kind']}-{rule['table']}",
)
def test_a_rule_that_names_something_is_not_reported(rule: dict[str, Any]) -> None:
    assert find(**rule) == []


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"kind": "null_is_filled", "table": "users", "column": "nmae"}, "no column of that name is on both"),
        ({"kind": "null_is_filled", "table": "users", "column": "email"}, "NOT NULL already"),
        ({"kind": "null_is_filled", "table": "users", "column": "note"}, "nothing fills it"),
        ({"kind": "rounded", "table": "users", "column": "name"}, "holds a time"),
        ({"kind": "new_column", "table": "users", "column": "name"}, "only after"),
        ({"kind": "new_column", "table": "new", "column": "id"}, "only after"),
        ({"kind": "dropped_column", "table": "users", "column": "name"}, "only before"),
        ({"kind": "new_table", "table": "users"}, "only after"),
        ({"kind": "dropped_table", "table": "users"}, "only before"),
        ({"kind": "new_rows", "table": "user"}, "no such table"),
        ({"kind": "structure", "table": "user", "column": "ix"}, "no such table"),
        ({"kind": "not_compared", "table": "users", "column": "nmae"}, "no such table or column"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["kind"],
)
def test_a_rule_that_names_nothing_is_reported_with_the_reason(rule: dict[str, Any], reason: str) -> None:
    (found,) = find(**rule)
    assert found.startswith(f"declared difference 1 ({rule['kind']} {rule['table']}")
    assert reason in found


def test_the_position_is_the_one_in_the_list_and_personal_columns_are_judged_by_both_sides() -> None:
    rules = parse_rules([{"kind": "new_rows", "table": "users"}, {"kind": "new_rows", "table": "user"}])
    personal = ("*.email", "users.role", "users.phone", "new.i*")
    assert find_unmatched_rules(BEFORE, AFTER, rules, personal, ("users.role", "users.rank")) == [
        "declared difference 2 (new_rows user): no such table or column is there",
        "personal column 3 (users.phone): no table has such a column",
        "harmless column 2 (users.rank): no table has such a column",
    ]


def test_one_side_alone_tells_only_what_it_can() -> None:
    rules = parse_rules(
        [
            {"kind": "new_table", "table": "anything"},
            {"kind": "new_column", "table": "users", "column": "anything"},
            {"kind": "null_is_filled", "table": "users", "column": "note"},
            {"kind": "null_is_filled", "table": "users", "column": "nmae"},
        ]
    )
    assert find_unmatched_rules(BEFORE, None, rules, ("never.there",), ("nor.here",)) == [
        "declared difference 4 (null_is_filled users.nmae): no column of that name is in this database"
    ]


def test_tables_that_are_not_compared_are_known_from_the_structure() -> None:
    shape = read_shape([], {"columns": {"t": {"id": "not null", "v": "null default 1"}}})
    assert shape == {"t": {"id": ColumnShape("", required=True), "v": ColumnShape("", required=False)}}


def test_a_comparison_with_such_a_rule_is_not_equal_and_names_it(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v timestamp)", "insert into t values (1, null)")
    assert pair.compare([{"kind": "rounded", "table": "t", "column": "v"}]).equal
    result = pair.compare([{"kind": "rounded", "table": "t", "column": "w"}])
    assert not result.equal
    assert result.unmatched_rules == [
        "declared difference 1 (rounded t.w): no column of that name is on both sides"
    ]
    assert "1 rule matches nothing (declared difference 1 (rounded t.w)" in result.summary
    assert pair.compare([]).digest != result.digest
    assert pair.compare([], harmless=("t.v",)).equal
    assert "harmless column 1 (t.x): no table" in pair.compare([], harmless=("t.x",)).summary
