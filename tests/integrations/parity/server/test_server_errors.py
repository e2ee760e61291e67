"""What is told of a server's error holds no value of a row, and still says what went wrong."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from integrations.parity.__main__ import COULD_NOT, main
from integrations.parity.beyond_rows.sql_rules import SqlRule
from integrations.parity.beyond_rows.totals import GroupTotal
from integrations.parity.engine.comparison import compare_live
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.errors import ParityError, ServerUnreachable
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.server_errors import safe_message
from integrations.parity.server.snapshot import PostgresServer, Snapshot
from tests.integrations.parity.conftest import Database, Pair, only
from tests.servers import Postgres

SECRET = 'Ada "Byron", 77'
MADE = (
    "create type mood as enum ('sad', 'ok')",
    "create table t (id int primary key, v text)",
    f"insert into t values (1, '{SECRET}')",
    """create function complain(text) returns int language plpgsql immutable as
         'begin raise exception ''no such member: %'', $1; end'""",
)

#: question about the table's row → what is told of the error it ends with
TOLD = {
    "select v::int from t": "invalid input syntax for type integer: … (SQLSTATE 22P02)",
    "select v::mood from t": "invalid input value for enum mood: … (SQLSTATE 22P02)",
    "select v::timestamp from t": "invalid input syntax for type timestamp: … (SQLSTATE 22007)",
    "select v::int[] from t": "malformed array literal: … (SQLSTATE 22P02)",
    "select v::jsonb from t": "invalid input syntax for type json",
    "select to_date(v, 'YYYY') from t": "invalid value … (SQLSTATE 22007)",
    "select timezone(v, now()) from t": "time zone … not recognized (SQLSTATE 22023)",
    "select v::regclass from t": "invalid name syntax",
    "select regexp_replace(v, '.*', 'Ada')::regclass from t": "relation … does not exist (SQLSTATE 42P01)",
    "select chr(id * 77777777) from t": "requested character too large for encoding: … (SQLSTATE 54000)",
    "select left(v, id)::varchar(3)::int8 from t": "invalid input syntax for type bigint: … (SQLSTATE 22P02)",
    "select complain(v) from t": "a function of the database raised an error, whose words may hold values"
    " (SQLSTATE P0001)",
    "select 7 / (id - 1) from t": "division by zero",
    "select w from t": 'column "w" does not exist',
    "select * from nowhere": 'relation "nowhere" does not exist',
    "update t set v = ''": "cannot execute UPDATE in a read-only transaction",
}


@pytest.fixture
def secretive(pair: Pair) -> Pair:
    pair.both(*MADE)
    return pair


def test_every_kind_of_message_keeps_its_meaning_and_loses_the_value(secretive: Pair) -> None:
    with Snapshot(secretive.source.server) as snapshot:
        for question, words in TOLD.items():
            with pytest.raises(psycopg.Error) as met, snapshot.savepoint():
                snapshot.fetch_rows(sql.SQL(question))
            assert safe_message(met.value) == words, question


def test_bytes_without_a_counterpart_in_another_encoding_are_masked(secretive: Pair) -> None:
    with psycopg.connect(secretive.source.url, autocommit=True) as connection:
        for question in (
            "select convert_to('字', 'LATIN1')",
            "select convert_from('\\xe9e9'::bytea, 'UTF8')",
        ):
            with pytest.raises(psycopg.Error) as met:
                connection.execute(question)
            assert "0x" not in safe_message(met.value)
            assert '"UTF8"' in safe_message(met.value)


@pytest.mark.parametrize("quotes", ["»{}«", "« {} »", "„{}“", "“{}”", "'{}'"])
def test_quotes_of_other_languages_and_of_the_client_are_quotes(quotes: str) -> None:
    error = psycopg.DataError(f"ungültige Eingabe: {quotes.format(SECRET)}\nZEILE 1: {SECRET}")
    assert safe_message(error) == "ungültige Eingabe: … (SQLSTATE unknown)"


def test_nothing_that_a_comparison_reports_contains_the_value(
    secretive: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables, totals, rules and entities, in every form in which a comparison is told."""
    for number, bad in enumerate(("v::int", "complain(v)", "v::numeric[]", "(v::jsonb)::text")):
        secretive.both(f"create view w{number} as select id, {bad} as v from t")
    asked = tmp_path / "asked.yaml"
    asked.write_text(
        json.dumps({
            "totals": [{"table": "t", "sum": "v"}],
            "checks": [{"name": "numbers", "sql": "select v::int from t"},
                       {"name": "complaint", "sql": "select complain(v) from t"}],
            "spots": [{"table": "w0", "key": {"id": "1"}}],
        })
    )  # fmt: skip
    views = [part for number in range(4) for part in ("--view", f"w{number}")]
    urls, page = [secretive.source.url, secretive.target.url], tmp_path / "page.html"
    assert main([*urls, *views, "--declared", str(asked), "--json", "--html", str(page)]) == COULD_NOT
    facts = capsys.readouterr()
    assert main([*urls, *views, "--declared", str(asked)]) == COULD_NOT
    text = capsys.readouterr()
    for told in (facts.out, facts.err, page.read_text(), text.out, text.err):
        assert "Ada" not in told
        assert "Byron" not in told
    tables = {table["table"]: table["unsound"] for table in json.loads(facts.out)["tables"]}
    assert tables["w0"] == [
        "v: holds a value that cannot be compared, so the column was not:"
        " invalid input syntax for type integer: … (SQLSTATE 22P02)"
    ]
    assert "SQLSTATE P0001" in tables["w1"][0]
    assert "sum of t.v by nothing: not the same; source: invalid input syntax for type numeric: …" in text.out


def test_a_fingerprint_keeps_no_value_of_a_table_that_it_could_not_read(secretive: Pair) -> None:
    secretive.source.run("alter table t add w int generated always as (v::int) virtual")
    rule, total = SqlRule("numbers", "select v::int from t"), GroupTotal("t", "v", ())
    with Snapshot(secretive.source.server) as snapshot:
        kept = take_fingerprint(snapshot, totals=(total,), checks=(rule,))
    (reason,) = kept.tables[0].left_out
    assert reason.endswith("invalid input syntax for type integer: … (SQLSTATE 22P02)")
    assert "Ada" not in str(kept.as_facts())


def test_a_comparison_that_fails_as_a_whole_says_why_in_the_same_words(secretive: Pair) -> None:
    secretive.source.run("drop role if exists knows_little", "revoke select on pg_index from public",
                         "create role knows_little login password 'of-a-test'")  # fmt: skip
    try:
        url = psycopg.conninfo.make_conninfo(secretive.source.url, user="knows_little", password="of-a-test")
        with pytest.raises(ParityError, match="could not go on: permission denied for table pg_index"):
            compare_live(PostgresServer.from_url(url), secretive.target.server, ComparisonOptions())
    finally:
        secretive.source.run("drop role knows_little")


def test_a_schema_that_may_not_be_used_names_the_grant(pair: Pair) -> None:
    pair.both("create schema hidden", "create table hidden.t (id int primary key)")
    pair.source.run("drop role if exists sees_nothing", "create role sees_nothing login password 'of-a-test'")
    login = psycopg.conninfo.make_conninfo(pair.source.url, user="sees_nothing", password="of-a-test")
    try:
        result = compare_live(PostgresServer.from_url(login), pair.target.server, ComparisonOptions())
    finally:
        pair.source.run("drop owned by sees_nothing", "drop role sees_nothing")
    (reason,) = result.tables[0].unsound
    assert reason.endswith("schema hidden; grant USAGE on schema hidden to the role that compares")


def test_bytes_without_an_encoding_cost_the_names_of_rows_and_never_their_number(
    postgres_server: Postgres,
) -> None:
    """In SQL_ASCII a text holds any bytes, here Latin-1; a key of such bytes cannot be named."""
    sides = []
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        for name in ("ascii_source", "ascii_target"):
            admin.execute(f"create database {name} template template0 encoding 'SQL_ASCII' locale 'C'")
            sides.append(Database(postgres_server.url(name)))
    try:
        pair = Pair(*sides)
        pair.both(
            "create table same (id int primary key, v text)",
            "insert into same values (1, chr(233))",
            "create table t (id int primary key, v text)",
            "insert into t values (1, chr(233)), (2, chr(234))",
            "create table k (id text primary key, v int)",
            "insert into k values (chr(233), 1), ('plain', 1)",
        )
        pair.target.run("update t set v = chr(235)", "update k set v = 2")
        result = pair.compare()
    finally:
        with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
            for name in ("ascii_source", "ascii_target"):
                admin.execute(f"drop database {name} with (force)")
    assert only(result, "same").equal
    table = only(result, "t")
    assert (table.changed, table.at_least, table.unsound) == (2, False, [])
    assert table.notes[0].startswith("not all rows that differ could be named: ")
    table = only(result, "k")
    assert (table.changed, table.at_least) == (2, True)
    assert table.unsound[0].startswith("not all rows that differ could be counted or named: ")


def test_a_lost_connection_says_nothing_of_a_result_that_there_may_be(pair: Pair) -> None:
    """A comparison goes on in new snapshots where it can."""
    with Snapshot(pair.source.server) as snapshot:
        pair.source.run(f"select pg_terminate_backend({snapshot.connection.info.backend_pid})")
        with pytest.raises(ServerUnreachable) as lost:
            snapshot.fetch_value(sql.SQL("select 1"))
    assert "no result" not in str(lost.value).replace("no result yet", "")
