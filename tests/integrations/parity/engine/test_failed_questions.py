"""A question beside the rows that fails is a line of the result, and costs nothing that was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from integrations.parity.__main__ import DIFFERENT, main
from integrations.parity.beyond_rows import object_reader
from integrations.parity.beyond_rows.spot_checks import SpotCheck
from integrations.parity.beyond_rows.sql_rules import SqlRule
from integrations.parity.beyond_rows.totals import GroupTotal
from integrations.parity.engine import comparison_run, database_checks
from integrations.parity.engine.comparison import compare_live
from integrations.parity.errors import ServerUnreachable
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import COULD_NOT, exit_code
from integrations.parity.server import session_settings
from integrations.parity.server.snapshot import PostgresServer
from tests.integrations.parity.conftest import Pair, only, when


@pytest.fixture
def two(pair: Pair) -> Pair:
    pair.both(
        "create table a (id int primary key, v text)",
        "insert into a values (1, 'x')",
        "create table t (id serial primary key, v text)",
    )
    return pair


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("structure", ["told", "judged"])
def test_a_lock_costs_the_structure_and_nothing_else(
    two: Pair, side: str, structure: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(session_settings.SESSION_SETTINGS, "lock_timeout", "200ms")
    monkeypatch.setattr(object_reader, "IMPATIENT", "set local lock_timeout = '100ms'")
    two.target.run("update a set v = 'y'")
    with psycopg.connect(getattr(two, side).url) as holder:
        holder.execute("alter table t add constraint c check (id > 0)")
        code = main([two.source.url, two.target.url, "--structure", structure])
    told = capsys.readouterr().out
    assert code == DIFFERENT
    assert "a: 1 changed" in told
    assert "t: it could not be read: another session holds a lock on it" in told
    assert f"not compared: columns could not be compared: {side}: canceling statement due to lock" in told
    assert "present, not compared: columns: " in told


def test_a_table_that_is_dropped_after_it_was_read_costs_no_result(two: Pair) -> None:
    """The snapshot still lists it, and its definition is gone."""
    dropped = when("t", "done", lambda: two.both("drop table a"))
    result = compare_live(two.source.server, two.target.server, ComparisonOptions(), dropped)
    assert [table.equal for table in result.tables] == [True, True]
    assert exit_code(result) == COULD_NOT
    assert any("could not be compared: " in line for line in result.unsound)
    assert any(line.startswith("a was rewritten or truncated in the source") for line in result.unsound)
    assert only(result, "t").equal
    assert result.finished


KILL = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where application_name = 'parity' and datname = current_database()"
)
ALL = ComparisonOptions(
    totals=(GroupTotal("a", "id", ()), GroupTotal("t", "id", ())),
    checks=(SqlRule("rows", "select count(*) from a"), SqlRule("more", "select count(*) from t")),
    spots=(SpotCheck("a", {"id": "1"}, ()),),
)
#: The function of each question, and how the line begins that says that it failed.
QUESTIONS = {
    "find_sequences_behind": "the sequences could",
    "query_total": "the total “a: sum of id by nothing” could",
    "query_sql_rule": "the rule “rows” could",
    "query_spot_check": "the spot check of a could",
    "read_objects": "the structure could",
    "find_rewritten_tables": "which tables were rewritten meanwhile could",
}


def before_each(
    monkeypatch: pytest.MonkeyPatch, name: str, what: Callable[[], object], times: int = 100
) -> None:
    """Something happens each time that a question is asked, so many times."""
    ask, left = getattr(database_checks, name), [times]

    def asked(*given: Any, **named: Any) -> Any:
        if left[0]:
            left[0] -= 1
            what()
        return ask(*given, **named)

    monkeypatch.setattr(database_checks, name, asked)


def answers(two: Pair) -> tuple[list[Any], ...]:
    result = compare_live(two.source.server, two.target.server, ALL)
    return result.sequences, result.totals, result.checks, result.spots, result.uncompared


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_connection_that_is_lost_once_costs_no_answer(
    two: Pair, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = answers(two)
    before_each(monkeypatch, name, lambda: two.source.run(KILL) or two.target.run(KILL), times=1)
    result = compare_live(two.source.server, two.target.server, ALL)
    assert (result.partial, result.unsound) == ("", [])
    assert (result.sequences, result.totals, result.checks, result.spots, result.uncompared) == complete
    assert result.equal
    assert "a part was read in another snapshot, taken at 2" in result.notes[0]


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_that_loses_the_connection_each_time_is_one_line(
    two: Pair, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.target.run("update a set v = 'y'")

    def lose() -> None:
        two.target.run(KILL)
        raise ServerUnreachable("The connection was lost.")

    before_each(monkeypatch, name, lose)
    result = compare_live(two.source.server, two.target.server, ALL)
    assert result.unsound[0].startswith(QUESTIONS[name])
    failing = {"query_total": 2, "query_sql_rule": 2}.get(name, 1)  # so many questions call that function
    assert len(result.unsound) == failing
    assert len(result.totals) == 2 * (name != "query_total")
    assert len(result.checks) == 2 * (name != "query_sql_rule")
    assert len(result.spots) == (name != "query_spot_check")
    assert bool(result.judged_kinds) == (name != "read_objects")
    assert only(result, "a").changed == 1
    assert (bool(result.finished), result.partial) == (True, "")


def test_a_server_that_is_lost_for_good_leaves_a_line_for_the_rest(
    two: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison_run, "PATIENCE", 0.1)
    gone = [False]

    def connect() -> psycopg.Connection[tuple[Any, ...]]:
        if gone[0]:
            raise ServerUnreachable("It is gone.")
        return two.target.server.open()

    def die() -> None:
        gone[0] = True
        two.target.run(KILL)

    before_each(monkeypatch, "query_sql_rule", die, times=1)
    result = compare_live(two.source.server, PostgresServer(connect, "shop"), ALL)
    assert len(result.totals) == 2
    lines = [line.partition(" could not be compared: ")[0] for line in result.unsound]
    rest = "the rule “more”, the spot check of a, the structure, which tables were rewritten meanwhile"
    assert lines == ["the rule “rows”", rest]
    assert "did not come back within 0.1 s (It is gone.)" in result.partial
    assert [table.equal for table in result.tables] == [True, True]
    assert exit_code(result) == COULD_NOT


def test_a_right_that_is_missing_costs_its_question_and_is_named(two: Pair) -> None:
    two.source.run("drop role if exists reads_tables", "create role reads_tables login password 'of-a-test'",
                   "grant select on a, t to reads_tables", "create table hidden (id int primary key)",
                   "select lo_create(0)")  # fmt: skip
    two.target.run("create table hidden (id int primary key)", "select lo_create(0)")
    login = psycopg.conninfo.make_conninfo(two.source.url, user="reads_tables", password="of-a-test")
    try:
        result = compare_live(PostgresServer.from_url(login), two.target.server, ALL)
    finally:
        two.source.run("drop owned by reads_tables", "drop role reads_tables")
    said = "\n".join(result.unsound)
    assert "sequence values could not be compared: source: permission denied for sequence t_id_seq" in said
    assert "t_id_seq; grant SELECT on sequence t_id_seq to the role that compares" in said
    assert "contents of large objects could not be compared: source: permission denied" in said
    assert "grant SELECT on table hidden to the role that compares" in only(result, "hidden").unsound[0]
    assert [only(result, name).equal for name in "at"] == [True, True]
    assert result.judged_kinds
    assert [entry["equal"] for entry in (*result.totals, *result.checks, *result.spots)] == [True] * 5


def test_rows_that_could_not_be_read_again_cost_no_question(two: Pair) -> None:
    """Between the two readings the target became the source."""
    two.target.run("update a set v = 'y'")
    moved = [False]
    switched = PostgresServer(lambda: (two.source if moved[0] else two.target).server.open(), "shop")

    def move(line: str) -> None:
        if line.startswith("Reading the rows"):
            moved[0] = True
            two.target.run(KILL)

    observer = ComparisonObserver(on_log=move)
    result = compare_live(two.source.server, switched, ComparisonOptions(settle=0.1), observer)
    assert result.unsound[0].startswith("the rows that differ could not be read again: Both sides are the")
    assert only(result, "a").changed == 1
    assert not result.finished
