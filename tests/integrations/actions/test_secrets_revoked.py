"""Revoked is what the provider itself refuses; everything else is said as what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.forms import ValidationError

from integrations.actions import Context, ProbeStatus, registry
from integrations.credentials import VARIABLE, generate_key
from integrations.errors import Problem
from integrations.sandbox.providers.accepted_keys import REVOKED
from integrations.sandbox.providers.mail import MailServer
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.providers import PAYMENTS, World, providers

EXPORT, ACTION = registry()["env.export"], registry()["secrets.revoked"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with providers() as found:
        yield found


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, generate_key())


@pytest.fixture
def run(world: World, tmp_path: Path, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def ran(old: dict[str, str], report: Recorder | None = None, systems: Any = None, **raw: Any) -> Any:
        (tmp_path / "old.env").write_text("".join(f"{name}='{value}'\n" for name, value in old.items()))
        exported = Recorder()
        file = {"old": {"kind": "env_file", "path": str(tmp_path / "old.env")}}
        assert EXPORT.run(EXPORT.bind({"file": "old"}, new_context(file)), exported).ok
        known = {name: world.payments(name) for name in PAYMENTS} | (systems or {})
        context = new_context(known, export=exported.facts)
        return ACTION.run(ACTION.bind({"export": "export", **raw}, context), report or Recorder())

    return ran


OLD = {f"{name.upper()}_SECRET_KEY": f"old-key-of-{name}" for name in PAYMENTS}


def test_old_keys_that_their_providers_refuse_are_revoked(run: Any) -> None:
    report = Recorder()
    outcome = run(OLD, report)
    assert outcome.ok, outcome.summary
    assert [fact["refused"] for fact in report.facts["revoked"]] == [True] * 4
    assert not any(value in report.text + str(report.facts) for value in OLD.values())
    assert set(OLD.values()) <= set(report.secrets)


def test_a_key_that_both_environments_share_is_red_without_a_request(run: Any, world: World) -> None:
    outcome = run({**OLD, "PAYSTACK_SECRET_KEY": world.keys["PAYSTACK_SECRET_KEY"]})
    assert not outcome.ok
    assert "rotate it first" in outcome.summary


def test_a_key_that_still_works_is_red(run: Any, world: World) -> None:
    systems = {"stripe": world.payments("stripe", secret_key="sk_test_the_next_one")}
    outcome = run({**OLD, "STRIPE_SECRET_KEY": world.keys["STRIPE_SECRET_KEY"]}, systems=systems)
    assert not outcome.ok
    assert "stripe's old key: still works" in outcome.summary


def test_a_key_that_cannot_be_judged_is_red(run: Any, world: World) -> None:
    outcome = run({"STRIPE_SECRET_KEY": "old"}, providers=["stripe", "fincra"])
    assert "fincra's old key: is not in the export" in outcome.summary
    with world.mood("stripe", "down"):
        outcome = run(OLD, providers=["stripe"])
    assert "gets 503, which proves nothing" in outcome.summary


def test_a_provider_that_refuses_the_new_key_too_proves_nothing(run: Any, world: World) -> None:
    systems = {"fincra": world.payments("fincra", secret_key="not-known-there-either")}
    outcome = run(OLD, systems=systems, providers=["fincra"])
    assert not outcome.ok
    assert "gets 401, but so does the new one (401): this proves nothing" in outcome.summary


def test_a_live_key_is_not_sent_in_a_rehearsal(run: Any, world: World) -> None:
    systems = {"stripe": world.payments("stripe", url="https://api.invalid")}
    outcome = run({**OLD, "STRIPE_SECRET_KEY": "sk_live_of_the_old"}, systems=systems, providers=["stripe"])
    assert not outcome.ok
    assert "it was not sent" in outcome.summary


def test_one_that_does_not_answer_does_not_hide_the_others(run: Any, world: World) -> None:
    report = Recorder()
    systems = {"stripe": world.payments("stripe", url="http://127.0.0.1:9")}
    outcome = run(OLD, report, systems=systems)
    assert not outcome.ok
    assert "stripe's old key: could not be tried" in outcome.summary
    assert [fact["refused"] for fact in report.facts["revoked"]] == [False, True, True, True]


def test_the_old_database_login_must_be_refused_too(run: Any, app_database: AppDatabase) -> None:
    systems = {"old-login": {"kind": "postgres", "url": app_database.app_url}}
    outcome = run(OLD, systems=systems, login="old-login")
    assert not outcome.ok
    assert "still gets in" in outcome.summary
    app_database.execute(f"alter role {app_database.role} nologin")
    try:
        assert run(OLD, systems=systems, login="old-login").ok
    finally:
        app_database.execute(f"alter role {app_database.role} login")


def test_the_old_address_of_the_database_is_tried_as_it_was_exported(
    run: Any, app_database: AppDatabase
) -> None:
    report = Recorder()
    outcome = run({**OLD, "DATABASE_URL": app_database.app_url}, report, database="DATABASE_URL")
    assert "still gets in: DROP ROLE" in outcome.summary
    nobody = app_database.app_url.replace(app_database.role, "nobody_any_more")
    assert run({**OLD, "DATABASE_URL": nobody}, report, database="DATABASE_URL").ok
    away = run({**OLD, "DATABASE_URL": "postgresql://u:p@127.0.0.1:9/x"}, report, database="DATABASE_URL")
    assert "cannot be tried" in away.summary
    assert "is not in the export" in run(OLD, database="DATABASE_URL").summary


MAIL = {"server": "MAIL_SERVER", "port": "MAIL_PORT", "user": "MAIL_USERNAME", "password": "MAIL_PASSWORD"}


@pytest.fixture
def mail_server(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The mail settings of the old environment; its password is taken until `old-keys.revoked` is there."""
    environ = {"OLD_MAIL_PASSWORD": "of-the-old-office", "OLD_KEYS_REVOKED": str(tmp_path / REVOKED)}
    with MailServer(0, environ) as server:
        server.begin()
        yield {
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": str(server.server_address[1]),
            "MAIL_USERNAME": "office@people.invalid",
            "MAIL_PASSWORD": "of-the-old-office",
        }
        server.shutdown()


def test_the_old_mail_login_must_be_refused(run: Any, mail_server: dict[str, str], tmp_path: Path) -> None:
    report, old = Recorder(), {**OLD, **mail_server}
    assert "mail login at 127.0.0.1:" in run(old, report, mail=MAIL).summary
    (tmp_path / REVOKED).touch()
    outcome = run(old, report, mail=MAIL)
    assert outcome.ok, outcome.summary
    assert "is refused (535 5.7.8" in report.text
    assert "of-the-old-office" not in report.text + str(report.facts)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"MAIL_PORT": "9"}, "cannot be asked"),
        ({"MAIL_PORT": "smtp"}, "MAIL_PORT is no number"),
        ({"MAIL_PASSWORD": ""}, "MAIL_PASSWORD is not in the export"),
        ({"MAIL_SERVER": "smtp.people.invalid"}, "cannot be asked"),
    ],
)
def test_a_mail_login_that_cannot_be_tried_is_red(
    run: Any, mail_server: dict[str, str], change: dict[str, str], said: str
) -> None:
    outcome = run({**OLD, **mail_server, **change}, mail=MAIL)
    assert not outcome.ok
    assert said in outcome.summary


def test_a_value_that_nobody_can_be_asked_about_must_be_replaced(run: Any, tmp_path: Path) -> None:
    (tmp_path / "new.env").write_text("SESSION_SECRET=signs-sessions\n")
    systems = {"new": {"kind": "env_file", "path": str(tmp_path / "new.env")}}
    asked = {"systems": systems, "replaced": ["SECRET_KEY"], "new": "new"}
    outcome = run({**OLD, "SECRET_KEY": "signs-sessions"}, **asked)
    assert "the old SECRET_KEY: is in the new environment, too (SESSION_SECRET)" in outcome.summary
    assert run({**OLD, "SECRET_KEY": "of-the-old-app"}, **asked).ok
    assert "is not in the export" in run(OLD, **asked).summary


@pytest.mark.parametrize(
    ("raw", "field"),
    [({"mail": {"server": "MAIL_SERVER"}}, "mail"), ({"replaced": ["SECRET_KEY"]}, "new")],
)
def test_half_a_parameter_is_refused(run: Any, raw: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        run(OLD, **raw)
    assert field in refused.value.message_dict


def test_without_the_export_the_old_keys_are_not_known(
    new_context: Callable[..., Context], world: World
) -> None:
    context = new_context({"stripe": world.payments("stripe")}, export={})
    values = ACTION.bind({"export": "export"}, context)
    with pytest.raises(Problem, match="has left no export"):
        ACTION.run(values, Recorder())
    assert ACTION.probe(values, {}).status == ProbeStatus.NOT_DONE
    assert "with the old STRIPE_SECRET_KEY" in ACTION.preview(values).lines[0]


def test_the_system_names_the_variable_of_its_key(run: Any, world: World) -> None:
    systems = {"stripe": world.payments("stripe", variable="CARD_KEY")}
    outcome = run({"CARD_KEY": "old-key"}, systems=systems, providers=["stripe"])
    assert outcome.ok, outcome.summary
    outcome = run({"STRIPE_SECRET_KEY": "old-key"}, systems=systems, providers=["stripe"])
    assert "is not in the export" in outcome.summary
