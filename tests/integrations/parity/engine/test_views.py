"""Views are compared where they are asked for by name, as what they answer, row by row."""

from __future__ import annotations

from tests.integrations.parity.conftest import Pair

TABLE = (
    "create table t (id int primary key, kind text, v int)",
    "insert into t select i, 'k' || i % 3, i from generate_series(1, 60) i",
    "create schema reports",
    "create view reports.by_kind as select kind, count(*) as n, sum(v) as v from t group by 1",
    "create materialized view kept as select kind, v from t where v < 10",
)
VIEWS = ("reports.by_kind", "kept")


def test_views_are_left_alone_unless_they_are_named(pair: Pair) -> None:
    pair.both(*TABLE)
    pair.target.run(
        "create or replace view reports.by_kind as select 'k' as kind, 1::bigint as n, 1::bigint as v"
    )
    assert [table.table for table in pair.compare().tables] == ["t"]


def test_a_view_is_compared_as_rows_without_a_key(pair: Pair) -> None:
    pair.both(*TABLE)
    assert pair.compare(views=VIEWS).equal
    pair.target.run("update t set v = 61 where id = 60")
    result = pair.compare(views=VIEWS)
    found = {table.table: (table.changed, table.missing, table.extra) for table in result.tables}
    assert found == {"t": (1, 0, 0), "reports.by_kind": (0, 1, 1), "kept": (0, 0, 0)}
    (view,) = (table for table in result.tables if table.table == "reports.by_kind")
    assert {row.kind: row.columns["v"] for row in view.examples} == {
        "missing": ["630", None],
        "extra": [None, "631"],
    }


def test_rows_of_a_view_have_no_repair_sql(pair: Pair) -> None:
    pair.both(*TABLE)
    pair.target.run("update t set v = 61 where id = 60")
    assert pair.table("reports.by_kind", views=VIEWS).repair == []
    assert len(pair.table("t", views=VIEWS).repair) == 1


def test_a_missing_view_is_reported(pair: Pair) -> None:
    pair.both(*TABLE)
    result = pair.compare(views=("by_kind",))
    assert not result.equal
    assert result.unsound == ["there is no view by_kind to compare"]
    pair.target.run("drop view reports.by_kind")
    gone = pair.compare(views=VIEWS)
    assert gone.schema["undeclared"] == ["missing table reports.by_kind"]
