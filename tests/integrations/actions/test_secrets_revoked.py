"""Revoked is what the provider itself refuses; everything else is said as what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.credentials import VARIABLE, new_key
from integrations.errors import Problem
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
    monkeypatch.setenv(VARIABLE, new_key())


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


def test_a_key_that_both_estates_share_is_red_before_anybody_is_asked(run: Any, world: World) -> None:
    outcome = run({**OLD, "PAYSTACK_SECRET_KEY": world.keys["PAYSTACK_SECRET_KEY"]})
    assert not outcome.ok
    assert "rotate it first" in outcome.summary


def test_a_key_that_still_opens_is_red(run: Any, world: World) -> None:
    systems = {"stripe": world.payments("stripe", secret_key="sk_test_the_next_one")}
    outcome = run({**OLD, "STRIPE_SECRET_KEY": world.keys["STRIPE_SECRET_KEY"]}, systems=systems)
    assert not outcome.ok
    assert "stripe's old key: still opens" in outcome.summary


def test_nothing_is_said_of_what_is_not_known(run: Any, world: World) -> None:
    outcome = run({"STRIPE_SECRET_KEY": "old"}, providers=["stripe", "fincra"])
    assert "fincra's old key: is not in the export" in outcome.summary
    with world.mood("stripe", "down"):
        outcome = run(OLD, providers=["stripe"])
    assert "gets 503, which says nothing" in outcome.summary


def test_a_door_that_refuses_everybody_says_nothing_of_the_old_key(run: Any, world: World) -> None:
    systems = {"fincra": world.payments("fincra", secret_key="not-known-there-either")}
    outcome = run(OLD, systems=systems, providers=["fincra"])
    assert not outcome.ok
    assert "gets 401, but so does the new one (401): that says nothing" in outcome.summary


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


def test_without_the_export_the_old_keys_are_not_known(
    new_context: Callable[..., Context], world: World
) -> None:
    context = new_context({"stripe": world.payments("stripe")}, export={})
    values = ACTION.bind({"export": "export"}, context)
    with pytest.raises(Problem, match="has left no export"):
        ACTION.run(values, Recorder())
    assert ACTION.probe(values, {}).seen == Seen.NOT_DONE
    assert "by the old STRIPE_SECRET_KEY" in ACTION.preview(values).lines[0]
