"""One writer, never two: proven with real test writes, real servers and a real worker's connection."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import redis
from django import forms

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients import postgres
from integrations.errors import Cancelled
from tests.integrations.clients import proxies
from tests.integrations.conftest import AppDatabase, as_role
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.queues import QUEUE, valkey
from tests.ports import free_port

ACTION = registry()["writers.check"]
WORKER = "bull:YXV0b21hdGlvbi10YXNrcw=="  # how BullMQ names a worker's connection to automation-tasks


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with (
        proxies.stack("old-app") as old,
        proxies.stack("new-api", 401) as new,
        valkey(tmp_path_factory.mktemp("q")) as queue,
    ):
        yield {"old": old, "new": new, "queue": queue, "nothing": f"http://127.0.0.1:{free_port()}"}


@pytest.fixture
def new_login(app_database: AppDatabase) -> Iterator[str]:
    """The address by a login of the new stack, which may write."""
    role, password = f"{app_database.role}_new", secrets.token_hex(8)
    app_database.execute(
        f"create role {role} login password '{password}'; grant {app_database.role} to {role}"
    )
    yield as_role(app_database.admin_url, role, password)
    app_database.execute(f"drop owned by {role}; drop role {role}")


@pytest.fixture
def check(
    app_database: AppDatabase, new_login: str, addresses: dict[str, str], new_context: Callable[..., Context]
) -> Callable[..., Any]:
    def checked(expected: str, report: Recorder | None = None, **urls: str) -> Any:
        at = {**addresses, "public": addresses["nothing"], **urls}
        http = {
            name: {"kind": "http", "url": at[name], "marker": f"x-stack: {name}-"} for name in ("old", "new")
        }
        systems = {
            **http,
            "public": {"kind": "http", "url": at["public"]},
            "app": {"kind": "postgres", "url": app_database.app_url},
            "api": {"kind": "postgres", "url": new_login},
            "queue": {"kind": "redis", "url": at["queue"]},
        }
        raw = {"application": "app", "new_login": "api", "old": "old", "new": "new", "redis": "queue"}
        raw |= {"queue": QUEUE, "public": "public", "webhook": "/webhooks/x", "expected": expected}
        return ACTION.run(ACTION.bind(raw, new_context(systems)), report or Recorder())

    return checked


def test_only_the_old_application_writes_before_the_window(check: Any, addresses: dict[str, str]) -> None:
    outcome = check("old", new=addresses["nothing"])
    assert outcome.ok, outcome.summary
    assert "the old stack: old application" in outcome.summary


def test_two_writers_are_red_and_named(check: Any) -> None:
    report = Recorder()
    outcome = check("old", report)
    assert not outcome.ok
    assert outcome.summary.startswith("Two stacks can write: old application, new API.")
    assert {w["name"]: w["can_write"] for w in report.facts["writers"]} == {
        "old application": True,
        "new API": True,
        "new worker": False,
        "webhooks": False,
    }


def test_no_writer_is_green_only_in_an_announced_outage(
    check: Any, app_database: AppDatabase, addresses: dict[str, str]
) -> None:
    app_database.set_read_only()
    assert check("none", new=addresses["nothing"]).ok
    outcome = check("old", new=addresses["nothing"])
    assert not outcome.ok
    assert "not announced" in outcome.summary


def test_after_the_switch_only_the_new_stack_with_worker_and_webhooks_writes(
    check: Any, app_database: AppDatabase, addresses: dict[str, str]
) -> None:
    app_database.set_read_only()
    worker = redis.Redis.from_url(addresses["queue"], client_name=WORKER)
    try:
        worker.ping()
        report = Recorder()
        outcome = check("new", report, public=addresses["new"])
    finally:
        worker.close()
    assert outcome.ok, outcome.summary
    assert all(w["can_write"] for w in report.facts["writers"] if w["stack"] == "new")
    assert not check("old").ok, "one wrong writer is as red as two writers"


def test_a_worker_without_an_api_is_a_writer_too(check: Any, addresses: dict[str, str]) -> None:
    worker = redis.Redis.from_url(addresses["queue"], client_name=WORKER)
    try:
        worker.ping()
        outcome = check("old", new=addresses["nothing"])
    finally:
        worker.close()
    assert not outcome.ok
    assert "new worker" in outcome.summary


def test_a_login_that_is_gone_cannot_write(check: Any, app_database: AppDatabase) -> None:
    app_database.execute(f"alter role {app_database.role} nologin")
    try:
        report = Recorder()
        assert check("new", report).ok
    finally:
        app_database.execute(f"alter role {app_database.role} login")
    assert "may not log in" in report.facts["writers"][0]["why"]


def test_a_worker_of_the_old_stack_without_a_server_is_a_writer_too(
    check: Any, app_database: AppDatabase, addresses: dict[str, str]
) -> None:
    with psycopg.connect(app_database.app_url, application_name="rq"):
        outcome = check("none", old=addresses["nothing"], new=addresses["nothing"])
    assert not outcome.ok
    assert outcome.summary.startswith("The old stack can write (old application)")
    assert check("none", old=addresses["nothing"], new=addresses["nothing"]).ok


def test_a_locked_login_can_still_write_through_its_open_sessions(
    check: Any, app_database: AppDatabase
) -> None:
    report = Recorder()
    with psycopg.connect(app_database.app_url, application_name="rq"):
        app_database.execute(f"alter role {app_database.role} nologin")
        try:
            outcome = check("new", report)
        finally:
            app_database.execute(f"alter role {app_database.role} login")
    assert outcome.summary.startswith("Two stacks can write: old application")
    assert "1 session(s) that it opened before are still there" in report.facts["writers"][0]["why"]


def test_a_server_that_hangs_is_not_taken_for_a_stopped_one(check: Any, addresses: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        report = Recorder()
        outcome = check("new", report, old=f"http://127.0.0.1:{deaf.getsockname()[1]}")
    assert not outcome.ok
    assert "not known of: old application" in outcome.summary
    assert report.facts["writers"][0]["can_write"] is None
    assert "old application: NOT KNOWN" in report.text


def test_an_error_of_a_load_balancer_counts_as_silence(check: Any) -> None:
    with proxies.stack("balancer", 503) as balancer:
        outcome = check("new", old=balancer)
    assert outcome.ok, outcome.summary


def test_a_login_that_only_the_panel_cannot_use_proves_nothing(
    check: Any, app_database: AppDatabase, addresses: dict[str, str]
) -> None:
    """The application may have another password than the one that we were given."""
    role = app_database.role
    app_database.execute(f"alter role {role} password 'another'")
    try:
        outcome = check("new")
    finally:
        password = postgres.connection_settings(app_database.app_url)["password"]
        app_database.execute(f"alter role {role} password '{password}'")
    assert not outcome.ok
    assert "The login is refused." in outcome.summary
    assert "Not known does not mean no" in outcome.summary


def test_a_test_write_that_waits_for_a_lock_was_not_refused(check: Any, app_database: AppDatabase) -> None:
    with psycopg.connect(app_database.admin_url) as held:
        tables = held.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname !~ '^(pg_|information_schema)'"
        ).fetchall()
        held.execute(f"lock table {', '.join(row[0] for row in tables)} in exclusive mode")
        outcome = check("old")
        pid = held.info.backend_pid
    assert not outcome.ok
    assert "waited in vain for a lock (55P03)" in outcome.summary
    assert f"pid {pid} (role postgres" in outcome.summary


def test_webhooks_that_the_old_stack_answers_count_for_it(check: Any, addresses: dict[str, str]) -> None:
    report = Recorder()
    outcome = check("old", report, new=addresses["nothing"], public=addresses["old"])
    assert outcome.ok, outcome.summary
    assert report.facts["writers"][-1]["stack"] == "old"
    assert "webhooks" in outcome.summary


def test_webhooks_that_an_unknown_program_answers_are_not_known_and_red(check: Any, addresses: Any) -> None:
    with proxies.stack("third") as third:
        report = Recorder()
        outcome = check("old", report, new=addresses["nothing"], public=third)
    assert not outcome.ok
    assert "fits the markers of neither stack, or of both" in outcome.summary
    assert report.facts["writers"][-1]["can_write"] is None


def test_an_address_of_webhooks_needs_their_path(new_context: Callable[..., Context]) -> None:
    systems = {name: {"kind": "http", "url": "http://127.0.0.1:9"} for name in ("old", "new", "public")}
    systems |= {name: {"kind": "postgres", "url": "postgresql://x"} for name in ("app", "api")}
    raw = {"application": "app", "new_login": "api", "old": "old", "new": "new", "expected": "old"}
    with pytest.raises(forms.ValidationError, match="Name public: and webhook:"):
        ACTION.bind({**raw, "public": "public"}, new_context(systems))


def test_its_test_writes_are_rolled_back_and_it_can_be_cancelled(
    check: Any, app_database: AppDatabase
) -> None:
    count = app_database.execute("select count(*), sum(amount) from donations")
    check("old")
    assert app_database.execute("select count(*), sum(amount) from donations") == count
    with pytest.raises(Cancelled):
        check("old", Recorder(cancel_when=lambda report: True))
    assert ACTION.probe(None, {}).status == ProbeStatus.NOT_DONE


def test_an_unknown_stack_is_an_error_of_the_runbook(new_context: Callable[..., Context]) -> None:
    with pytest.raises(Exception, match="expected"):
        ACTION.bind({"expected": "both"}, new_context({}))
    with pytest.raises(Exception, match="application"):
        ACTION.bind({"expected": "old"}, new_context({}))
