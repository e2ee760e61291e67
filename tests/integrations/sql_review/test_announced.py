"""A script announces what it changes: every difference that it makes is expected, and no other one."""

from __future__ import annotations

from collections.abc import Callable

from integrations.parity.engine.comparison import compare_before
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.model.declared import parse_rules
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.snapshot import Snapshot
from integrations.sql_review.announced import list_announced
from integrations.sql_review.parser import parse_script
from tests.integrations.parity.conftest import Database

BEFORE = """
create table users (id serial primary key, email text constraint mail unique, status text, old int, low int);
create index ix_users_email on users (email);
create index ix_low on users (low);
create table alembic_version (v text primary key);
create table gifts (id int primary key, user_id int, amount int check (amount > 0));
create type mood as enum ('sad'); create type gone as enum ('x'); create domain cents as int;
create view w as select id from gifts; create materialized view m as select id from gifts;
create sequence numbers; create type place as (street text);
create function stamp() returns trigger language plpgsql as 'begin return new; end';
create trigger st before update on gifts for each row execute function stamp();
create policy mine on gifts using (true);
insert into users (email) values ('a')
"""
SCRIPT = """
CREATE TYPE "Role" AS ENUM ('ADMIN'); ALTER TYPE "mood" ADD VALUE 'happy'; DROP TYPE gone;
-- DropIndex
DROP INDEX "ix_users_email"; DROP INDEX public.ix_low;
ALTER TABLE "users" DROP CONSTRAINT "mail", DROP COLUMN old,
  ADD COLUMN "role" "Role" NOT NULL DEFAULT 'ADMIN',
  ALTER COLUMN "status" SET DEFAULT 'new', ALTER COLUMN "email" SET NOT NULL,
  ALTER COLUMN low SET DATA TYPE bigint;
CREATE TABLE "sessions" ("id" SERIAL NOT NULL, CONSTRAINT "sessions_pkey" PRIMARY KEY ("id"));
CREATE INDEX "sessions_id" ON "sessions" ("id");
DROP TABLE "alembic_version";
CREATE UNIQUE INDEX "users_email_key" ON "users" ("email"); CREATE INDEX ON users (status);
ALTER TABLE "gifts" ADD CONSTRAINT "gifts_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id")
  NOT VALID;
ALTER TABLE gifts DROP CONSTRAINT gifts_amount_check; ALTER TABLE gifts ADD COLUMN reference text UNIQUE;
ALTER DOMAIN cents SET NOT NULL; ALTER TYPE place ADD ATTRIBUTE zip text;
DROP VIEW w; CREATE VIEW w2 AS SELECT 1; DROP MATERIALIZED VIEW m;
CREATE MATERIALIZED VIEW m2 AS SELECT 1 AS one; CREATE DOMAIN pence AS int; CREATE TYPE spot AS (x int);
ALTER SEQUENCE numbers INCREMENT 2; CREATE SEQUENCE more; DROP TRIGGER st ON gifts; DROP POLICY mine ON gifts;
CREATE POLICY ours ON users USING (true); ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION stamp()
"""
DECLARED = parse_rules(
    [
        {"kind": "new_table", "table": "sessions"},
        {"kind": "dropped_table", "table": "alembic_version"},
        {"kind": "new_column", "table": "*", "column": "*"},
        {"kind": "dropped_column", "table": "*", "column": "*"},
    ]
)  # fmt: skip
KINDS_OF_SCRIPTS = ("columns", "indexes", "constraints", "triggers")


def test_what_a_script_announces_is_expected_and_all_else_is_not(new_database: Callable[[], str]) -> None:
    database = Database(new_database())
    database.run(BEFORE)
    with Snapshot(database.server) as snapshot:
        kept = take_fingerprint(snapshot, DECLARED)
    database.run(*(statement.sql for statement in parse_script(SCRIPT)))
    unannounced = ComparisonOptions(DECLARED, judge=KINDS_OF_SCRIPTS)
    red = compare_before(kept, database.server, unannounced)
    options = ComparisonOptions(DECLARED, judge=KINDS_OF_SCRIPTS, announced=list_announced(SCRIPT))
    result = compare_before(kept, database.server, options)
    assert result.undeclared_structure == []
    assert (len(red.undeclared_structure), result.expected_count) == (32, 32)
    assert "structure not the same" not in result.summary
    differing = {kind for kind, entries in result.structure.items() if entries}
    assert differing - {"owners"} == {
        "columns", "indexes", "constraints", "triggers", "constraints that rows may break", "row security",
        "policies", "sequences", "enums", "domains", "composite and range types", "views",
        "materialized views",
    }  # fmt: skip
    database.run("alter table gifts alter amount set default 7", "create index extra on gifts (amount)")
    more = compare_before(kept, database.server, options)
    assert more.undeclared_structure == ["columns gifts.amount", "indexes gifts.extra"]


def test_names_with_signs_and_schemas_are_those_of_labels() -> None:
    found = list_announced('create index i on sales."a.b" (x); drop table "x(y"; alter index a rename to b')
    assert [(one.kind, one.table, one.name) for one in found] == [
        ("indexes", 'sales."a.b"', "i"), ("*", '"x(y"', "*"), ("indexes", "*", "a"), ("indexes", "*", "b"),
    ]  # fmt: skip
