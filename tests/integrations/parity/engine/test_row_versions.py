"""Servers of two versions, with other collations and time zones, are compared like any two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from cutover.embedded import Postgres
from integrations.parity.engine.comparison import compare_before, compare_live
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.engine.recheck import compare_and_keep_pass, recheck
from integrations.parity.errors import ParityError
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.session_settings import SESSION_SETTINGS
from integrations.parity.server.snapshot import Snapshot
from tests import servers
from tests.integrations.parity.conftest import Database, Pair
from tests.ports import free_port

TABLE = """
create table t (id bigint primary key, v text, n numeric, f float8, t timestamptz, j jsonb, u uuid, a text[],
  d date, y bytea, flag boolean, i interval);
insert into t select i, 'Zoë ' || i, i / 7.0, i / 3.0, timestamptz '2024-01-01Z' + i * interval '1.000001 h',
  jsonb_build_object('b', i, 'a', array[i, null]), md5(i::text)::uuid, array['x', null, i::text],
  date '2024-01-01' + i, decode(md5(i::text), 'hex'), i % 3 = 0, i * interval '1 month 1 day'
  from generate_series(1, 3000) i
"""


@pytest.fixture(scope="module")
def older() -> Iterator[Postgres]:
    """Debian's PostgreSQL: another version than the wheel's, with a zone and a collation of its own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert found, "the tests need Debian's package postgresql beside the wheel's server"
    server = Postgres(
        servers.FOLDER / "older", port=free_port(), password="none", fsync=False, programs=found[0],
        settings={"timezone": "Pacific/Auckland", "datestyle": "SQL, DMY", "intervalstyle": "iso_8601"},
    )  # fmt: skip
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def pair(older: Postgres, postgres_server: Postgres) -> Iterator[Pair]:
    sides = []
    for server in (older, postgres_server):
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("drop database if exists versions with (force)")
            admin.execute("create database versions template template0 lc_collate 'C' lc_ctype 'C.UTF-8'")
        sides.append(Database(server.url("versions")))
    yield Pair(*sides)
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute("drop database versions with (force)")


def test_equal_rows_of_two_versions_are_equal_and_a_change_is_found(pair: Pair) -> None:
    pair.both(TABLE)
    with Snapshot(pair.source.server) as old, Snapshot(pair.target.server) as new:
        versions = [side.connection.info.server_version // 10000 for side in (old, new)]
    assert versions[0] != versions[1]
    assert pair.compare().equal
    pair.target.run("update t set i = i + interval '1 us' where id = 1234")
    (row,) = pair.table("t").examples
    assert (row.key, list(row.columns)) == ({"id": "1234"}, ["i"])


def test_compiled_and_interpreted_hashes_are_the_same(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's server has a compiler, the wheel's has none."""
    monkeypatch.setattr("integrations.parity.sql.queries.COMPILE_FROM_ROWS", 0)
    monkeypatch.setitem(SESSION_SETTINGS, "jit_above_cost", "0")
    pair.both(TABLE, "analyze t")
    with Snapshot(pair.source.server) as snapshot:
        question = sql.SQL("explain analyze select hashtextextended(v, 1) from t")
        told = [line for (line,) in snapshot.fetch_rows(question, compiled=True)]
        assert any(line.startswith("JIT") for line in told)
        assert not any(line.startswith("JIT") for (line,) in snapshot.fetch_rows(question))
    assert pair.compare().equal
    pair.target.run("update t set y = y || '!' where id = 1234")
    assert pair.table("t").changed == 1


def test_a_fingerprint_of_one_version_is_valid_on_another(pair: Pair) -> None:
    """As after an upgrade of the server during the cutover."""
    pair.both(TABLE)
    with Snapshot(pair.source.server) as snapshot:
        kept = take_fingerprint(snapshot)
    assert compare_before(kept, pair.target.server, ComparisonOptions()).equal
    pair.target.run("update t set n = -n where id = 7")
    assert not compare_before(kept, pair.target.server, ComparisonOptions()).equal


def test_parts_workers_many_differences_and_a_recheck_work_across_versions(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.parity.engine.reader.PAGES_PER_PART", 16)
    pair.both(TABLE)
    pair.target.run("update t set v = v || '!' where id % 2 = 0")
    options = ComparisonOptions(workers=2)
    result, _ = compare_and_keep_pass(pair.source.server, pair.target.server, tmp_path / "pass", options)
    assert result.tables[0].changed == 1500
    pair.source.run("update t set v = v || '!' where id % 4 = 0", "delete from t where id = 7")
    table = recheck(pair.source.server, pair.target.server, tmp_path / "pass", options).tables[0]
    assert (table.changed, table.extra, table.mode) == (750, 1, "recheck")


WORDS = "insert into k select chr(64 + i % 58) || i, 'ß' || i from generate_series(1, 2000) i"


@pytest.fixture
def elsewhere(older: Postgres) -> Database:
    """A database that orders texts as dictionaries do, on a server that knows more than the wheel's."""
    with psycopg.connect(older.url(), autocommit=True) as admin:
        admin.execute("drop database if exists elsewhere with (force)")
        provider = "template0 locale_provider icu icu_locale 'und' locale 'C.UTF-8'"
        admin.execute(f"create database elsewhere template {provider}")
    return Database(older.url("elsewhere"))


def test_another_collation_does_not_make_the_same_texts_differ(pair: Pair, elsewhere: Database) -> None:
    pair.target.run("create table k (id text primary key, v text)", WORDS)
    elsewhere.run("create table k (id text primary key, v text)", WORDS)
    elsewhere.run("update k set v = 'other' where id = 'A1'")
    result = compare_live(elsewhere.server, pair.target.server, ComparisonOptions())
    (table,) = result.tables
    assert (table.changed, table.missing, table.extra) == (1, 0, 0)
    assert table.examples[0].key == {"id": "A1"}


def test_documents_are_compared_as_they_were_written(pair: Pair, elsewhere: Database) -> None:
    """Where a server knows XML at all; on the other side it is text."""
    elsewhere.run(
        "create table x (id int primary key, v xml)", "insert into x values (1, '<a>1</a>'), (2, '<b/>')"
    )
    pair.target.run("create table x (id int primary key, v text)", "insert into x values (1, '<a>1</a>')")
    pair.target.run("insert into x values (2, '<b></b>')")
    (table,) = compare_live(elsewhere.server, pair.target.server, ComparisonOptions()).tables
    assert [(row.key, dict(row.columns)) for row in table.examples] == [
        ({"id": "2"}, {"v": ["<b/>", "<b></b>"]})
    ]


@pytest.fixture
def narrow(older: Postgres) -> Callable[[str], Database]:
    """Makes a database in another encoding."""

    def made(encoding: str) -> Database:
        with psycopg.connect(older.url(), autocommit=True) as admin:
            admin.execute("drop database if exists narrow with (force)")
            kind = f"template0 encoding '{encoding}' locale 'C'"
            admin.execute(f"create database narrow template {kind}")
        return Database(older.url("narrow"))

    return made


WIDE = (
    "create table w (id text primary key, v varchar, j json, n int)",
    """insert into w values ('Zoë', 'ß', '{"ä": "é"}', 1), ('b', 'Å', '[]', 2), ('ü', null, null, 3)""",
)


def test_texts_in_another_encoding_are_compared_by_their_characters(
    pair: Pair, narrow: Callable[[str], Database]
) -> None:
    latin = narrow("LATIN1")
    latin.run(*WIDE)
    pair.target.run(*WIDE, "alter table w alter j type jsonb")
    assert compare_live(latin.server, pair.target.server, ComparisonOptions()).equal
    pair.target.run(
        "update w set v = 'A' where id = 'b'",
        """update w set j = '{"a": "é"}' where id = 'Zoë'""",
        "update w set id = 'u' where id = 'ü'",
    )
    (table,) = compare_live(latin.server, pair.target.server, ComparisonOptions()).tables
    changed = {row.key["id"]: list(row.columns) for row in table.examples if row.kind == "changed"}
    assert changed == {"b": ["v"], "Zoë": ["j"]}
    assert {row.key["id"] for row in table.examples if row.kind != "changed"} == {"u", "ü"}


def test_bytes_without_an_encoding_are_refused_with_a_remedy(
    pair: Pair, narrow: Callable[[str], Database]
) -> None:
    with pytest.raises(ParityError, match="hash the same text differently") as refused:
        compare_live(narrow("SQL_ASCII").server, pair.target.server, ComparisonOptions())
    assert "nobody knows which letters" in refused.value.means
    assert "Restore one side's backup" in refused.value.next


def test_a_fingerprint_in_another_encoding_is_refused(pair: Pair, narrow: Callable[[str], Database]) -> None:
    latin = narrow("LATIN1")
    latin.run(*WIDE)
    with Snapshot(latin.server) as snapshot:
        kept = take_fingerprint(snapshot)
    with pytest.raises(ParityError, match="LATIN1") as refused:
        compare_before(kept, pair.target.server, ComparisonOptions())
    assert "The fingerprint hashed texts in another encoding." in refused.value.means


STRUCTURE = (
    """create table a (id bigint generated always as identity primary key, mail varchar(80) not null unique,
         n numeric(12,2) default 0.00 check (n >= 0 and n < 1000000), at timestamptz default now(),
         tags text[] default '{}'::text[], kind text default 'x' check (kind in ('x', 'y')),
         twice numeric generated always as (n * 2) stored, j jsonb default '{"a": 1}')""",
    """create table b (id serial primary key, a bigint references a (id) on delete cascade, span int4range,
         exclude using gist (span with &&), constraint either check (a is not null or span is not null))""",
    "create index on a (lower(mail), n desc nulls last) include (at) where kind = 'x' and n between 1 and 5",
    "create index on a using gin (j jsonb_path_ops)",
    "create function stamp() returns trigger language plpgsql as 'begin return new; end'",
    """create trigger s before insert or update of n on a for each row when (new.n is distinct from 7)
         execute function stamp()""",
    "insert into a (mail) values ('ada@example.org')",
    "create type mood as enum ('sad', 'happy')", "create domain cents as int not null check (value > 0)",
    "create type place as (street text, at timestamptz)", "create sequence invoices as int",
    "alter table a enable row level security",
    "create policy p on a for update to public using (id in (select a from b))",
    """create view v as select a.id, upper(mail) as mail, (select count(*) from b where b.a = a.id) as n
         from a where a.kind = 'x'""",
    "create view simple with (security_barrier) as select id as one, mail, n * 2 as a from a x where id > 1",
    "create view joined as select * from a join b using (id) where a.n > 1 order by a.id",
    "create materialized view m as select mail, count(*) from a group by mail",
    "create table parts (id int, at date) partition by range (at)",
    "create table parts_1 partition of parts for values from ('2024-01-01') to (maxvalue)",
    "create table child (more text) inherits (a)",
    "create function f(n int default 7) returns setof int language sql stable as 'select n'",
    "grant all on b to public", "create publication pub for table a, b",
)  # fmt: skip
#: They may differ between two servers of their own right.
OF_SERVERS = ("extensions", "settings")


def test_the_same_structure_on_two_versions_is_the_same(pair: Pair) -> None:
    pair.both(*STRUCTURE)
    found = pair.compare().structure
    assert {kind: entries for kind, entries in found.items() if entries and kind not in OF_SERVERS} == {}
    pair.target.run("alter table b drop constraint either, add constraint either check (a is not null)")
    (told,) = pair.compare().structure["constraints"]
    assert (told["name"], told["target"]) == ("b.either", "CHECK ((a IS NOT NULL))")


def test_a_character_that_the_other_encoding_lacks_is_counted_all_the_same(
    pair: Pair, narrow: Callable[[str], Database]
) -> None:
    latin = narrow("LATIN1")
    latin.run(*WIDE)
    pair.target.run(*WIDE, "alter table w alter j type jsonb", "insert into w values ('漢', '字', '{}', 4)")
    (table,) = compare_live(latin.server, pair.target.server, ComparisonOptions()).tables
    assert (table.changed, table.missing, table.extra, table.unsound) == (0, 0, 1, [])
    assert table.notes[0].startswith("not all rows that differ could be named: character with byte sequence")
