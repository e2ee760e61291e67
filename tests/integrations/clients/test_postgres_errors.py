"""What PostgreSQL says of an error is passed on complete, and no value of a row shows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from hypothesis import given, strategies

from integrations.clients import postgres, postgres_errors
from integrations.clients.postgres_errors import describe_error
from integrations.errors import Problem, Unreachable

EMAIL, NAME, PHONE = "ada@example.org", "Ada Byron", "4915112345678"
SET_UP = f"""
create type mood as enum ('sad', 'ok');
create table members (id int primary key, email text constraint one_email unique, name text not null, n int
                      constraint small check (n < 10), data jsonb);
create table gifts (member int constraint of_member references members, at tstzrange,
                    exclude using gist (at with &&));
insert into members values (1, '{EMAIL}', '{NAME}', 1);
insert into gifts values (1, '[2024-01-01,2024-02-01)');
create view addresses as select email from members;
create function complain(text) returns int language plpgsql as
  $$begin raise exception 'no such member: %', $1 using detail = 'asked by ' || quote_literal($1); end$$;
create function broken() returns int language plpgsql as
  $$begin execute format('insert into nowhere values (%L)', '{EMAIL}'); return 1; end$$;
"""
#: statement → words that have to be passed on
SAID = {
    f"insert into members values (2, '{EMAIL}', 'x')": (
        "one_email",
        "Detail: Key (email)=(•••) already exists",
        "23505",
    ),
    f"insert into members values (2, '{EMAIL} (x) already exists', null)": (
        'column "name"',
        "Failing row contains (•••)",
        "23502",
    ),
    f"insert into members values (2, 'x', '{NAME}', 77)": (
        'constraint "small"',
        "Failing row contains (•••)",
    ),
    "insert into gifts values (77)": ("of_member", 'Key (member)=(•••) is not present in table "members"'),
    "delete from members": ('is still referenced from table "gifts"',),
    "insert into gifts values (1, '[2024-01-15,2024-01-16)')": ("conflicting key", "Detail: Key (at)=(•••)"),
    f"select '{EMAIL}'::mood": ("invalid input value for enum mood: •••", "22P02"),
    f"select '{PHONE}'::int": ("out of range for type integer", "22003"),
    "select 12345678901.5::numeric(5,2)": ("precision 5, scale 2",),
    f"""insert into members values (3, 'y', 'n', 1, '{{"name": "{NAME}", x}}')""": (
        "invalid input syntax for type json",
        "Token ••• is invalid",
        "JSON data, line 1",
    ),
    f"select complain('{NAME}')": ("no such member: •••", "PL/pgSQL function complain(text) line 1 at RAISE"),
    "select broken()": ('relation "nowhere" does not exist', "PL/pgSQL function broken() line 1 at EXECUTE"),
    "select emial from members": ('column "emial" does not exist', "Hint: Perhaps you meant to reference"),
    "drop table members": ("view addresses depends on table members", "Hint: Use DROP ... CASCADE"),
    "alter table members alter email type varchar(9)": ("rule _RETURN on view addresses depends on column",),
}


@pytest.fixture(scope="module")
def database(postgres_server: object) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute("drop database if exists errors_said")
        admin.execute("create database errors_said")
        with psycopg.connect(postgres_server.url("errors_said"), autocommit=True) as connection:
            connection.execute(SET_UP)
            yield connection
        admin.execute("drop database errors_said")


@pytest.mark.parametrize("statement", SAID)
def test_names_stay_and_values_go(database: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.Error) as met:
        database.execute(statement)
    said = describe_error(met.value)
    for words in SAID[statement]:
        assert words in said
    for value in (EMAIL, NAME, "Byron", PHONE, "77)", "2024-01"):
        assert value not in said


def test_a_line_of_copy_loses_its_value(database: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error) as met, database.cursor().copy("copy members from stdin") as copy:
        copy.write(f"{EMAIL}\tx\ty\t1\t{{}}\n")
    said = describe_error(met.value)
    assert "COPY members, line 1, column id: •••" in said
    assert EMAIL not in said


def test_a_problem_tells_message_details_and_the_advice_of_the_cause(new_database: Callable[[], str]) -> None:
    url = new_database()
    with postgres.connect(url) as connection:
        connection.execute("create table t (a int unique); insert into t values (1)")
        with pytest.raises(Problem) as twice, postgres.explain_errors(url):
            connection.execute("insert into t values (1)")
        with pytest.raises(Problem) as late, postgres.explain_errors(url):
            connection.execute("set statement_timeout = 5; select pg_sleep(9)")
    assert "t_a_key" in twice.value.what
    assert twice.value.means == "Detail: Key (a)=(•••) already exists."
    assert "Rows break this constraint" in twice.value.next
    assert not isinstance(late.value, Unreachable), "a statement that took too long lost no connection"
    assert "longer than allowed" in late.value.next


def test_the_servers_own_words_on_a_connection_are_passed_on(new_database: Callable[[], str]) -> None:
    url = postgres.with_database(new_database(), "no_such_database")
    with pytest.raises(Unreachable) as refused:
        postgres.connect(url)
    assert 'FATAL: database "no_such_database" does not exist' in " ".join(refused.value.what.split())


@pytest.mark.parametrize("detail", ["Key (email)=(a@b.example", "Failing row contains (1, a@b.example"])
def test_values_of_a_row_are_hidden_to_the_end_where_no_bracket_closes(detail: str) -> None:
    assert "b.example" not in postgres_errors._mask_detail(detail, "23505")


#: What is quoted, as one pattern: short, and quadratic.
QUOTED = re.compile(r"""["“”„«»‹›].*["“”„«»‹›]|(?<!\w)'.*'(?!\w)""", re.DOTALL)


@given(strategies.text(alphabet="ab '\"«»\n"))
def test_what_is_quoted_goes_as_one_pattern_would_take_it(text: str) -> None:
    assert postgres_errors.mask_quoted(text) == QUOTED.sub(postgres_errors.MASK, text)


@pytest.mark.parametrize("piece", [" 'a", "'", '"', "« ", " '' "])
def test_a_message_of_many_quotes_takes_linear_time(piece: str) -> None:
    def seconds(times: int) -> float:
        began = time.process_time()
        postgres_errors.mask_quoted(piece * times)
        return time.process_time() - began

    assert min(seconds(40_000) for _ in range(3)) < 8 * max(min(seconds(10_000) for _ in range(3)), 0.001)
