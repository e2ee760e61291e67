"""Through a real PgBouncer a comparison is right or refused, and leaves nothing behind in its sessions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from integrations.parity.engine.comparison import compare_live
from integrations.parity.engine.reader import SumReader
from integrations.parity.errors import ParityError
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.session_settings import SettingsLost
from integrations.parity.server.snapshot import PostgresServer, Snapshot
from tests.integrations.parity.conftest import Database, Pair, only
from tests.integrations.poolers import pgbouncer

RUNS = 4  # of the same comparison: the pool is in another state each time
SESSIONS = 3  # of the server, that the pool hands out in turn
ROUND_ROBIN = {"server_round_robin": 1, "default_pool_size": SESSIONS}
#: What the application sees of its own session.
STATE = (
    "select (select coalesce(string_agg(name || '=' || setting, ' ' order by name), '') from pg_settings"
    "         where source = 'session' and name not in ('client_encoding', 'application_name')),"
    " current_setting('search_path'), current_setting('row_security'), current_setting('lock_timeout'),"
    " (select count(*) from pg_prepared_statements),"
    " (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())"
)


@contextmanager
def pooled(pair: Pair, mode: str = "transaction", **options: Any) -> Iterator[tuple[Database, Database]]:
    """Both sides through poolers whose pools have all their sessions."""
    with ExitStack() as stack:
        urls = [
            stack.enter_context(pgbouncer(side.url, mode=mode, **options))
            for side in (pair.source, pair.target)
        ]
        if mode == "transaction":
            for url in urls:
                fill_pool(url, int(options.get("default_pool_size", SESSIONS)))
        yield Database(urls[0]), Database(urls[1])


def fill_pool(url: str, sessions: int) -> list[Any]:
    """What the application sees in each session of the pool: so many transactions are open at once."""
    with ExitStack() as stack:
        clients = [stack.enter_context(psycopg.connect(url)) for _ in range(sessions)]
        return [client.execute(STATE, prepare=False).fetchone() for client in clients]


def compare(sides: tuple[Database, Database], **options: Any) -> ComparisonResult:
    return compare_live(sides[0].server, sides[1].server, ComparisonOptions(**options))


@pytest.fixture
def tenants(pair: Pair) -> Iterator[Pair]:
    """A role from which a policy hides the tenant b; the target has lost the rows of b."""
    login = {"user": "reads_one_tenant", "password": "of-a-test"}
    pair.source.run("drop role if exists reads_one_tenant",
                    "create role reads_one_tenant login password 'of-a-test'")  # fmt: skip
    pair.both(
        "create table t (id int primary key, tenant text)",
        "insert into t select i, case when i % 10 = 0 then 'b' else 'a' end from generate_series(1, 100) i",
        "alter table t enable row level security",
        "create policy one on t using (tenant = 'a')",
        "grant select on t to reads_one_tenant",
    )
    pair.target.run("delete from t where tenant = 'b'")
    limited = [_with_login(side.url, login["user"], login["password"]) for side in (pair.source, pair.target)]
    yield Pair(Database(limited[0]), Database(limited[1]))
    pair.both("drop owned by reads_one_tenant")
    pair.source.run("drop role reads_one_tenant")


def _with_login(url: str, user: str, password: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{user}:{password}@{rest.rpartition('@')[2]}"


def test_rows_that_a_policy_hides_are_never_equal(tenants: Pair) -> None:
    with pooled(tenants, **ROUND_ROBIN) as sides:
        for _ in range(RUNS):
            table = only(compare(sides), "t")
            assert "row-level security" in table.unsound[0]
            assert "BYPASSRLS" in table.unsound[0]
            assert "grant SELECT" not in table.unsound[0]


def test_values_are_written_in_one_format_whatever_session_answers(pair: Pair) -> None:
    pair.both(
        "create table t (id int primary key, v double precision[])",
        "insert into t select i, array[i / 3.0] from generate_series(1, 40) i",
    )
    pair.target.run("update t set v = array[v[1] + 1e-15] where id = 9")
    for side in (pair.source, pair.target):
        name = side.value("select current_database()")
        side.run(f'alter database "{name}" set extra_float_digits = 0')
    with pooled(pair, **ROUND_ROBIN) as sides:
        for _ in range(RUNS):
            result = compare(sides)
            assert [row.key for row in only(result, "t").examples] == [{"id": "9"}]
            assert only(result, "t").examples[0].columns["v"] == ["{3}", "{3.000000000000001}"]


@pytest.mark.parametrize("options", [ROUND_ROBIN, {"default_pool_size": 2}])
def test_the_application_never_meets_a_setting_of_ours(pair: Pair, options: dict[str, Any]) -> None:
    """While a comparison runs, and in every session of the pool afterwards."""
    pair.both("create table t (id int primary key)", "insert into t select generate_series(1, 2000)")
    checks = {"workers": 1, "settle": 0.1}
    with pooled(pair, **options) as sides:
        before = fill_pool(sides[0].url, options["default_pool_size"])
        with application_at_work(sides[0].url) as seen:
            for _ in range(RUNS):
                assert compare(sides, **checks).equal
        after = fill_pool(sides[0].url, options["default_pool_size"])
    assert len(seen) > 10
    assert set(seen) == set(before) == set(after) == {("", '"$user", public', "on", "0", 0, 0)}


@contextmanager
def application_at_work(url: str) -> Iterator[list[Any]]:
    """What two clients of the application see, who ask all the time."""
    over, seen = threading.Event(), list[Any]()

    def work() -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as client:
            while not over.is_set():
                seen.append(client.execute(STATE).fetchone())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_pool_with_one_session_is_enough(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v text)", "insert into t values (1, 'x'), (2, 'x')")
    pair.target.run("update t set v = 'y' where id = 2")
    with pooled(pair, default_pool_size=1) as sides:
        assert only(compare(sides), "t").changed == 1
        with Snapshot(sides[0].server) as snapshot:
            assert SumReader(ComparisonOptions(), ComparisonObserver()).workers(snapshot) == 1


def test_a_pooler_in_session_mode_is_like_none(pair: Pair) -> None:
    pair.both("create table t (id int primary key)", "insert into t values (1)")
    with pooled(pair, "session") as sides:
        assert compare(sides).equal


def test_a_pooler_that_shares_sessions_between_statements_is_refused(pair: Pair) -> None:
    pair.both("create table t (id int primary key)")
    with (
        pooled(pair, "statement") as sides,
        pytest.raises(ParityError, match="takes no transactions") as said,
    ):
        compare(sides)
    assert said.value.next == "Give the comparison the direct address of the PostgreSQL server."


class WithoutTransactions(psycopg.Connection[tuple[Any, ...]]):
    """As behind a pooler that takes ``begin`` for a statement like others."""

    def execute(self, query: Any, *more: Any, **options: Any) -> Any:
        return super().execute("select 1" if str(query).startswith("begin") else query, *more, **options)


def test_settings_without_effect_are_refused(pair: Pair) -> None:
    def connect() -> psycopg.Connection[tuple[Any, ...]]:
        return WithoutTransactions.connect(pair.target.url, autocommit=True)

    forgetful = PostgresServer(connect, "db-host:6432/shop")
    with pytest.raises(SettingsLost, match=r"not in force are .*transaction_isolation.*row_security") as said:
        compare_live(pair.source.server, forgetful, ComparisonOptions())
    assert "direct address" in said.value.next
