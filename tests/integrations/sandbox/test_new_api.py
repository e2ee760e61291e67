"""The new API reads real columns: it fails where the schema is old, and serves where it is new."""

from __future__ import annotations

from typing import Any

import argon2
import psycopg
import pytest

from integrations.clients import http
from integrations.sandbox.legacy.access import API
from integrations.sandbox.new_reads import READS
from integrations.sandbox.node import SOURCE
from tests.integrations.sandbox.estates import Estate, running

FAILING = {"/donations", "/events", "/prayer/requests", "/reports/dashboard"}


def on(estate: Estate, database: str, **env: str) -> Any:
    with psycopg.connect(estate.admin(database), autocommit=True) as admin:
        admin.execute(f"grant connect on database {database} to {API}")
    return running(estate.process("new-api", DATABASE_URL=estate.url(API, database), **env))


@pytest.fixture(scope="module")
def migrated(estate: Estate) -> str:
    return estate.migrated()


def test_baselined_and_deployed_but_not_aligned_the_named_reads_and_the_sign_in_fail(estate: Estate) -> None:
    name = estate.copy()
    with psycopg.connect(estate.admin(name)) as connection:
        connection.execute("SET ROLE migrator")
        for file in sorted(SOURCE.glob("prisma/migrations/*/migration.sql"))[1:]:
            connection.execute(file.read_bytes())
    with on(estate, name) as base:
        answers = {path: http.ask(base, path) for path in READS}
        sign_in = http.ask(base, "/auth/login", send={"email": "a@b.invalid", "password": "x"})
    assert {path for path, answer in answers.items() if answer.status == 400} == FAILING
    assert {answers[path].status for path in set(READS) - FAILING} == {200}
    assert sign_in.status == 400
    for path in FAILING:
        assert answers[path].says() == "An unexpected database error occurred"


def test_on_the_new_schema_all_reads_answer_with_the_rows_that_are_there(
    estate: Estate, migrated: str
) -> None:
    with on(estate, migrated) as base:
        answers = {path: http.ask(base, path) for path in READS}
    assert {answer.status for answer in answers.values()} == {200}
    gift = answers["/donations"].json()[0]
    assert (gift["amount"], gift["currency"], gift["metadata"]) == ("12.50", "GHS", {})
    assert answers["/churches"].json()[0]["timezone"] == "Africa/Lagos"
    assert answers["/content/home"].json()["settings"][0]["business_name"] == "Covenant Connect"
    assert answers["/reports/dashboard"].json()["totals"][0]["total"] == "12.50"


def test_readiness_counts_unfinished_migrations_and_asks_the_queue(
    estate: Estate, valkey_server: Any
) -> None:
    name = estate.migrated()
    with on(estate, name, REDIS_URL=valkey_server.url) as base:
        ready = http.ask(base, "/health/ready")
        assert ready.status == 200
        details = ready.json()["details"]
        assert details["database"] == {"status": "up", "pendingMigrations": 0}
        assert (details["queue"]["status"], details["queue"]["driver"]) == ("up", "redis")
        assert details["queue"]["latencyMs"] >= 0
        estate.execute(
            "set role migrator;"
            "create table _prisma_migrations (finished_at timestamptz, rolled_back_at timestamptz);"
            "insert into _prisma_migrations default values",
            database=name,
        )
        unready = http.ask(base, "/health/ready")
        assert unready.status == 503
        assert unready.json()["error"]["database"]["pendingMigrations"] == 1
        estate.execute("update _prisma_migrations set finished_at = now()", database=name)
        assert http.ask(base, "/health/ready").status == 200
        assert http.ask(base, "/health/live").json() == {"status": "ok"}


@pytest.mark.parametrize("queue", ["redis://127.0.0.1:1/0", "", "nonsense"])
def test_without_its_queue_it_is_not_ready(estate: Estate, migrated: str, queue: str) -> None:
    with on(estate, migrated, REDIS_URL=queue) as base:
        ready = http.ask(base, "/health/ready")
    assert ready.status == 503
    assert ready.json()["details"]["queue"]["status"] == "down"


def test_argon2_opens_the_door_and_leaves_a_session_that_can_be_read(estate: Estate, migrated: str) -> None:
    hashed = argon2.PasswordHasher().hash("right")
    estate.execute("update users set password_hash = %s", hashed, database=migrated)
    asked = {"email": "someone@people.invalid", "password": "right"}
    with on(estate, migrated) as base:
        signed_in = http.ask(base, "/auth/login", send=asked)
        token = signed_in.json()["token"]
        session = http.ask(base, f"/auth/session/{token}")
        wrong = http.ask(base, "/auth/login", send={**asked, "password": "wrong"})
        nobody = http.ask(base, "/auth/login", send={**asked, "email": "nobody@people.invalid"})
        forged = http.ask(base, "/auth/session/forged")
        broken = http.ask(base, "/auth/login", send=["x"])
    assert (signed_in.status, session.status) == (201, 200)
    assert session.json()["user"]["email"] == asked["email"]
    assert "password_hash" not in str(session.json())
    assert (wrong.status, nobody.status, forged.status, broken.status) == (401, 401, 401, 400)
    assert estate.execute("select count(*) from sessions where id = %s", token, database=migrated) == [(1,)]


def test_a_werkzeug_hash_ends_in_a_500(estate: Estate) -> None:
    name = estate.migrated()
    estate.execute("update users set password_hash = 'scrypt:32768:8:1$aa$bb'", database=name)
    with on(estate, name) as base:
        answer = http.ask(base, "/auth/login", send={"email": "someone@people.invalid", "password": "x"})
    assert (answer.status, answer.says()) == (500, "Internal server error")
