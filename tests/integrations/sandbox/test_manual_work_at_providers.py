"""The providers' side of manual work: a check is red before a person has done it, and green after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cutover.embedded import Postgres
from integrations.actions import Context, registry
from integrations.credentials import VARIABLE, Credentials, generate_key
from integrations.sandbox.legacy import access
from integrations.sandbox.manual_work import WORK
from integrations.sandbox.providers import code_host
from integrations.sandbox.providers.accepted_keys import AcceptedKeys
from integrations.sandbox.repairs import NEW_SETTINGS
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.environments import SandboxEnvironment, environment_on, running
from tests.integrations.sandbox.providers import providers

PAYMENTS = ("stripe", "paystack", "fincra", "flutterwave")


@pytest.fixture(scope="module")
def environment(
    postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SandboxEnvironment]:
    folder = tmp_path_factory.mktemp("manual") / "environment"
    with environment_on(postgres_server, folder) as made:
        ports = made.sandbox.state.ports
        with running(made.process("providers", PORT=str(ports["providers"]), MAIL_PORT=str(ports["mail"]))):
            yield made


@pytest.fixture
def systems(environment: SandboxEnvironment) -> dict[str, dict[str, str]]:
    state, base = environment.sandbox.state, environment.sandbox.listening("providers")
    paths = {"stripe": "/stripe/v1", "flutterwave": "/flutterwave/v3"}
    payments = {
        name: {
            "kind": "payments",
            "provider": name,
            "url": base + paths.get(name, f"/{name}"),
            "secret_key": state.keys[f"{name.upper()}_SECRET_KEY"],
        }
        for name in PAYMENTS
    }
    public = {"kind": "http", "url": environment.sandbox.listening("public")}
    new = {"kind": "env_file", "path": str(environment.sandbox.folder / NEW_SETTINGS)}
    return {**payments, "public": public, "new-env": new}


def _params_of(key: str) -> dict[str, Any]:
    """Of an item of the shipped runbook."""
    items = (item for phase in customer_runbook()["phases"] for item in phase["items"])
    found: dict[str, Any] = next(item["params"] for item in items if item["key"] == key)
    return found


@pytest.fixture
def _old_login_again(environment: SandboxEnvironment) -> Iterator[None]:
    """Roles belong to the whole server: other tests use this one."""
    yield
    environment.execute(f"ALTER ROLE {access.APPLICATION} LOGIN")


@pytest.mark.usefixtures("_old_login_again")
def test_the_old_secrets_work_until_somebody_revokes_them(
    environment: SandboxEnvironment,
    systems: dict[str, dict[str, str]],
    new_context: Callable[..., Context],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, generate_key())
    export = tmp_path / "export"
    export.write_bytes(Credentials().encrypt((environment.sandbox.folder / "old.env").read_bytes()))
    facts: dict[str, Any] = {"export-secrets": {"export": {"path": str(export)}}}
    context = new_context(systems)
    context = Context(**{**vars(context), "evidence": facts})
    action, raw = registry()["secrets.revoked"], _params_of("secrets-revoked")

    def run() -> Any:
        return action.run(action.bind(raw, context), Recorder())

    before = run()
    assert not before.ok
    assert before.summary.count("still works: revoke it") == len(PAYMENTS)
    assert before.summary.count("still gets in") == 2  # the database and the mail server
    WORK["revoke-secrets"](environment.sandbox.folder)
    after = run()
    assert after.ok, after.summary


def test_no_address_is_registered_until_somebody_registers_it(
    environment: SandboxEnvironment, systems: dict[str, dict[str, str]], new_context: Callable[..., Context]
) -> None:
    action = registry()["ownership.list"]
    raw = {"old_hosts": ["flask.covenant.invalid"], "new": "public", "by_hand": list(PAYMENTS[1:])}

    def run() -> Any:
        return action.run(action.bind(raw, new_context(systems)), Recorder())

    assert "stripe: no registered address leads to" in run().summary
    for _ in "ab":  # a rehearsal that is repeated registers nothing twice
        WORK["switch-webhooks"](environment.sandbox.folder)
    outcome = run()
    assert outcome.ok, outcome.summary
    WORK["webhooks-back"](environment.sandbox.folder)
    assert not run().ok


def test_a_stand_in_outside_of_a_sandbox_knows_one_key() -> None:
    keys = AcceptedKeys("STRIPE", {"STRIPE_SECRET_KEY": "new"})
    assert keys.accept("new")
    assert not keys.accept("old")
    assert not keys.accept("")
    assert not AcceptedKeys("STRIPE", {}).accept("")


def test_the_main_branch_is_open_until_somebody_locks_it(
    tmp_path: Path, new_context: Callable[..., Context]
) -> None:
    text = _params_of("freeze-proven")
    given = {**text, "path": text["path"].replace("${CODE_REPOSITORY}", code_host.REPOSITORY)}
    action, locked = registry()["http.check"], tmp_path / code_host.LOCKED
    with providers(CODE_HOST_TOKEN="right", BRANCH_LOCKED=str(locked)) as world:

        def run(token: str) -> Any:
            systems = {"code-host": {"kind": "http", "url": f"{world.url}/code-host"}}
            raw = {**given, "send_headers": {"Authorization": f"Bearer {token}"}}
            return action.run(action.bind(raw, new_context(systems)), Recorder())

        assert not run("right").ok
        WORK["change-freeze"](tmp_path)
        assert run("right").ok
        assert not run("wrong").ok
