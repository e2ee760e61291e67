"""Each kind of objects is compared: two databases that differ only in it are told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cutover.embedded import Postgres
from integrations.parity.beyond_rows.object_registry import BY_NAME, KINDS
from integrations.parity.report.facts import DIFFERENT, exit_code
from integrations.parity.report.wording import describe_structure
from tests.conftest import databases
from tests.integrations.parity.conftest import Database, Pair


@dataclass(frozen=True)
class Case:
    """Statements for both sides and for the target alone, and the parts that have to differ."""

    kind: str
    both: str
    target: str
    parts: tuple[str, ...]
    also: frozenset[str] = frozenset()  # kinds that cannot but differ as well


PARENT = "create table p (id int, v text) partition by range (id);"
STAMP = "create function stamp() returns trigger language plpgsql as 'begin return new; end';"

#: Each in a schema of its own, so that a comparison of that schema differs in nothing else.
CASES = [
    Case("columns", "", "alter table t alter v set default 'x'", ("t.v",)),
    Case("indexes", "", "create index by_v on t (v)", ("t.by_v",)),
    Case("constraints", "", "alter table t add constraint c check (id > 0)", ("t.c",)),
    Case(
        "triggers", STAMP, "create trigger s before update on t for each row execute function stamp()",
        ("t.s",),
    ),
    Case(
        "invalid indexes", "create index i on t (v)",
        "update pg_index set indisvalid = false where indexrelid = 'i'::regclass", ("t.i",),
    ),
    Case(
        "constraints that rows may break", "", "alter table t add constraint c check (id > 0) not valid",
        ("t.c",), frozenset({"constraints"}),
    ),
    Case(
        "triggers that do not always fire",
        "alter table t add parent int references t (id)", "alter table t disable trigger all",
        ("t.t_parent_fkey",),
    ),
    Case("row security", "", "alter table t enable row level security", ("t.row security",)),
    Case(
        "policies", "create policy mine on t using (v = current_user)",
        "alter policy mine on t using (true)", ("t.mine",),
    ),
    Case("unlogged tables", "", "alter table t set unlogged", ("t.persistence",)),
    Case(
        "partitions", f"{PARENT} create table p1 partition of p for values from (1) to (9)",
        "alter table p detach partition p1; alter table p attach partition p1 for values from (1) to (5)",
        ("p.{schema}.p1",),
    ),
    Case("inheritance", "create table ch () inherits (t)", "alter table ch no inherit t", ("ch.{schema}.t",)),
    Case("sequences", "create sequence invoices", "alter sequence invoices increment 2", ("invoices",)),
    Case("sequence values", "create sequence invoices", "", ("invoices",)),
    Case(
        "enums", "create type mood as enum ('sad', 'happy')", "alter type mood rename value 'sad' to 'blue'",
        ("mood",),
    ),
    Case(
        "domains", "create domain cents as int check (value > 0)",
        "alter domain cents drop constraint cents_check", ("cents",),
    ),
    Case(
        "composite and range types", "create type place as (street text, zip text)",
        "alter type place alter attribute zip type int", ("place",),
    ),
    Case(
        "views", "create view w as select id from t",
        "create or replace view w as select id from t where id > 1", ("w",),
    ),
    Case(
        "materialized views", "create materialized view m as select id from t",
        "refresh materialized view m with no data", ("m",),
    ),
    Case(
        "functions of triggers", STAMP,
        "create or replace function stamp() returns trigger language plpgsql as 'begin return null; end'",
        ("stamp()",),
    ),
    Case(
        "functions", "create function one(n int) returns int language sql as 'select 1'",
        "create or replace function one(n int) returns int language sql as 'select 2'", ("one(n integer)",),
    ),
    Case("owners", "", "alter table t owner to pg_monitor", ("t.owner",)),
    Case("grants", "", "grant select on t to pg_monitor", ("t.grants",)),
]  # fmt: skip
OF_THE_DATABASE = {
    "foreign tables", "large objects", "contents of large objects", "tables of extensions", "extensions",
    "settings", "publications", "subscriptions",
}  # fmt: skip


def schema_of(case: Case) -> str:
    return case.kind.replace(" ", "_")


@pytest.fixture(scope="module")
def two(postgres_server: Postgres) -> Iterator[Pair]:
    """Two databases that differ in every case, each in its own schema."""
    with databases(postgres_server) as make:
        pair = Pair(Database(make()), Database(make()))
        for database, sides in ((pair.source, ["both"]), (pair.target, ["both", "target"])):
            for case in CASES:
                schema = schema_of(case)
                begin = (
                    f"create schema {schema}; set search_path = {schema}; create table t (id int, v text);"
                )
                # The rows are there: without one, “nothing was compared” would be the reason for red.
                begin += "alter table t add primary key (id); insert into t values (1, 'a');"
                database.run(begin + ";".join(getattr(case, side) for side in sides))
        pair.source.run("select setval('sequence_values.invoices', 5000)")
        yield pair


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_a_pair_that_differs_only_in_one_kind_is_told_apart(two: Pair, case: Case) -> None:
    schema = schema_of(case)
    result = two.compare(schemas=(schema,))
    differing = {kind: entries for kind, entries in result.structure.items() if entries}
    assert set(differing) - case.also == {case.kind}
    names = [entry["name"] for entry in differing[case.kind]]
    assert names == [f"{schema}.{part.format(schema=schema)}" for part in case.parts]
    judged = BY_NAME[case.kind].judged
    assert exit_code(result) == (DIFFERENT if judged else 0)
    assert f"part of the structure not the same ({case.kind} " in result.summary or not judged
    if not judged:
        assert exit_code(two.compare(schemas=(schema,), judge=(case.kind,))) == DIFFERENT
    (line,) = [line for line in describe_structure(vars(result)) if line.startswith(f"{case.kind} ")]
    assert line.endswith("(told, not judged)") is not judged


def test_no_kind_is_without_a_case() -> None:
    assert {case.kind for case in CASES} | OF_THE_DATABASE == {kind.name for kind in KINDS}
