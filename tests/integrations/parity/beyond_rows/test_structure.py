"""What a database has beside rows is compared by what it does, whatever it is called."""

from __future__ import annotations

import json

from integrations.parity.engine.comparison import compare_before
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import LIMIT
from integrations.parity.server.snapshot import Snapshot
from tests.integrations.parity.conftest import Pair

TABLE = "create table t (id int primary key, v text, n int default 1)"


def told(pair: Pair, kind: str, **more: object) -> list[tuple[str, str | None, str | None]]:
    found = pair.compare(**more).structure[kind]
    return [(one["name"], one["source"], one["target"]) for one in found]


def test_an_index_with_another_name_is_the_same_and_one_that_is_missing_is_not(pair: Pair) -> None:
    pair.both(TABLE, "insert into t values (1)")
    pair.source.run("create index by_v on t (v)", "create index by_n on t (n desc) where n > 0")
    pair.target.run('create index "Another name" on t (v)')
    missing = [("t.by_n", "CREATE INDEX ON public.t USING btree (n DESC) WHERE (n > 0)", None)]
    assert told(pair, "indexes") == missing


def test_a_changed_constraint_is_reported_once_with_both_definitions(pair: Pair) -> None:
    pair.both(TABLE, "insert into t values (1)")
    pair.source.run("alter table t add constraint positive check (n > 0)")
    pair.target.run("alter table t add constraint positive check (n >= 0) not valid")
    both = [("t.positive", "CHECK ((n > 0))", "CHECK ((n >= 0)) NOT VALID (not validated)")]
    assert told(pair, "constraints") == both


def test_a_primary_key_under_another_name_is_the_same(pair: Pair) -> None:
    pair.source.run("create table t (id int constraint t_pkey primary key)")
    pair.target.run('create table t (id int constraint "PK" primary key)')
    pair.both("insert into t values (1)")
    assert told(pair, "constraints") == []


def test_foreign_keys_triggers_defaults_and_generated_columns_are_compared(pair: Pair) -> None:
    pair.both(
        TABLE, "create table c (id int primary key, t int, twice int generated always as (id * 2) stored)",
        "create function stamp() returns trigger language plpgsql as 'begin return new; end'",
        "create trigger stamping before update on t for each row execute function stamp()",
        "insert into t values (1)", "insert into c values (1, 1)",
    )  # fmt: skip
    pair.source.run("alter table c add foreign key (t) references t on delete cascade")
    pair.target.run(
        "alter table c add foreign key (t) references t",
        "alter table t disable trigger stamping",
        "alter table t alter n set default 2",
    )
    result = pair.compare()
    names = {kind: [one["name"] for one in found] for kind, found in result.structure.items()}
    assert names["constraints"] == ["c.c_t_fkey"]
    assert names["triggers"] == ["t.stamping"]
    assert names["columns"] == ["t.n"]
    assert result.structure["triggers"][0]["target"].endswith("(disabled)")
    assert result.summary.endswith("1 part of the structure not the same (triggers that do not always fire"
                                   " t.stamping).")  # fmt: skip
    assert pair.compare(structure="told").equal


def test_judged_structure_counts_against_equal_unless_it_is_declared(pair: Pair) -> None:
    pair.both(TABLE, "insert into t values (1)")
    pair.target.run("create index by_v on t (v)", "alter table t alter n drop default")
    judged = pair.compare(structure="judged")
    assert not judged.equal
    assert "2 parts of the structure not the same (columns t.n, indexes t.by_v)" in judged.summary
    rules = [
        {"kind": "structure", "table": "t", "column": "by_*"},
        {"kind": "structure", "table": "t", "column": "n"},
    ]
    declared = pair.compare(rules, structure="judged")
    assert declared.equal
    assert declared.unmet_rules == []
    assert pair.compare(structure="off").structure == {}


def test_extensions_and_the_database_itself_are_compared(pair: Pair) -> None:
    pair.both(TABLE, "insert into t values (1)")
    found = pair.compare().structure
    assert found["extensions"] == found["settings"] == []
    pair.target.run("drop extension plpgsql")
    assert told(pair, "extensions") == [("plpgsql", "version 1.0", None)]


def test_a_table_that_only_one_side_has_is_reported_as_a_table(pair: Pair) -> None:
    pair.both(TABLE, "insert into t values (1)")
    pair.target.run("create table more (id int default 7)")
    result = pair.compare()
    assert result.structure["columns"] == []
    assert result.schema["new_tables"] == ["more"]


def test_the_collation_of_a_column_is_compared(pair: Pair) -> None:
    pair.source.run('create table t (id int primary key, v text collate "C")')
    pair.target.run('create table t (id int primary key, v text collate "POSIX")')
    pair.both("insert into t values (1, 'a')")
    assert told(pair, "columns") == [("t.v", 'null collate "C"', 'null collate "POSIX"')]


def test_the_structure_of_before_is_compared_without_a_backup(pair: Pair) -> None:
    pair.source.run(TABLE, "insert into t values (1)", "create index by_v on t (v)")
    with Snapshot(pair.source.server) as snapshot:
        kept = take_fingerprint(snapshot)
    pair.source.run("drop index by_v", "alter table t add check (n > 0)")
    result = compare_before(kept, pair.source.server, ComparisonOptions())
    assert [one["name"] for one in result.structure["indexes"]] == ["t.by_v"]
    assert [one["name"] for one in result.structure["constraints"]] == ["t.t_n_check"]
    assert result.equal, "told, and not judged"
    assert not compare_before(kept, pair.source.server, ComparisonOptions(structure="judged")).equal


def test_a_result_with_very_many_differences_stays_small_and_says_how_many_there_are(pair: Pair) -> None:
    pair.both(*(f"create table t{n} (id int primary key, v text)" for n in range(40)))
    pair.both(*(f"insert into t{n} select i, repeat('x', 400) from generate_series(1, 150) i"
                for n in range(40)))  # fmt: skip
    pair.target.run(*(f"update t{n} set v = repeat('y', 400)" for n in range(40)))
    pair.target.run(*(f"create index on t{n} (v, (id + {m}))" for n in range(40) for m in range(10)))
    result = pair.compare()
    facts = result.as_facts()
    assert len(json.dumps(facts)) < LIMIT
    assert sum(table["changed"] for table in facts["tables"]) == 40 * 150
    assert facts["structure"]["indexes"][-1]["name"].endswith("more")
