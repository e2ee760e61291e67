"""A real PgBouncer is told from a server, and nothing is left in the sessions that it shares."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from integrations.clients import postgres
from integrations.clients.postgres_pooling import Pooling, find_pooling
from integrations.errors import Problem
from tests.integrations.poolers import pgbouncer


def pooling_of(url: str) -> Pooling:
    def open_one() -> postgres.Connection:
        return psycopg.connect(url, autocommit=True)

    with open_one() as connection:
        return find_pooling(connection, open_one)


def test_a_direct_address_has_no_pooler(new_database: Callable[[], str]) -> None:
    assert pooling_of(new_database()) is Pooling.NONE


def test_a_pooler_in_session_mode_keeps_sessions_apart(new_database: Callable[[], str]) -> None:
    with pgbouncer(new_database(), mode="session") as url:
        assert pooling_of(url) is Pooling.SESSION
        with postgres.connect(url, readonly=True) as connection:
            assert connection.execute("show default_transaction_read_only").fetchone() == ("on",)


def test_nothing_is_set_in_a_session_that_is_shared(new_database: Callable[[], str]) -> None:
    """The next client of the pool is the application: it has to be able to write."""
    with pgbouncer(new_database(), mode="transaction") as url:
        assert pooling_of(url) is Pooling.TRANSACTION
        with pytest.raises(Problem, match="shares sessions"):
            postgres.connect(url, readonly=True)
        postgres.connect(url).close()
        with psycopg.connect(url, autocommit=True) as application:
            application.execute("create table written ()")
            shown = application.execute("show client_connection_check_interval").fetchone()
    assert shown == ("0",)
