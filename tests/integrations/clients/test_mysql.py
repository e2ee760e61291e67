"""A real MariaDB server is read only, for a limited time, over TLS where the address says so."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.clients import mysql
from integrations.clients.mysql_address import MySqlAddress
from integrations.errors import Problem, Unreachable
from integrations.sandbox.mariadb_server import MariaDbServer
from tests.integrations.certificates import issue
from tests.integrations.mariadb import running_mariadb
from tests.ports import free_port
from tests.servers import new_folder

READER = "p@ss/wörd"


@pytest.fixture(scope="module")
def authority() -> Iterator[Path]:
    """The file of the authority that signed the server's certificate, beside another one's."""
    folder = new_folder("tls")  # the server reads its key as `nobody`
    ours = issue("Authority", authority=True)
    (folder / "ca.pem").write_bytes(ours.pem())
    (folder / "other.pem").write_bytes(issue("Another", authority=True).pem())
    server = issue("db.example", ours, names=("db.example",))
    (folder / "server.pem").write_bytes(server.pem())
    (folder / "server.key").write_bytes(server.key_pem())
    yield folder / "ca.pem"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(authority: Path) -> Iterator[MariaDbServer]:
    options = [
        f"--ssl-cert={authority.parent / 'server.pem'}",
        f"--ssl-key={authority.parent / 'server.key'}",
    ]
    with running_mariadb(options) as server:
        server.execute(
            "create database shop",
            "create table shop.orders (id int primary key, total decimal(9,2), placed datetime, note text)",
            "insert into shop.orders values (1, 10.50, '2026-11-29 08:00:00', 'Ünï'), (2, 2, null, null)",
            "create sequence shop.numbers",
            "create user 'reader'@'127.0.0.1' identified by 'p@ss/wörd'",
            "grant all privileges on *.* to 'reader'@'127.0.0.1'",
        )
        yield server


@pytest.fixture
def fetch(server: MariaDbServer) -> Any:
    def ask(query: str, suffix: str = "", *, timeout: float = 20.0, most: int = 10) -> Any:
        url = f"mysql://reader:p%40ss%2Fw%C3%B6rd@127.0.0.1:{server.port}/shop{suffix}"
        return mysql.fetch_rows(url, query, timeout=timeout, most=most, attempt="a-1")

    return ask


def test_rows_come_with_the_names_of_their_columns(fetch: Any) -> None:
    names, rows = fetch("select id, total, note, '100%' as share from orders order by id")
    assert names == ["id", "total", "note", "share"]
    assert [str(value) for value in rows[0]] == ["1", "10.50", "Ünï", "100%"]
    assert rows[1][2] is None


def test_the_session_carries_the_attempt_and_the_limits(fetch: Any) -> None:
    _, ((seconds, rows),) = fetch("select @@max_statement_time, @@sql_select_limit", timeout=7)
    assert (float(seconds), rows) == (7.0, 11)


def test_no_more_rows_come_than_were_asked_for(fetch: Any) -> None:
    _, rows = fetch("select a.id from orders a, orders b, orders c, orders d", most=3)
    assert len(rows) == 4


@pytest.mark.parametrize(
    "query",
    [
        "insert into orders values (3, 1, null, null)",
        "update orders set total = 0",
        "delete from orders",
        "drop table orders",
        "create table other (id int)",
        "select nextval(numbers)",
        "select 1; delete from orders",
    ],
)
def test_the_server_refuses_every_change(fetch: Any, server: MariaDbServer, query: str) -> None:
    """The text is checked before, and is not relied on."""
    with pytest.raises(Problem, match="The server refused at 127"):
        fetch(query)
    assert server.execute("select count(*), sum(total) from shop.orders") == [(2, Decimal("12.50"))]
    assert server.execute("show tables from shop like 'other'") == []


def test_a_query_that_takes_too_long_is_ended_by_the_server(fetch: Any, server: MariaDbServer) -> None:
    with pytest.raises(Problem, match="1969") as caught:
        fetch("select sleep(60)", timeout=0.3)
    assert "timeout_seconds:" in caught.value.next
    running = "select count(*) from information_schema.processlist where info like 'select sleep%'"
    assert server.execute(running) == [(0,)]


def test_what_the_server_says_is_passed_on(fetch: Any) -> None:
    with pytest.raises(Problem, match=r"1146 Table 'shop\.nope' doesn't exist") as caught:
        fetch("select * from nope")
    assert (caught.value.means, caught.value.next) == (
        "Nothing was changed.",
        "Correct the query. Then start the item again.",
    )


def test_a_wrong_password_is_named_and_masked(server: MariaDbServer) -> None:
    with pytest.raises(Unreachable, match="1045") as caught:
        mysql.fetch_rows(server.url(password="hunter2secret"), "select 1", timeout=5, most=1)
    assert caught.value.means == "The login is refused."
    assert "hunter2secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "means"),
    [
        ("mysql://u:p@127.0.0.1:<free>/shop", "Nothing listens at that host and port."),
        ("mysql://u:p@nowhere.invalid/shop", "The host's name is unknown."),
    ],
)
def test_a_server_that_is_not_there_is_an_error_with_its_cause(url: str, means: str) -> None:
    with pytest.raises(Unreachable) as caught:
        mysql.fetch_rows(url.replace("<free>", str(free_port())), "select 1", timeout=5, most=1)
    assert caught.value.means == means


def test_a_missing_database_is_named(server: MariaDbServer) -> None:
    with pytest.raises(Unreachable, match="Unknown database 'none'") as caught:
        mysql.fetch_rows(server.url(database="none"), "select 1", timeout=5, most=1)
    assert caught.value.means == "The server answers, but has no such database."


@pytest.mark.parametrize(
    ("mode", "is_encrypted"),
    [
        ("", True),
        ("?ssl-mode=disabled", False),
        ("?ssl-mode=REQUIRED", True),
        ("?ssl-ca={ca}", True),
        ("?ssl_mode=verify_ca&ssl_ca={ca}", True),
    ],
)
def test_the_address_decides_about_encryption(
    fetch: Any, authority: Path, mode: str, is_encrypted: bool
) -> None:
    _, rows = fetch(
        "select variable_value <> '' from information_schema.session_status"
        " where variable_name = 'ssl_cipher'",
        mode.format(ca=authority),
    )
    assert bool(rows[0][0]) is is_encrypted


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("?ssl-ca={folder}/other.pem", "Encryption could not be agreed on."),
        ("?ssl-mode=verify_identity&ssl-ca={folder}/ca.pem", "Encryption could not be agreed on."),
        ("?ssl-ca={folder}/none.pem", "which it names, is not there."),
        ("?ssl-ca={folder}/server.key", "Its certificates cannot be read"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_refused(
    fetch: Any, authority: Path, mode: str, said: str
) -> None:
    with pytest.raises(Problem) as caught:
        fetch("select 1", mode.format(folder=authority.parent))
    assert said in str(caught.value)


def test_encryption_that_is_required_is_not_given_up(mariadb_server: MariaDbServer) -> None:
    url = mariadb_server.url()
    with pytest.raises(Unreachable) as caught:
        mysql.fetch_rows(f"{url}?ssl-mode=required", "select 1", timeout=5, most=1)
    assert caught.value.means == "Encryption could not be agreed on."
    assert mysql.fetch_rows(url, "select 1", timeout=5, most=1)[1] == [(1,)]


def test_a_server_that_stops_talking_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql, "GRACE", 0.1)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"mysql://u:p@127.0.0.1:{silent.getsockname()[1]}/shop"
        with pytest.raises(Unreachable):
            mysql.fetch_rows(url, "select 1", timeout=0.2, most=1)


def test_a_password_in_clear_text_is_not_sent_to_a_server_that_asks_for_it() -> None:
    with pytest.raises(Exception, match="clear text"):
        mysql._NoClearPassword(None).authenticate(None)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://u:p@db.example/shop", "db.example:3306/shop"),
        ("mariadb+pymysql://u:p@db.example:3307/shop?charset=utf8mb4", "db.example:3307/shop"),
        ("mysql2://u:p@[::1]/shop", "[::1]:3306/shop"),
        ("mysql://u:p@localhost/shop?socket=/run/mysqld/s", "/run/mysqld/s/shop"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    address = MySqlAddress.parse(url)
    assert str(address) == shown
    assert "password" not in repr(address)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:topsecret@h/d", "another form"),
        ("mysql://u:topsecret/x@h/d", "percent-encoded"),
        ("mysql://u:topsecret@h:x/d", "percent-encoded"),
        ("mysql://u:topsecret@h/d?ssl-mode=maybe", "ssl-mode is none of MySQL's"),
        ("mysql://u:topsecret@h/d?init_command=drop", "not understood: init-command"),
        ("topsecret", "another form"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_repeating_it(url: str, said: str) -> None:
    with pytest.raises(Problem, match=said) as caught:
        MySqlAddress.parse(url)
    assert "topsecret" not in str(caught.value)
