"""The smoke test tells «did not start», «not ready» and «ready but wrong» apart on the sandbox's API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django import forms

from cutover.embedded import Postgres, Valkey, free_port
from integrations.actions import registry
from integrations.actions.base import Context, Seen, Values
from integrations.sandbox.legacy.access import API
from integrations.sandbox.node import SOURCE
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.estates import Estate, estate_on, running

ACTION = registry()["http.smoke"]
FAILING = ["/donations", "/events", "/prayer/requests", "/reports/dashboard"]


@pytest.fixture(scope="module")
def estate(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with estate_on(postgres_server, tmp_path_factory.mktemp("smoke") / "sandbox") as made:
        yield made


@pytest.fixture(scope="module")
def migrated(estate: Estate) -> str:
    return estate.migrated()


@pytest.fixture
def bind(new_context: Callable[..., Context]) -> Callable[..., Values]:
    def bound(url: str, marker: str = "server: new-api", **params: Any) -> Values:
        systems = {
            "api": {"kind": "http", "url": url, "marker": marker} if marker else {"kind": "http", "url": url},
            "meant": {"kind": "http", "url": url, "marker": "server: new-api"},
        }
        return ACTION.bind({"api": "api", **params}, new_context(systems))

    return bound


@pytest.fixture
def api(estate: Estate, valkey_server: Valkey) -> Callable[..., Any]:
    def started(database: str, queue: str = valkey_server.url) -> Any:
        estate.execute(f"grant connect on database {database} to {API}")
        return running(estate.process("new-api", DATABASE_URL=estate.url(API, database), REDIS_URL=queue))

    return started


def smoke(values: Values) -> tuple[Any, dict[str, Any], Recorder]:
    report = Recorder()
    outcome = ACTION.run(values, report)
    return outcome, report.facts["smoke"], report


def test_all_is_well_with_the_latency_of_every_question(api: Any, bind: Any, migrated: str) -> None:
    with api(migrated) as base:
        outcome, facts, report = smoke(bind(base))
    assert outcome.ok, outcome.summary
    assert facts["state"] == "well"
    assert len(facts["asked"]) == 9
    assert all(a["status"] == 200 and a["ms"] > 0 and not a["wrong"] for a in facts["asked"])
    assert facts["asked"][2]["rows"] == 1
    assert facts["slowest_ms"] == max(a["ms"] for a in facts["asked"])
    assert "GET /donations: 200" in report.text


def test_ready_and_wrong_names_the_reads_that_fail_and_why(estate: Estate, api: Any, bind: Any) -> None:
    name = estate.copy()
    with psycopg.connect(estate.admin(name)) as connection:
        connection.execute("SET ROLE migrator")
        for file in sorted(SOURCE.glob("prisma/migrations/*/migration.sql"))[1:]:
            connection.execute(file.read_bytes())
    with api(name) as base:
        outcome, facts, _ = smoke(bind(base))
    assert not outcome.ok
    assert facts["state"] == "wrong"
    assert "ready, but 4 of 7 key reads fail" in outcome.summary
    assert "prisma.drift" in outcome.summary
    assert [a["path"] for a in facts["asked"] if a["wrong"]] == FAILING
    assert facts["asked"][1]["status"] == 200  # readiness was green all the time


def test_not_started_is_said_at_once(bind: Any) -> None:
    outcome, facts, _ = smoke(bind(f"http://127.0.0.1:{free_port()}"))
    assert not outcome.ok
    assert (facts["state"], len(facts["asked"])) == ("down", 1)
    assert outcome.summary.startswith("The API did not start")


def test_not_ready_is_read_from_the_details(estate: Estate, api: Any, bind: Any, migrated: str) -> None:
    with api(migrated, queue="redis://127.0.0.1:1/0") as base:
        outcome, facts, _ = smoke(bind(base))
    assert (outcome.ok, facts["state"], len(facts["asked"])) == (False, "not_ready", 2)
    assert "its queue is down" in outcome.summary
    name = estate.migrated()
    estate.execute(
        "set role migrator;"
        "create table _prisma_migrations (finished_at timestamptz, rolled_back_at timestamptz);"
        "insert into _prisma_migrations default values",
        database=name,
    )
    with api(name) as base:
        outcome, facts, _ = smoke(bind(base))
    assert (outcome.ok, facts["state"]) == (False, "not_ready")
    assert "1 migration(s) began and did not finish" in outcome.summary


def test_something_else_at_the_address_is_not_taken_for_the_api(estate: Estate, bind: Any) -> None:
    """The old application lives, too: only the marker tells the two apart."""
    with running(estate.process("old-app", WRITES_PER_SECOND="0.01")) as base:
        own, facts, _ = smoke(bind(base))
        public, public_facts, _ = smoke(bind(base, marker="", served_by="meant"))
        unmarked, unmarked_facts, _ = smoke(bind(base, marker=""))
    assert (own.ok, facts["state"]) == (False, "down")
    assert "something else answers there" in own.summary
    assert (public.ok, public_facts["state"]) == (False, "down")
    assert "“meant” carries “server: new-api”" in public.summary
    assert (unmarked.ok, unmarked_facts["state"]) == (False, "not_ready")


def test_slow_answers_are_a_verdict_only_when_a_bound_is_given(api: Any, bind: Any, migrated: str) -> None:
    with api(migrated) as base:
        quick, facts, _ = smoke(bind(base, max_ms=10_000))
        slow, slow_facts, _ = smoke(bind(base, max_ms=1))
    assert (quick.ok, facts["state"]) == (True, "well")
    assert (slow.ok, slow_facts["state"]) == (False, "slow")
    assert "slower than 1 ms" in slow.summary


def test_the_runbook_chooses_the_reads_and_only_paths_are_taken(api: Any, bind: Any, migrated: str) -> None:
    with api(migrated) as base:
        outcome, facts, _ = smoke(bind(base, reads=["/tasks", "/nothing"]))
    assert not outcome.ok
    assert [a["path"] for a in facts["asked"]][2:] == ["/tasks", "/nothing"]
    assert "Cannot GET /nothing" in outcome.summary
    for wrong in (["http://elsewhere/"], [1], "x"):
        with pytest.raises(forms.ValidationError):
            bind("http://x", reads=wrong)


def test_the_preview_shows_the_questions_and_no_login(bind: Any) -> None:
    preview = ACTION.preview(bind("http://me:hidden@api.invalid", max_ms=500))
    assert preview.lines[:3] == ["GET /health/live", "GET /health/ready", "GET /donations"]
    assert preview.where == "http://api.invalid"
    assert "500 ms" in preview.lines[-1]


def test_a_lost_attempt_left_nothing(bind: Any) -> None:
    assert ACTION.probe(bind("http://x"), {}).seen is Seen.NOT_DONE
