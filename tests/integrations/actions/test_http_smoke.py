"""The smoke test tells “did not start”, “not ready”, “wrong” and “open to everybody” apart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import argon2
import psycopg
import pytest
from django import forms

from cutover.embedded import Postgres, Valkey
from integrations.actions import ActionParams, Context, ProbeStatus, registry
from integrations.sandbox.legacy.access import API, READER
from integrations.sandbox.node import SOURCE
from integrations.sandbox.repairs import AppliedRepairs, Profile, load_repairs
from integrations.sandbox.serving import Answer, Asked, server_of
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.environments import SandboxEnvironment, environment_on, running
from tests.ports import free_port

ACTION = registry()["http.smoke"]
RUNBOOK = customer_runbook()
ITEMS = {item["key"]: item for phase in RUNBOOK["phases"] for item in phase["items"]}
PARAMS = {k: v for k, v in ITEMS["smoke"]["params"].items() if k in ("health", "reads", "refused")}
SYSTEM = {name: RUNBOOK["systems"]["api"][name] for name in ("kind", "marker", "sign_in")}
LEDGER = """
SET ROLE migrator;
CREATE TABLE _prisma_migrations (id text, finished_at timestamptz, rolled_back_at timestamptz);
INSERT INTO _prisma_migrations VALUES ('init', now(), NULL);
"""
ROWS = """
INSERT INTO events (title, start_date, end_date) VALUES ('E', '2026-01-01', '2026-01-01');
INSERT INTO prayer_requests (name, request) VALUES ('P', 'please');
INSERT INTO sermons (title) VALUES ('S');
"""
EMAIL, PASSWORD = "canary@people.invalid", "only-for-this-test"


@pytest.fixture(scope="module")
def environment(
    postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SandboxEnvironment]:
    with environment_on(postgres_server, tmp_path_factory.mktemp("smoke") / "sandbox") as made:
        yield made


@pytest.fixture(scope="module")
def migrated(environment: SandboxEnvironment) -> str:
    name = environment.migrated()
    environment.execute(LEDGER + ROWS, database=name)
    hashed = argon2.PasswordHasher().hash(PASSWORD)
    query = "INSERT INTO users (username, email, password_hash) VALUES ('canary', %s, %s)"
    environment.execute(query, EMAIL, hashed, database=name)
    return name


@pytest.fixture
def bind(environment: SandboxEnvironment, new_context: Callable[..., Context]) -> Callable[..., ActionParams]:
    def bind_params(url: str, name: str = "", system: Any = SYSTEM, **params: Any) -> ActionParams:
        systems = {
            "api": {**system, "url": url},
            "meant": {**SYSTEM, "url": url},
            "canary": {"kind": "login", "email": EMAIL, "password": PASSWORD},
            "reader": {"kind": "postgres", "url": environment.url(READER, name)},
        }
        given = {"database": "reader", "login": "canary", **PARAMS, **params}
        return ACTION.bind({"api": "api", **given}, new_context(systems))

    return bind_params


@pytest.fixture
def repairs(tmp_path: Path) -> AppliedRepairs:
    """All applied; a test may begin another one."""
    applied = AppliedRepairs(tmp_path / "repairs.json")
    applied.begin(Profile.REPAIRED)
    return applied


@pytest.fixture
def api(
    environment: SandboxEnvironment, valkey_server: Valkey, repairs: AppliedRepairs
) -> Callable[..., Any]:
    def started(database: str, queue: str = valkey_server.url, **env: str) -> Any:
        environment.execute(f"grant connect on database {database} to {API}, {READER}")
        settings = {"REDIS_URL": queue, "REPAIRS_FILE": str(repairs.path), **env}
        return running(
            environment.process("new-api", DATABASE_URL=environment.url(API, database), **settings)
        )

    return started


def smoke(values: ActionParams) -> tuple[Any, dict[str, Any], Recorder]:
    report = Recorder()
    outcome = ACTION.run(values, report)
    return outcome, report.facts["smoke"], report


def test_a_working_api_is_green_with_counts_and_the_latency_of_every_request(
    api: Any, bind: Any, migrated: str, environment: SandboxEnvironment
) -> None:
    with api(migrated) as base:
        outcome, facts, report = smoke(bind(base, migrated))
    assert outcome.ok, outcome.summary
    assert facts["state"] == "well"
    assert "5 of them return as many records as the database has" in outcome.summary
    assert "11 path(s) are refused without a sign-in" in outcome.summary
    asked = {one["path"]: one for one in facts["asked"]}
    assert asked["/health/ready"]["status"] == 200
    gifts = asked["/donations?pageSize=5"]
    assert (gifts["rows"], gifts["total"], gifts["counted"]) == (1, 1, 1)
    assert asked["/donations"]["status"] == 401
    assert facts["slowest_ms"] == max(a["ms"] for a in facts["asked"])
    assert "GET /donations?pageSize=5: 200" in report.text
    assert any(secret.startswith("Bearer ") for secret in report.secrets)
    assert environment.execute("select count(*) from sessions", database=migrated) == [(0,)]


def test_without_the_repair_the_paths_that_are_open_to_everybody_are_red(
    api: Any, bind: Any, migrated: str, repairs: AppliedRepairs
) -> None:
    repairs.path.unlink()
    repairs.begin(Profile.RECORDED)
    repairs.apply("api-ends-at-start")
    with api(migrated) as base:
        outcome, facts, _ = smoke(bind(base, migrated))
    assert (outcome.ok, facts["state"]) == (False, "open")
    assert "11 path(s) are not refused without a sign-in: /donations answers 200" in outcome.summary
    assert "/email/providers answers 200" in outcome.summary
    assert load_repairs()["sign-in"].is_reported_by("smoke", outcome.summary)
    repairs.apply("sign-in")
    with api(migrated) as base:
        outcome, _, report = smoke(bind(base, migrated))
    assert (
        "5 path(s) are not refused without a sign-in: PATCH /donations/0/status answers 404"
        in outcome.summary
    )
    assert load_repairs()["changes-without-sign-in"].is_reported_by("smoke", outcome.summary)
    assert "POST /email/send: 400" in report.text


def test_ready_and_wrong_names_the_reads_that_fail_and_why(
    environment: SandboxEnvironment, api: Any, bind: Any, repairs: AppliedRepairs
) -> None:
    name = environment.copy()
    with psycopg.connect(environment.admin(name)) as connection:
        connection.execute("SET ROLE migrator")
        for file in sorted(SOURCE.glob("prisma/migrations/*/migration.sql"))[1:]:
            connection.execute(file.read_bytes())
    environment.execute(LEDGER, database=name)
    reads = [{k: v for k, v in read.items() if k != "signed_in"} for read in PARAMS["reads"]]
    with api(name, REPAIRS_FILE="") as base:
        outcome, facts, _ = smoke(bind(base, name, reads=reads, refused=[]))
    assert (outcome.ok, facts["state"]) == (False, "wrong")
    assert "4 of 9 key reads fail" in outcome.summary
    assert "answers 400 “An unexpected database error occurred.”" in outcome.summary
    assert "prisma.drift" in outcome.summary
    failing = [a["path"].partition("?")[0] for a in facts["asked"] if a["wrong"]]
    assert failing == ["/donations", "/events", "/prayer/requests", "/reports/dashboard"]


@pytest.mark.parametrize("text", ["[]", '{"data":[],"total":0}'])
def test_an_api_that_answers_nothing_everywhere_is_red(
    bind: Any, migrated: str, text: str, environment: SandboxEnvironment
) -> None:
    """Its health is green and its answers are 200, as on an empty database."""
    environment.execute(f"grant connect on database {migrated} to {READER}")

    def answering(asked: Asked) -> Answer:
        parts = {"api": {"status": "up"}, "database": {"status": "up", "pendingMigrations": 0}}
        details = {**parts, "queue": {"status": "up", "driver": "redis"}}
        if asked.path.startswith("/health"):
            return Answer(200, {"status": "ok", "details": details})
        return Answer(200, text.encode(), {"Content-Type": "application/json"})

    reads = [{k: v for k, v in read.items() if k != "signed_in"} for read in PARAMS["reads"]]
    port = free_port()
    with server_of(port, answering, name="empty") as server, ExitStack() as stack:
        stack.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        plain = {"kind": "http"}
        url = f"http://127.0.0.1:{port}"
        outcome, facts, _ = smoke(bind(url, migrated, system=plain, reads=reads, refused=[]))
        bare = ["/donations", "/events"]
        old_form, _, _ = smoke(bind(url, migrated, system=plain, reads=bare, refused=[]))
        counted = [{"path": "/x", "rows": "" if text == "[]" else "data", "count": "users"}]
        other, _, _ = smoke(bind(url, migrated, system=plain, reads=counted, refused=[]))
    assert (outcome.ok, facts["state"]) == (False, "wrong")
    came = "a list of records was expected at data" if text == "[]" else "0 record(s) came, and at least 1"
    assert came in outcome.summary
    assert old_form.ok, "paths alone only ask for 2xx with JSON"
    assert "says that there are 0 record(s), and the database has 2" in other.summary


def test_an_api_that_did_not_start_is_reported_at_once(bind: Any) -> None:
    outcome, facts, _ = smoke(bind(f"http://127.0.0.1:{free_port()}"))
    assert not outcome.ok
    assert (facts["state"], len(facts["asked"])) == ("down", 1)
    assert outcome.summary.startswith("The API did not start")


@pytest.mark.parametrize("repaired", [False, True])
def test_a_failed_part_is_red_with_either_status_of_readiness(
    environment: SandboxEnvironment, api: Any, bind: Any, migrated: str, repaired: bool
) -> None:
    more = {} if repaired else {"REPAIRS_FILE": ""}
    with api(migrated, queue="redis://127.0.0.1:1/0", **more) as base:
        outcome, facts, _ = smoke(bind(base, migrated))
    assert (outcome.ok, facts["state"], len(facts["asked"])) == (False, "not_ready", 2)
    assert facts["asked"][1]["status"] == (503 if repaired else 200)
    assert "details.queue.status is down" in outcome.summary
    if not repaired:
        assert "details.queue.status is down (“Connection is closed.”), expected is up" in outcome.summary
    name = environment.migrated()
    environment.execute(LEDGER + "INSERT INTO _prisma_migrations VALUES ('half');", database=name)
    with api(name, REPAIRS_FILE="") as base:
        outcome, facts, _ = smoke(bind(base, name))
    assert (outcome.ok, facts["state"]) == (False, "not_ready")
    assert "A migration began and did not finish; check prisma.status first." in outcome.summary


@pytest.mark.parametrize("repaired", [False, True])
def test_the_check_on_staging_sees_whether_readiness_fails_by_its_status(
    environment: SandboxEnvironment, api: Any, bind: Any, repaired: bool
) -> None:
    name = environment.migrated()  # as staging's database: without a record of migrations
    health = ITEMS["staging-readiness"]["params"]["health"]
    with api(name, **({} if repaired else {"REPAIRS_FILE": ""})) as base:
        outcome, _, _ = smoke(bind(base, name, health=health, reads=[], refused=[]))
    assert outcome.ok is repaired, outcome.summary
    if not repaired:
        assert "does not report its failure: /health/ready answers 200, expected is 503." in outcome.summary


def test_another_program_at_the_address_is_not_mistaken_for_the_api(
    environment: SandboxEnvironment, bind: Any
) -> None:
    reads = ["/", "/health/live"]
    with running(environment.process("old-app", WRITES_PER_SECOND="0.01")) as base:
        own, facts, _ = smoke(bind(base))
        public, _, _ = smoke(bind(base, system={"kind": "http"}, served_by="meant", health=[], reads=reads))
        closed = {
            "health": [],
            "reads": [],
            "refused": [{"path": "/email/send", "method": "POST", "send": {}}],
        }
        behind, _, _ = smoke(bind(base, system={"kind": "http"}, served_by="meant", **closed))
        alone, alone_facts, _ = smoke(bind(base, system={"kind": "http"}, **closed))
    assert (own.ok, facts["state"]) == (False, "down")
    assert own.summary.startswith("The API is not at this address: /health/live ")
    assert not public.ok
    assert behind.ok, behind.summary  # the 404 of a program that does not hand the path on to the API
    assert (alone.ok, alone_facts["state"]) == (False, "open")  # that of a record which is not there


def test_a_front_end_that_does_not_reach_the_api_is_not_an_api_that_is_down(bind: Any) -> None:
    port = free_port()
    down = Answer(500, "Internal Server Error")
    with server_of(port, lambda asked: down, name="front") as server, ExitStack() as stack:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        base = f"http://127.0.0.1:{port}"
        before, _, _ = smoke(bind(base, system={"kind": "http"}, served_by="meant", reads=[], refused=[]))
        itself, _, _ = smoke(bind(base, reads=[], refused=[]))
    assert "does not reach “meant”" in before.summary
    assert itself.summary.startswith("The API is not alive")


def test_slow_answers_are_a_verdict_only_with_a_limit(api: Any, bind: Any, migrated: str) -> None:
    with api(migrated) as base:
        slow, slow_facts, _ = smoke(bind(base, migrated, max_ms=1))
    assert (slow.ok, slow_facts["state"]) == (False, "slow")
    assert "slower than 1 ms" in slow.summary


def test_a_sign_in_that_is_refused_is_named_before_the_reads_that_need_it(
    environment: SandboxEnvironment, api: Any, bind: Any
) -> None:
    name = environment.migrated()
    environment.execute(LEDGER, database=name)
    with api(name) as base:
        outcome, facts, _ = smoke(bind(base, name))
    assert (outcome.ok, facts["state"]) == (False, "wrong")
    assert f"{EMAIL} cannot sign in: 401 “Invalid email or password”" in outcome.summary


def test_a_moved_address_is_explained(bind: Any) -> None:
    moved = Answer(302, "", {"Location": "https://elsewhere.invalid/"})
    port = free_port()
    with server_of(port, lambda asked: moved, name="moved") as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        outcome, _, _ = smoke(
            bind(f"http://127.0.0.1:{port}", system={"kind": "http"}, health=[], reads=["/x"], refused=[])
        )
        server.shutdown()
    assert "Redirects are not followed" in outcome.summary


def test_a_list_that_comes_whole_may_be_longer_where_the_runbook_says_so(bind: Any) -> None:
    body = b"[" + b",".join([b'"' + b"x" * 98 + b'"'] * 11_000) + b"]"
    port = free_port()
    plain = {"kind": "http"}
    with server_of(port, lambda asked: Answer(200, body), name="long") as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        url = f"http://127.0.0.1:{port}"
        given = {"system": plain, "health": [], "refused": []}
        short, _, _ = smoke(bind(url, reads=[{"path": "/x", "rows": ""}], **given))
        whole, _, _ = smoke(bind(url, reads=[{"path": "/x", "rows": "", "max_mb": 2}], **given))
        server.shutdown()
    assert "answers with more than 1 MB" in short.summary
    assert whole.ok, whole.summary


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"reads": ["http://elsewhere/"]}, "begins with “/”"),
        ({"reads": [1]}, "must be a path"),
        ({"reads": "x"}, "list"),
        ({"reads": [{"path": "/x", "at_least": 1}]}, "at_least needs rows"),
        ({"reads": [{"path": "/x", "count": "t"}]}, "count needs total"),
        ({"reads": [{"path": "/x", "rows": "", "count": "t; drop table t"}]}, "count is a table"),
        ({"reads": [{"path": "/x", "colour": 1}]}, "no setting colour"),
        ({"health": [{"path": "/x", "status": "ok"}]}, "status is a whole number"),
        ({"health": [{"path": "/x", "advice": {"a": "b"}}]}, "advice names a"),
        ({"database": ""}, "count: needs database:"),
        ({"login": ""}, "signed_in: needs login:"),
        ({"health": [], "reads": [], "refused": []}, "names nothing to request"),
        ({"refused": [{"path": "/x", "method": "BREW"}]}, "method is one of GET, POST"),
        ({"refused": [{"path": "/x", "body": 1}]}, "each must be a path, or look like {method: PATCH"),
    ],
)
def test_mistakes_in_the_runbook_are_named(bind: Any, params: Any, message: str) -> None:
    with pytest.raises(forms.ValidationError) as caught:
        bind("http://x", **params)
    assert message in str(caught.value)


def test_the_preview_shows_the_requests_and_no_password(bind: Any) -> None:
    preview = ACTION.preview(bind("http://me:hidden@api.invalid", max_ms=500))
    assert preview.lines[:3] == ["GET /health/live", "GET /health/ready", "GET /donations?pageSize=5"]
    assert "GET /donations without a sign-in: 401 or 403" in preview.lines
    assert "PATCH /donations/0/status without a sign-in: 401 or 403" in preview.lines
    assert preview.where == "http://api.invalid"
    assert "500 ms" in preview.lines[-1]


def test_a_lost_attempt_left_nothing(bind: Any) -> None:
    assert ACTION.probe(bind("http://x"), {}).status is ProbeStatus.NOT_DONE
