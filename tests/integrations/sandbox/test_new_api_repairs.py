"""What repairs change in the answers of the sandbox's new API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from integrations.actions import Context, Outcome, registry
from integrations.sandbox.repairs import AppliedRepairs, Profile, load_repairs
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.api_states import HASH, PASSWORD, States, serving, sign_in


@pytest.fixture
def repaired(states: States, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """The address of an API with these repairs."""
    with ExitStack() as stack:

        def start(*keys: str, state: str = "") -> str:
            applied = AppliedRepairs(tmp_path / "repairs.json")
            applied.begin(Profile.RECORDED)
            for key in keys:
                applied.apply(key)
            states.fill_users(states.aligned)
            return stack.enter_context(serving(**states.environ(state), REPAIRS_FILE=str(applied.path)))

        yield start


@pytest.mark.parametrize("state", ["database-stopped", "redis-stopped", "migration-unfinished"])
def test_repaired_readiness_answers_503_and_names_the_part(repaired: Any, state: str) -> None:
    answer = requests.get(f"{repaired('readiness-503', state=state)}/health/ready", timeout=60)
    part = "queue" if state == "redis-stopped" else "database"
    assert answer.status_code == 503
    assert list(answer.json()["error"]) == [part]
    assert answer.json()["details"][part]["status"] == "down"


def test_repaired_routes_for_staff_ask_for_a_sign_in(repaired: Any) -> None:
    base = repaired("sign-in")
    assert requests.get(f"{base}/donations", timeout=60).status_code == 401
    forged = {"Authorization": "Bearer forged"}
    assert requests.get(f"{base}/email/providers", headers=forged, timeout=60).status_code == 401
    token = sign_in(base)
    signed = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{base}/donations", headers=signed, timeout=60).json()["total"] == 3
    requests.post(f"{base}/auth/logout", json={"token": token}, timeout=60)
    assert requests.get(f"{base}/donations", headers=signed, timeout=60).status_code == 401
    asked = {"requesterName": "A", "message": "please"}
    assert requests.post(f"{base}/prayer/requests", json=asked, timeout=60).status_code == 201
    assert requests.get(f"{base}/events", timeout=60).status_code == 200


def test_repaired_changes_ask_for_a_sign_in(repaired: Any) -> None:
    base = repaired("changes-without-sign-in")
    asked = (
        ("PATCH", "/events/1"),
        ("POST", "/email/send"),
        ("PATCH", "/donations/1/status"),
        ("POST", "/tasks"),
    )
    for method, path in asked:
        answer = requests.request(method, base + path, json={"status": "refunded"}, timeout=60)
        assert answer.status_code == 401, path
    signed = {"Authorization": f"Bearer {sign_in(base)}"}
    send = {"json": {"status": "refunded"}, "headers": signed, "timeout": 10}
    assert requests.patch(f"{base}/donations/0/status", **send).status_code == 404
    open_to_all = requests.patch(f"{base}/donations/0/status", json={"status": "completed"}, timeout=60)
    assert open_to_all.status_code == 404
    assert requests.get(f"{base}/donations", timeout=60).status_code == 200, "reads are another repair's"


def test_repaired_answers_hold_no_hash(repaired: Any) -> None:
    base = repaired("password-hash-in-answers")
    session = requests.get(f"{base}/auth/session/{sign_in(base)}", timeout=60)
    assert session.json()["email"] == "canary@people.invalid"
    assert "passwordHash" not in session.json()
    assert "argon2" not in session.text


def test_repaired_sign_in_finds_a_stored_address_with_capitals(repaired: Any, states: States) -> None:
    base = repaired("capitals-in-email")
    states.environment.execute(
        "UPDATE users SET password_hash = %s WHERE id = 2", HASH, database=states.aligned
    )
    given = {"email": "u2@people.invalid", "password": PASSWORD}
    assert requests.post(f"{base}/auth/login", json=given, timeout=60).status_code == 201


def test_repaired_forms_with_missing_fields_are_refused_with_400(repaired: Any) -> None:
    base = repaired("missing-fields")
    for path in ("/auth/login", "/auth/logout", "/prayer/requests"):
        answer = requests.post(base + path, json={}, timeout=60)
        assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")


def test_repaired_events_have_the_plans_of_the_old_application(repaired: Any, states: States) -> None:
    def plan(base: str) -> list[tuple[str, str]]:
        found = requests.get(f"{base}/events?pageSize=1", timeout=60).json()["data"][0]["segments"]
        return [(one["id"], one["name"]) for one in found]

    base = states.address("")
    assert [name for _, name in plan(base)] == ["Segment"]
    assert plan(base) != plan(base), "another id in every answer"
    base = repaired("event-segments")
    assert plan(base) == plan(base) == [("0", "Song")]


def test_a_prayer_request_adds_its_job_only_with_the_repair(
    repaired: Any, states: States, new_context: Callable[..., Context]
) -> None:
    shipped = customer_runbook()
    items = [item for phase in shipped["phases"] for item in phase["items"]]
    params = next(item["params"] for item in items if item["key"] == "prayer-job")
    action = registry()["bullmq.added"]

    def run(base: str) -> Outcome:
        systems = {"api": {"kind": "http", "url": base}, "queue": {"kind": "redis", "url": states.queue}}
        return action.run(action.bind({**params, "seconds": 1}, new_context(systems)), Recorder())

    outcome = run(states.address(""))
    assert not outcome.ok
    assert load_repairs()["prayer-notification"].is_reported_by("prayer-job", outcome.summary)
    assert "which no worker has done within 1 s" in run(repaired("prayer-notification")).summary
