"""The shipped runbook against the repaired sandbox: before the window nothing is red that is not wrong."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from cutover.embedded import Postgres
from integrations import allowed_programs
from integrations.clients import http
from integrations.errors import Problem
from integrations.preflight import CheckResult, CheckScope, PlannedItem, Verdict, registered_checks
from integrations.sandbox.people import People
from integrations.sandbox.variables import build_variables
from integrations.systems import Systems
from tests.customer_runbook import customer_runbook
from tests.integrations.sandbox.environments import SandboxEnvironment, environment_on
from tests.waiting import wait_for

TOPICS = (
    *("clock.http", "commands.", "dns.", "environment.", "files.", "hosts."),
    *("http.", "images.", "keys.", "platform.", "proxies.", "tls."),
)
LEFT_OUT = ("visitors", "partners", "phones")  # people who use it: the checks need none


@pytest.fixture(scope="module")
def sandbox(
    postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SandboxEnvironment]:
    """Every program of the sandbox, as the demo starts it."""
    folder = tmp_path_factory.mktemp("preflight")
    with environment_on(postgres_server, folder / "sandbox") as made, ExitStack() as programs:
        for one in made.sandbox.processes():
            if one.name not in LEFT_OUT:
                child = subprocess.Popen(one.argv, env={**os.environ, **one.env})
                programs.callback(child.wait, 20)
                programs.callback(child.terminate)
        wait_for(lambda: (made.sandbox.folder / "platform" / "status.json").exists())
        for name in ("public", "providers"):
            wait_for(lambda name=name: _answers(made.sandbox.listening(name)))
        yield made


def _answers(url: str) -> bool:
    try:
        return http.request(url, "/", timeout=2).status < 500
    except Problem:
        return False


@pytest.fixture
def scope(sandbox: SandboxEnvironment, monkeypatch: pytest.MonkeyPatch) -> CheckScope:
    variables, found = build_variables(sandbox.sandbox), customer_runbook()
    monkeypatch.setenv(allowed_programs.VARIABLE, variables[allowed_programs.VARIABLE])
    given = [item for phase in found["phases"] for item in phase["items"] if "action" in item]
    items = {
        one["key"]: PlannedItem(one["key"], one["title"], one["action"], one.get("params", {}))
        for one in given
    }
    begins = datetime.now(UTC) + timedelta(hours=1)
    return CheckScope(Systems(found["systems"], variables), items, (begins, begins + timedelta(hours=6)))


def ask(scope: CheckScope) -> dict[str, CheckResult]:
    found = {}
    for key, check in registered_checks().items():
        if key.startswith(TOPICS):
            found |= {f"{key}: {result.subject}": result for result in check.function(scope)}
    return found


def names_of(found: dict[str, CheckResult], *verdicts: Verdict) -> set[str]:
    return {name for name, each in found.items() if each.verdict in verdicts}


def test_before_the_window_only_undone_work_is_red_and_subjects_stay_the_same(
    sandbox: SandboxEnvironment, scope: CheckScope
) -> None:
    first = ask(scope)
    assert names_of(first, Verdict.RED) == {
        "images.start: engine: start of new-api, new-worker",  # people disarm the image in part 1
        "images.start: engine: start of new-api, new-worker, new-frontend",
    }
    people = People(sandbox.sandbox.folder)
    for key in ("change-freeze", "disarm-image", "build-images"):
        people.do(key)
    second = ask(scope)
    assert second.keys() == first.keys()
    assert names_of(second, Verdict.RED, Verdict.UNKNOWN) == set()
    assert names_of(second, Verdict.AMBER) == {
        "dns.ttl: names: www.covenant.invalid: TTL of A",  # an item lowers it, and says by when
        "environment.files: new-env: what secrets-ledger expects",  # people enter the keys in part 4
        *(f"http.systems: {name}: answer" for name in ("api", "site", "staging-api", "staging-site")),
    }
    secrets = [
        value for name, value in scope.systems.environ.items() if name.endswith(("SECRET", "PASSWORD"))
    ]
    text = "".join(str(each.as_facts("x")) for each in second.values())
    assert not [secret for secret in secrets if secret in text]


def test_an_ingress_that_does_not_lead_to_the_old_service_is_red(scope: CheckScope) -> None:
    found = customer_runbook()["systems"]
    systems = Systems(found, {**scope.systems.environ, "INGRESS_OLD": "other:80"})
    wrong = CheckScope(systems, scope.items, scope.window)
    result = {each.subject: each for each in registered_checks()["proxies.pools"].function(wrong)}[
        "ingress: pool"
    ]
    assert result.verdict == Verdict.RED
    assert "Its members are: flask" in result.seen
