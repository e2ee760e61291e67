"""Two databases have one fingerprint exactly when they hold the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integrations.backups import fingerprint
from integrations.clients import postgres

ROWS = "insert into t values (1, 'a', 'b', 5.0, '{\"k\": [1]}', '2024-01-01 00:00:00.000001', null)"
TABLE = "create table t (id int, x text, y text, n numeric, d jsonb, at timestamptz, e text)"


def taken(url: str, *statements: str) -> dict[str, Any]:
    with postgres.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)
        fingerprint.pin_session_settings(connection)
        return fingerprint.compute_fingerprint(connection)


def test_order_of_rows_and_settings_of_the_session_do_not_matter(new_database: Callable[[], str]) -> None:
    one, two = new_database(), new_database()
    floats = "create table f (v double precision, at timestamptz, b bytea, i interval, m money)"
    one_row, other_row = "(0.1::float8 / 3, '2024-05-01 12:00+02', '\\x00ff', '1 mon 2 days', 3.5)", "(1)"
    first = taken(one, floats, f"insert into f values {one_row}", f"insert into f values {other_row}")
    swapped = f"insert into f values {other_row}", f"insert into f values {one_row}"
    odd = ("set timezone = 'Asia/Tokyo'", "set datestyle = 'SQL, DMY'", "set bytea_output = 'escape'")
    second = taken(
        two, floats, *odd, "set extra_float_digits = 0", "set intervalstyle = 'iso_8601'", *swapped
    )
    assert first == second
    assert fingerprint.compute_digest(first) == fingerprint.compute_digest(second)
    assert fingerprint.describe_differences(first, second) == []


@pytest.mark.parametrize(
    "change",
    [
        "update t set x = 'b', y = 'a'",  # swapped between columns
        "update t set x = 'ab', y = ''",
        "update t set x = null, e = 'a'",
        "update t set e = ''",  # NULL against empty
        "update t set n = -n",
        "update t set n = 5.00",
        "update t set d = '[{\"k\": 1}]'",
        "update t set at = at + interval '1 microsecond'",
        "update t set id = 4294967297 % 4294967296 + 1",
    ],
)
def test_every_changed_value_changes_the_fingerprint(new_database: Callable[[], str], change: str) -> None:
    one, two = new_database(), new_database()
    before, after = taken(one, TABLE, ROWS), taken(two, TABLE, ROWS, change)
    assert fingerprint.describe_differences(before, after) == [
        "The table public.t has its 1 rows, but not all with the same values."
    ]
    assert fingerprint.compute_digest(before) != fingerprint.compute_digest(after)


def test_values_swapped_between_rows_change_the_fingerprint(new_database: Callable[[], str]) -> None:
    one, two = new_database(), new_database()
    table = "create table s (id int, v text, w text)"
    before = taken(one, table, "insert into s values (1, 'a', 'b'), (2, 'c', 'd')")
    after = taken(two, table, "insert into s values (1, 'c', 'b'), (2, 'a', 'd')")
    assert len(fingerprint.describe_differences(before, after)) == 1


def test_a_cast_that_shows_a_part_of_a_row_hides_nothing(new_database: Callable[[], str]) -> None:
    label = "create function label(t) returns text language sql immutable return 'row ' || ($1).id"
    one, two = (
        taken(new_database(), "create table t (id int, city text)", f"insert into t values (1, '{city}')",
              label, "create cast (t as text) with function label(t)")
        for city in ("Aba", "Jos")
    )  # fmt: skip
    assert one["tables"] != two["tables"]


def test_a_column_called_like_the_row_does_not_hide_the_others(new_database: Callable[[], str]) -> None:
    one, two = new_database(), new_database()
    table = "create table s (cutover_row text, v int)"
    before = taken(one, table, "insert into s values ('same', 1)")
    after = taken(two, table, "insert into s values ('same', 2)")
    assert len(fingerprint.describe_differences(before, after)) == 1


def test_sequences_may_move_while_the_dump_runs_and_no_further() -> None:
    compare = fingerprint.describe_sequence_differences
    assert compare({"s": 5, "u": None}, {"s": 9, "u": 2}, {"s": 7, "u": 1}) == []
    assert compare({"s": 5}, {"s": 9}, {"s": 10}) == ["The sequence s stands at 10 instead of 5."]
    assert compare({"s": 5}, {"s": 5}, {"s": None}) == ["The sequence s stands at None instead of 5."]
    assert compare({"s": 5}, {"s": 5}, {}) == ["The sequence s is missing."]
    assert compare({"down": -1}, {"down": -4}, {"down": -2}) == []
