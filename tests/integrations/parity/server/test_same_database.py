"""A database is not compared with itself, whatever way leads there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from integrations.parity.__main__ import COULD_NOT, main
from integrations.parity.engine.comparison import compare_live
from integrations.parity.errors import ParityError
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.snapshot import PostgresServer
from tests import servers
from tests.integrations.parity.conftest import Pair, only, when
from tests.integrations.poolers import pgbouncer

KILL = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where application_name = 'parity' and datname = current_database()"
)


@pytest.fixture
def pair(pair: Pair) -> Pair:
    pair.both("create table a (id int primary key)", "create table b (id int primary key)")
    return pair


@pytest.fixture
def reader(pair: Pair) -> Iterator[str]:
    """The source as a role that may use no advisory locks, and sees little of others."""
    function = "function pg_try_advisory_xact_lock(bigint)"
    pair.source.run("drop role if exists reads_itself", "create role reads_itself login password 'of-a-test'",
                    f"revoke execute on {function} from public",
                    "grant select on all tables in schema public to reads_itself")  # fmt: skip
    yield psycopg.conninfo.make_conninfo(pair.source.url, user="reads_itself", password="of-a-test")
    pair.source.run(f"grant execute on {function} to public", "drop owned by reads_itself",
                    "drop role reads_itself")  # fmt: skip


def require_refusal(source: str, target: str) -> None:
    sides = map(PostgresServer.from_url, (source, target))
    with pytest.raises(ParityError, match="Both sides are the same database"):
        compare_live(*sides, ComparisonOptions())


def test_the_command_line_refuses(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([pair.source.url, pair.source.url]) == COULD_NOT
    told = capsys.readouterr()
    assert told.out == ""
    assert "Both sides are the same database" in told.err


def test_another_name_and_the_socket_lead_to_the_same_database(pair: Pair) -> None:
    require_refusal(pair.source.url, pair.source.url.replace("127.0.0.1", "localhost"))
    folder, parts = servers.POSTGRES.sockets, psycopg.conninfo.conninfo_to_dict(pair.source.url)
    socket = f"postgresql://{parts['user']}:{parts['password']}@{quote(str(folder), safe='')}:{parts['port']}"
    require_refusal(pair.source.url, f"{socket}/{parts['dbname']}")


@pytest.mark.parametrize("size", [1, 4])
def test_a_pooler_leads_to_the_same_database(pair: Pair, size: int) -> None:
    with pgbouncer(pair.source.url, mode="transaction", default_pool_size=size) as pooled:
        require_refusal(pair.source.url, pooled)
        require_refusal(pooled, pair.source.url)


def test_a_role_that_may_see_little_is_refused_too(pair: Pair, reader: str) -> None:
    require_refusal(reader, reader)
    require_refusal(reader, pair.source.url)


def test_two_databases_of_one_server_are_compared(pair: Pair) -> None:
    assert pair.compare().equal


def test_a_name_that_is_switched_during_the_comparison_ends_it(pair: Pair) -> None:
    """The target is lost, and then its name leads to the source."""
    pair.target.run("insert into b values (1)")
    places = chain([pair.target.url], repeat(pair.source.url))

    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(next(places), autocommit=True, application_name="parity")

    lost = when("b", "reading", lambda: pair.target.run(KILL))
    switched = PostgresServer(connect, "db-host/shop")
    result = compare_live(pair.source.server, switched, ComparisonOptions(), lost)
    assert only(result, "a").equal
    assert "Both sides are the same database" in only(result, "b").unsound[0]
    assert "Both sides are the same database" in result.partial
