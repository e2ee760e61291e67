"""Objects that belong to no schema, what is never compared, and objects of before."""

from __future__ import annotations

import psycopg

from integrations.parity.beyond_rows.object_reader import read_objects
from integrations.parity.engine.comparison import compare_before
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.model.announced import AnnouncedChange
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import COULD_NOT, DIFFERENT, exit_code
from integrations.parity.report.wording import describe_uncompared
from integrations.parity.result import ComparisonResult
from integrations.parity.server.snapshot import Snapshot
from tests.integrations.parity.conftest import Database, Pair

BASE = ("create table t (id int primary key)", "insert into t values (1)")


def differing(result: ComparisonResult) -> dict[str, list[tuple[str, str | None, str | None]]]:
    return {
        kind: [(one["name"], one["source"], one["target"]) for one in entries]
        for kind, entries in result.structure.items()
        if entries
    }


def test_large_objects_are_counted_and_their_contents_compared(pair: Pair) -> None:
    pair.both(*BASE, "select lo_from_bytea(16999, repeat('abc', 9999)::bytea)")
    assert pair.compare().equal
    pair.target.run("select lo_put(16999, 20000, 'x')")
    changed = pair.compare()
    assert list(differing(changed)) == ["contents of large objects"]
    assert exit_code(changed) == DIFFERENT
    pair.target.run("select lo_unlink(16999)")
    gone = differing(pair.compare())
    assert gone["large objects"] == [("large objects", "1", None)]


def test_contents_that_may_not_be_read_are_a_line_of_the_result(pair: Pair) -> None:
    pair.both(*BASE, "select lo_from_bytea(16999, 'abc')")
    pair.source.run("drop role if exists onlooker", "create role onlooker login password 'x'")
    pair.both("grant select on t to onlooker")
    try:
        as_onlooker = Pair(
            *(Database(as_role(side.url, "onlooker", "x")) for side in (pair.source, pair.target))
        )
        result = as_onlooker.compare()
        assert exit_code(result) == COULD_NOT
        assert [line for line in result.unsound if line.startswith("contents of large objects could not be")]
        rule = {"kind": "not_compared", "table": "(database)", "column": "contents of large objects"}
        left_out = as_onlooker.compare([rule])
    finally:
        pair.both("drop owned by onlooker")
        pair.source.run("drop role onlooker")
    assert left_out.equal, left_out.summary
    assert [one["kind"] for one in left_out.uncompared] == ["contents of large objects"]


def as_role(url: str, role: str, password: str) -> str:
    return psycopg.conninfo.make_conninfo(url, user=role, password=password)


def test_rows_of_users_in_tables_of_extensions_are_compared(pair: Pair) -> None:
    pair.both(
        *BASE, "create table kept (id int, v text)", "create table other (id int)",
        "insert into kept values (1, 'ours'), (-1, 'theirs')",
        "alter extension plpgsql add table kept", "alter extension plpgsql add table other",
        "update pg_extension set extconfig = array['kept'::regclass::oid],"
        " extcondition = array['where id > 0'] where extname = 'plpgsql'",
    )  # fmt: skip
    pair.target.run("update kept set v = 'newer' where id = -1")
    assert pair.compare().equal
    pair.target.run("update kept set v = 'lost' where id = 1")
    result = pair.compare()
    assert list(differing(result)) == ["tables of extensions"]
    assert exit_code(result) == DIFFERENT
    assert result.uncompared == [
        {
            "kind": "other tables of extensions",
            "source": 1,
            "target": 1,
            "reason": "this kind is never compared",
        }
    ]


def test_a_foreign_table_of_either_side_is_told(pair: Pair) -> None:
    pair.both(*BASE)
    pair.source.run(
        "create foreign data wrapper w", "create server s foreign data wrapper w",
        "create foreign table f (id int, v text) server s",
    )  # fmt: skip
    result = pair.compare()
    assert differing(result) == {
        "foreign tables": [("f", "server s (id integer, v text)", None)],
        "owners": [("f.owner", "postgres", None)],
    }
    assert "f is a foreign table: its rows are another server's" in result.unsound


def test_publications_and_subscriptions_are_reported(pair: Pair) -> None:
    pair.both(*BASE, "create publication p for table t")
    pair.target.run(
        "alter publication p set (publish = 'insert')",
        "create subscription s connection 'dbname=none' publication q with (connect = false)",
    )
    result = pair.compare()
    pair.target.run("alter subscription s set (slot_name = none)", "drop subscription s")
    assert result.equal
    assert differing(result) == {
        "publications": [("p", "insert update delete truncate of public.t", "insert of public.t")],
        "subscriptions": [("s", None, "disabled, of q")],
    }


def test_what_is_there_and_never_compared_is_listed_with_its_number(pair: Pair) -> None:
    pair.both(*BASE, "create table u (id int, v int)")
    assert pair.compare().uncompared == []
    pair.both("create table p (id int) partition by range (id)", "create index of_all on p (id)")
    pair.both("create table p1 partition of p for values from (1) to (9) with (fillfactor = 70)")
    assert [one["kind"] for one in pair.compare().uncompared] == ["storage parameters"]
    pair.target.run(
        "create index on p1 (id)", "alter table p1 add check (id > 0)", "alter table t replica identity full",
        "create trigger s before update on p1 for each row"
        " execute function suppress_redundant_updates_trigger()",
    )  # fmt: skip
    assert list(describe_uncompared(vars(pair.compare()))) == [
        f"{what} (this kind is never compared)"
        for what in ("indexes of single partitions: 0 → 1", "constraints of single partitions: 0 → 1",
                     "triggers of single partitions: 0 → 1", "replica identities: 0 → 1",
                     "storage parameters: 1")
    ]  # fmt: skip
    pair.both("drop table p", "alter table t replica identity default")
    pair.both("create rule r as on insert to t do also nothing", "comment on table t is 'x'")
    pair.target.run(
        "create statistics s on id, v from u", "alter default privileges grant select on tables to public"
    )
    result = pair.compare()
    assert result.equal
    assert list(describe_uncompared(vars(result))) == [
        "extended statistics: 0 → 1 (this kind is never compared)",
        "rules: 1 (this kind is never compared)",
        "comments: 1 (this kind is never compared)",
        "default privileges: 0 → 1 (this kind is never compared)",
    ]
    pair.target.run("create view w as select 1")
    off = pair.compare(structure="off")
    counted = {one["kind"]: (one["source"], one["target"]) for one in off.uncompared}
    assert counted["views"] == (0, 1)
    assert counted["columns"] == (3, 3)


def test_a_defect_that_only_the_source_has_is_no_difference(pair: Pair) -> None:
    pair.both(*BASE, "create index i on t (id)")
    pair.source.run("update pg_index set indisvalid = false where indexrelid = 'i'::regclass")
    assert pair.compare().equal


def test_a_sequence_that_is_ahead_or_descends_is_judged_by_its_direction(pair: Pair) -> None:
    pair.both(*BASE, "create sequence up", "create sequence down increment -1")
    pair.target.run("select setval('up', 10)", "select setval('down', -10)")
    assert pair.compare().equal
    pair.source.run("select setval('down', -11)")
    assert differing(pair.compare()) == {
        "sequence values": [("down", "next is -12 (descending)", "next is -11 (descending)")]
    }


def test_objects_of_before_are_compared_and_announced_changes_counted_apart(pair: Pair) -> None:
    pair.source.run(*BASE, "create view w as select 1 as one", "create type mood as enum ('sad')")
    with Snapshot(pair.source.server) as snapshot:
        kept = take_fingerprint(snapshot)
    pair.source.run(
        "drop view w", "alter type mood add value 'happy'", "create index by_id on t (id)",
        "create sequence more",
    )  # fmt: skip
    told = compare_before(kept, pair.source.server, ComparisonOptions(judge=("indexes",)))
    assert "4 parts of the structure not the same" in told.summary
    announced = (
        AnnouncedChange("views", "(database)", "w"), AnnouncedChange("*", "*", "mood"),
        AnnouncedChange("indexes", "t"), AnnouncedChange("sequences", "*", "more"),
    )  # fmt: skip
    options = ComparisonOptions(judge=("indexes",), announced=announced)
    expected = compare_before(kept, pair.source.server, options)
    assert expected.equal, expected.summary
    assert expected.expected_count == 4
    assert "4 parts of the structure changed as announced" in expected.summary
    one_less = ComparisonOptions(judge=("indexes",), announced=announced[1:])
    assert "(views w)" in compare_before(kept, pair.source.server, one_less).summary


def test_a_fingerprint_without_objects_is_not_equal(pair: Pair) -> None:
    pair.source.run(*BASE)
    with Snapshot(pair.source.server) as snapshot:
        kept = take_fingerprint(snapshot)
        after = read_objects(snapshot)
    facts = kept.as_facts()
    del facts["objects"]
    kept.objects = type(kept.objects).from_facts(facts["structure"], facts.get("objects"))
    result = compare_before(kept, pair.source.server, ComparisonOptions())
    assert exit_code(result) == COULD_NOT
    (line,) = [line for line in result.unsound if line.startswith("the objects beside the rows could not")]
    assert "the fingerprint was taken without this" in line
    named = {one["kind"]: one for one in result.uncompared}
    assert named["columns"] == {
        "kind": "columns", "source": None, "target": after.count("columns"),
        "reason": "the fingerprint was taken without it",
    }  # fmt: skip
