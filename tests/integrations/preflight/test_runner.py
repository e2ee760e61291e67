"""The runner: every check gives results, whatever happens to it, and the load stays bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from integrations.errors import Cancelled, Problem
from integrations.preflight import CheckResult, CheckScope, PlannedItem, Verdict, run_checks
from integrations.preflight.check import Check, CheckFunction
from integrations.systems import Systems
from tests.integrations.conftest import AppDatabase
from tests.waiting import wait_for

PASSWORD = "correct-horse-battery"


def scope_of(systems: dict[str, Any], items: tuple[PlannedItem, ...] = (), **environ: str) -> CheckScope:
    return CheckScope(Systems(systems, environ), {item.key: item for item in items})


def green(subject: str, **more: Any) -> CheckResult:
    return CheckResult(subject, Verdict.GREEN, asked="Is it?", seen="It is.", **more)


def run(scope: CheckScope, *functions: CheckFunction, seconds: float = 5, **more: Any) -> dict[str, Any]:
    """By key of the check, its results; a check is called as its function."""
    checks = [Check(f.__name__, f"{f.__name__} is right", f, seconds) for f in functions]
    return {ended.check.key: ended.results for ended in run_checks(scope, checks, **more)}


@pytest.fixture
def database(app_database: AppDatabase) -> CheckScope:
    systems = {"live": {"kind": "postgres", "url": app_database.admin_url}}
    systems["same-server"] = dict(systems["live"])
    return scope_of(systems)


def test_a_check_that_fails_keeps_what_it_had_found_and_says_what_is_not_known() -> None:
    def fails(scope: CheckScope) -> Iterator[CheckResult]:
        yield green("first")
        raise Problem("It broke.", means="Nothing was read.", next="Mend it.")

    first, last = sorted(run(scope_of({}), fails)["fails"], key=lambda each: str(each["verdict"]))
    assert (first["subject"], first["verdict"]) == ("first", "green")
    assert last["verdict"] == "unknown"
    assert "It broke. Nothing was read." in last["seen"]
    assert last["change"] == "Mend it."


def test_a_missing_variable_names_the_system_and_the_items_that_use_it() -> None:
    def asks(scope: CheckScope) -> Iterator[CheckResult]:
        yield green(scope.systems["api"]["url"])

    item = PlannedItem("smoke", "Smoke", "http.smoke", {"systems": ["api"]})
    scope = scope_of({"api": {"kind": "http", "url": "${API_URL}"}}, (item,))
    (result,) = run(scope, asks)["asks"]
    assert (result["verdict"], result["systems"], result["items"]) == ("unknown", ["api"], ["smoke"])
    assert "API_URL" in result["seen"]


def test_an_unforeseen_error_is_a_sentence_and_no_traceback() -> None:
    def breaks(scope: CheckScope) -> Iterator[CheckResult]:
        yield from ()
        raise KeyError("x")

    (result,) = run(scope_of({}), breaks)["breaks"]
    assert "KeyError" in result["seen"]
    assert "Traceback" not in result["seen"]


def test_postgresql_is_quoted_with_detail_and_the_database_is_named(database: CheckScope) -> None:
    def asks(scope: CheckScope) -> Iterator[CheckResult]:
        with scope.database(scope.systems["live"]) as connection:
            connection.execute("do $$ begin raise 'no moon' using detail = 'It set.', hint = 'Wait.'; end $$")
        yield green("never")

    (result,) = run(database, asks)["asks"]
    assert result["systems"] == ["live"]
    assert "no moon (P0001). Detail: It set. Hint: Wait." in result["seen"]


def test_the_advice_on_an_error_of_postgresql_ends_with_running_the_preflight_again(
    database: CheckScope,
) -> None:
    def asks(scope: CheckScope) -> Iterator[CheckResult]:
        with scope.database(scope.systems["live"]) as connection:
            connection.execute("select from nowhere.at_all")
        yield green("never")

    def breaks(scope: CheckScope) -> Iterator[CheckResult]:
        with scope.database(scope.systems["live"]) as connection:
            connection.execute("select 'x'::int")
        yield green("never")

    ended = run(database, asks, breaks)
    assert ended["asks"][0]["change"] == (
        "Check the name, its schema and the search_path of the login."  # 42P01
    )
    assert ended["breaks"][0]["change"].endswith("then run the preflight again.")  # 22P02


def test_an_overdue_check_is_given_up_and_its_query_is_cancelled(
    database: CheckScope, app_database: AppDatabase
) -> None:
    def slow(scope: CheckScope) -> Iterator[CheckResult]:
        yield green("first")
        with scope.database(scope.systems["live"]) as connection:
            connection.execute("select pg_sleep(300)")

    began = time.monotonic()
    results = run(database, slow, seconds=0.6)["slow"]
    assert time.monotonic() - began < 4
    assert {each["verdict"] for each in results} == {"green", "unknown"}
    sleeping = "select 1 from pg_stat_activity where query like '%pg_sleep(300)' and state = 'active'"
    wait_for(lambda: app_database.execute(sleeping) == [])


def test_a_check_that_never_returns_does_not_hold_up_the_run() -> None:
    def hangs(scope: CheckScope) -> Iterator[CheckResult]:
        threading.Event().wait(20)
        yield green("never")

    def quick(scope: CheckScope) -> Iterator[CheckResult]:
        yield green("quick")

    results = run(scope_of({}), hangs, quick, seconds=0.3)
    assert results["quick"][0]["verdict"] == "green"
    assert results["hangs"][0]["verdict"] == "unknown"


def test_what_was_not_asked_when_the_total_time_was_over_is_unknown() -> None:
    def hangs(scope: CheckScope) -> Iterator[CheckResult]:
        threading.Event().wait(20)
        yield green("never")

    checks = [Check(f"hangs.{n}", f"Number {n}", hangs, 5) for n in range(12)]
    ended = list(run_checks(scope_of({}), checks, total_seconds=0.4))
    assert {each.check.key for each in ended} == {check.key for check in checks}
    assert {result["verdict"] for each in ended for result in each.results} == {"unknown"}


def test_a_server_answers_one_query_at_a_time_while_others_go_on(database: CheckScope) -> None:
    most = 0

    def asks(scope: CheckScope) -> Iterator[CheckResult]:
        nonlocal most
        for name in ("live", "same-server"):
            with scope.database(scope.systems[name]) as connection:
                connection.execute("select pg_sleep(0.1)")
                counted = connection.execute(
                    "select count(*) from pg_stat_activity where application_name = 'cutover:preflight'"
                    " and state = 'active' and query like '%pg_%' and backend_type = 'client backend'"
                ).fetchone()
                most = max(most, counted[0] if counted else 0)
        yield green("asked")

    checks = [Check(f"asks.{n}", "Asks", asks, 20) for n in range(4)]
    list(run_checks(database, checks))
    assert most == 1


def test_secrets_of_systems_are_masked_and_do_not_change_the_identity() -> None:
    def leaks(scope: CheckScope) -> Iterator[CheckResult]:
        url = scope.systems["live"]["url"]
        yield CheckResult("live", Verdict.RED, asked=f"Is {url} up?", seen=f"No: {url}", change="Start it.")

    scope = scope_of({"live": {"kind": "postgres", "url": f"postgresql://app:{PASSWORD}@db/x"}})
    (result,) = run(scope, leaks)["leaks"]
    assert PASSWORD not in str(result)
    assert result["identity"] == CheckResult("live", Verdict.GREEN, "", "").identity_in("leaks")


def test_of_two_results_with_one_subject_the_worse_stays_with_both_observations() -> None:
    def twice(scope: CheckScope) -> Iterator[CheckResult]:
        yield green("door")
        yield CheckResult("door", Verdict.AMBER, asked="Is it?", seen="It squeaks.", change="Oil it.")

    (result,) = run(scope_of({}), twice)["twice"]
    assert (result["verdict"], result["seen"]) == ("amber", "It squeaks. It is.")


def test_items_are_affected_through_a_system_that_names_another() -> None:
    def asks(scope: CheckScope) -> Iterator[CheckResult]:
        yield green("live", systems=("live",), items=("ring",))

    systems = {
        "live": {"kind": "postgres", "url": "postgresql://db/x"},
        "orm": {"kind": "prisma", "project": "/", "command": "prisma", "database": "live"},
        "api": {"kind": "http", "url": "http://api"},
    }
    items = (
        PlannedItem("ring", "Ring", "http.smoke", {"system": "api"}),
        PlannedItem("deploy", "Deploy", "prisma.deploy", {"prisma": "orm"}),
        PlannedItem("copy", "Copy", "parity.compare", {"sides": [{"old": "live"}]}),
        PlannedItem("smoke", "Smoke", "http.smoke", {"system": "api", "path": "/live/x"}),
    )
    (result,) = run(scope_of(systems, items), asks)["asks"]
    assert result["items"] == ["ring", "deploy", "copy"]


def test_a_cancelled_run_ends_and_cancels_what_was_asked(database: CheckScope) -> None:
    asked = threading.Event()

    def slow(scope: CheckScope) -> Iterator[CheckResult]:
        with scope.database(scope.systems["live"]) as connection:
            asked.set()
            connection.execute("select pg_sleep(30)")
        yield green("never")

    def cancel() -> None:
        if asked.is_set():
            raise Cancelled

    with pytest.raises(Cancelled):
        run(replace(database, raise_if_cancelled=cancel), slow, seconds=30)


def test_connections_of_checks_cannot_write(database: CheckScope) -> None:
    def writes(scope: CheckScope) -> Iterator[CheckResult]:
        with scope.database(scope.systems["live"]) as connection:
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("create table forbidden ()")
            parallel = connection.execute("show max_parallel_workers_per_gather").fetchone()
        yield green(f"workers: {parallel}")

    assert run(database, writes)["writes"][0]["subject"] == "workers: ('0',)"
