"""The pretended people change exactly what their item asks for, from the recorded state before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from integrations.actions import Context, registry
from integrations.environment import env_file
from integrations.sandbox import env_files
from integrations.sandbox.legacy.access import API, READER
from integrations.sandbox.manual_work import MAIL, WORK
from integrations.sandbox.people import People
from integrations.sandbox.repairs import NEW_SETTINGS, AppliedRepairs, Profile
from integrations.sandbox.state import SandboxState
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.environments import SandboxEnvironment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    state = SandboxState.of(tmp_path)
    AppliedRepairs(tmp_path / "repairs.json").begin(Profile.REPAIRED)
    (tmp_path / NEW_SETTINGS).write_text(env_files.new(state, "postgresql://x/y", "redis://x", ()))
    return tmp_path


def names(folder: Path) -> set[str]:
    return set(env_file.read_env_file(folder / NEW_SETTINGS).values)


def test_the_settings_are_missing_until_people_enter_them(folder: Path) -> None:
    assert not any(name.startswith(("GOOGLE_", "APPLE_", "STRIPE_")) for name in names(folder))
    People(folder).do("oauth-secrets")
    assert {"GOOGLE_CLIENT_ID", "APPLE_PRIVATE_KEY"} <= names(folder)
    assert "STRIPE_SECRET_KEY" not in names(folder)
    WORK["payment-keys"](folder)
    WORK["payment-keys"](folder)
    assert {"STRIPE_SECRET_KEY", "FLUTTERWAVE_WEBHOOK_SECRET"} <= names(folder)
    assert "PAYSTACK_WEBHOOK_SECRET" not in names(folder), "the repair takes it out"
    assert env_file.read_env_file(folder / NEW_SETTINGS).malformed == []
    state = SandboxState.of(folder)
    again = env_files.new(state, "postgresql://x/y", "redis://x", env_files.entered(folder))
    assert "STRIPE_SECRET_KEY" in again, "a second start keeps what was entered"


def test_an_item_without_work_changes_nothing(folder: Path) -> None:
    before = sorted(folder.iterdir())
    People(folder).do("announce-window")
    assert sorted(folder.iterdir()) == before


def test_people_who_sign_in_by_a_provider_are_counted_until_they_are_carried_over(
    folder: Path, environment: SandboxEnvironment, new_context: Callable[..., Context]
) -> None:
    items = [item for phase in customer_runbook()["phases"] for item in phase["items"]]
    params = next(item["params"] for item in items if item["key"] == "sign-ins-carried")
    name = environment.migrated()
    environment.execute(f"grant connect on database {name} to {API}, {READER}")
    people = (
        "insert into users (email, username, auth_provider, auth_provider_id) values"
        " ('g@x.invalid', 'g', 'google', '17'), ('f@x.invalid', 'f', 'facebook', '4')"
    )
    environment.execute(people, database=name)
    systems = {"reader": {"kind": "postgres", "url": environment.url(READER, name)}}
    action = registry()["sql.check"]
    bound = action.bind(params, new_context(systems))
    outcome = action.run(bound, Recorder())
    assert not outcome.ok
    assert "The value is “2”. Expected: “0”." in outcome.summary
    assert "the new API would answer 409 to each of them" in outcome.summary
    state = SandboxState.of(folder)
    (folder / NEW_SETTINGS).write_text(env_files.new(state, environment.url(API, name), "redis://x", ()))
    for _ in "ab":  # a second time changes nothing
        WORK["carry-sign-ins"](folder)
    assert action.run(bound, Recorder()).ok
    rows = environment.execute("select provider, provider_id from account_providers", database=name)
    assert sorted(rows) == [("facebook", "4"), ("google", "17")]


def test_the_new_stack_has_no_mail_service_until_one_is_entered(
    folder: Path, environment: SandboxEnvironment
) -> None:
    name = environment.migrated()
    environment.execute(f"grant connect on database {name} to {API}")
    state = SandboxState.of(folder)
    (folder / NEW_SETTINGS).write_text(env_files.new(state, environment.url(API, name), "redis://x", ()))
    query = "select type, is_active from email_providers"
    assert environment.execute(query, database=name) == []
    for _ in "ab":
        WORK["mail-service"](folder)
    assert environment.execute(query, database=name) == [("smtp", True)]
    assert environment.sandbox.applications()[2].env["MAIL_FILE"].endswith(f"/{MAIL}")
    assert (folder / MAIL).exists()


def test_the_old_environment_has_people_who_sign_in_by_a_provider(environment: SandboxEnvironment) -> None:
    count = "select count(*) from users where auth_provider is not null and auth_provider_id is not null"
    assert environment.execute(count)[0][0] > 0
