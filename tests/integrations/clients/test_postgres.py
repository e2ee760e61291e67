"""Addresses without secrets, connections that carry a name, explained failures."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import psycopg
import pytest
from psycopg import conninfo

from cutover.embedded import Postgres
from integrations.clients import postgres
from integrations.errors import Problem, Unreachable
from tests.integrations.conftest import as_role
from tests.ports import free_port


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://u:p@db.example/shop", "db.example:5432/shop"),
        ("postgres://u:p@db:6000/shop?sslmode=require&schema=public&connection_limit=5", "db:6000/shop"),
        ("postgresql+psycopg2://u:p%40@db/shop", "db:5432/shop"),
        ("postgresql://u@[::1]:5433/shop", "[::1]:5433/shop"),
        ("postgresql://u@/shop?host=/run/pg&port=5433", "/run/pg:5433/shop"),
        ("host=db dbname=shop password='p w'", "db:5432/shop"),
        ("postgresql://u@db", "db:5432/u"),
    ],
)
def test_an_address_names_the_database_and_no_secret(url: str, address: str) -> None:
    assert postgres.address(url) == address


def test_an_unreadable_address_is_reported_without_repeating_it() -> None:
    word = secrets.token_hex(8)
    urls = (
        "mysql://u:{}@h/d",
        "postgresql://u:{}/x@h/d",
        "postgresql://u:1{}/x@h/d",
        "postgresql://u:x@{}@h/d",
        "postgresql://u:x#{}@h/d",
        "postgresql://u:12?{}@h/d",
        "postgresql://u:x[{}@h/d",
        "password={} nonsense",
    )
    for url in [text.format(word) for text in urls]:
        with pytest.raises(Problem) as caught:
            postgres.address(url)
        assert word not in str(caught.value)


def test_another_database_of_a_url_stays_a_url() -> None:
    url = "postgresql+psycopg2://u:p%40@db:1/shop?schema=public&sslmode=prefer"
    assert postgres.with_database(url, "new one") == (
        "postgresql+psycopg2://u:p%40@db:1/new%20one?schema=public&sslmode=prefer"
    )
    assert conninfo.conninfo_to_dict(postgres.with_database("host=h dbname=a", "b")) == {
        "host": "h",
        "dbname": "b",
    }


def test_programs_get_the_address_in_variables() -> None:
    env = postgres.libpq_environment("postgresql://u:p%40@db:1/shop?sslmode=require")
    assert env["PGHOST"] == "db"
    assert env["PGPORT"] == "1"
    assert env["PGUSER"] == "u"
    assert env["PGPASSWORD"] == "p@"
    assert env["PGDATABASE"] == "shop"
    assert env["PGSSLMODE"] == "require"


def test_settings_that_only_keep_a_connection_alive_do_not_stop_a_program() -> None:
    env = postgres.libpq_environment(
        "postgresql://u@db/shop?keepalives=1&tcp_user_timeout=3000&pgbouncer=true"
    )
    assert set(env) == {"PGHOST", "PGUSER", "PGDATABASE", "PGCONNECT_TIMEOUT"}
    with pytest.raises(Problem, match="replication"):
        postgres.libpq_environment("postgresql://u@db/shop?replication=database")


@pytest.mark.parametrize("words", ["sslmode=no-verify", "ssl=true", "ssl=1&sslmode=require"])
def test_the_words_of_other_readers_for_tls_ask_for_it(words: str) -> None:
    assert postgres.connection_settings(f"postgresql://u@db/shop?{words}")["sslmode"] == "require"


def test_another_database_wins_over_one_in_the_query() -> None:
    other = postgres.with_database("postgresql://u@/live?host=/run/pg&dbname=live", "scratch")
    assert postgres.address(other) == "/run/pg:5432/scratch"


def test_a_connection_is_named_and_notices_that_its_client_is_gone(new_database: Callable[[], str]) -> None:
    with postgres.connect(new_database(), attempt="abc") as connection:
        assert connection.autocommit
        rows = connection.execute(
            "select current_setting('application_name'), current_setting('client_connection_check_interval')"
        )
        assert rows.fetchone() == ("cutover:abc", "500ms")


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_read_only_connection_cannot_write(new_database: Callable[[], str], autocommit: bool) -> None:
    with postgres.connect(new_database(), readonly=True, autocommit=autocommit) as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create table t ()")
        connection.rollback()


def test_prismas_schema_becomes_the_search_path(new_database: Callable[[], str]) -> None:
    url = f'{new_database()}?schema=od"d one&connection_limit=1'
    with postgres.connect(url) as connection:
        assert connection.execute("show search_path").fetchone() == ('"od""d one"',)


def test_failures_are_explained_without_the_password(
    postgres_server: Postgres, new_database: Callable[[], str]
) -> None:
    url, word = new_database(), secrets.token_hex(8)
    cases = {
        as_role(url, "postgres", word): "login is refused",
        postgres.with_database(url, "no_such"): "no such database",
        f"postgresql://u:{word}@127.0.0.1:{free_port()}/d": "Nothing listens",
        f"postgresql://u:{word}@no-such-host.invalid/d": "unknown",
    }
    for address, words in cases.items():
        with pytest.raises(Unreachable, match=words) as caught:
            postgres.connect(address)
        assert word not in str(caught.value)
        assert caught.value.next


def test_the_identity_tells_which_database_this_is(new_database: Callable[[], str]) -> None:
    url = new_database()
    with postgres.connect(url) as connection:
        found = postgres.read_identity(connection)
    assert f"{found['host']}:{found['port']}/{found['database']}" == postgres.address(url)
    assert found["system_identifier"].isdigit()
    assert found["version"].startswith("18")


def test_errors_of_statements_and_lost_connections_are_explained(new_database: Callable[[], str]) -> None:
    url = new_database()
    with (
        pytest.raises(Problem, match="42P01"),
        postgres.explain_errors(url),
        postgres.connect(url) as connection,
    ):
        connection.execute("select * from nothing")
    lost = postgres.connect(url)
    with postgres.connect(url) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [lost.info.backend_pid])
    with pytest.raises(Unreachable, match="was lost"), postgres.explain_errors(url):
        lost.execute("select 1")
    lost.close()
