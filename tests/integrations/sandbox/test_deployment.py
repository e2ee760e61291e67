"""The runbook's own items on the sandbox's platform: images, start of API and worker, queue, archive."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cutover.embedded import Postgres
from integrations import allowed_programs
from integrations.actions import Context, Outcome, registry
from integrations.actions.context import RunbookItem
from integrations.clients import http
from integrations.credentials import VARIABLE, generate_key
from integrations.errors import Unreachable
from integrations.sandbox.manual_work import WORK
from integrations.sandbox.variables import build_variables
from integrations.systems import Systems
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.environments import SandboxEnvironment, environment_on
from tests.waiting import wait_for

PROGRAMS = ("new-queue", "platform", "staging")


class Night:
    """The runbook's items against one sandbox whose platform and queue run."""

    def __init__(self, made: SandboxEnvironment, variables: dict[str, str], folder: Path) -> None:
        self.made, self.folder, self.evidence = made, folder, dict[str, dict[str, Any]]()
        found = customer_runbook()
        self.systems = Systems(found["systems"], variables)
        phases = [item for phase in found["phases"] for item in phase["items"]]
        self.items = {
            one["key"]: RunbookItem(one["action"], one.get("params", {})) for one in phases if "action" in one
        }

    def run(self, key: str, **changed: Any) -> Outcome:
        item, report = self.items[key], Recorder()
        action = registry()[item.action]
        context = Context(self.systems, self.evidence, self.folder, attempt=key, items=self.items)
        outcome = action.run(action.bind({**item.params, **changed}, context), report)
        self.evidence[key] = report.facts
        return outcome


@pytest.fixture
def night(postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    with environment_on(postgres_server, tmp_path / "sandbox") as made, ExitStack() as programs:
        variables = build_variables(made.sandbox)
        monkeypatch.setenv(VARIABLE, generate_key())
        monkeypatch.setenv(allowed_programs.VARIABLE, variables[allowed_programs.VARIABLE])
        for one in made.sandbox.processes():
            if one.name in PROGRAMS:
                child = subprocess.Popen(one.argv, env={**os.environ, **one.env})
                programs.callback(child.wait, 20)
                programs.callback(child.terminate)
        wait_for(lambda: (made.sandbox.folder / "platform" / "status.json").exists())
        (tmp_path / "cutover").mkdir()
        yield Night(made, variables, tmp_path / "cutover")


def test_images_start_queue_and_archive_play_as_the_runbook_has_them(night: Night) -> None:
    for key in ("provision-staging", "staging-readiness", "staging-pages"):
        outcome = night.run(key)
        assert outcome.ok, f"{key}: {outcome.summary}"
    assert "migrates the database when it starts" in night.run("image-disarmed").summary
    WORK["disarm-image"](night.made.sandbox.folder)
    for key in ("image-disarmed", "start-api", "redis-ready", "start-worker", "watch-queue", "check-images"):
        outcome = night.run(key)
        assert outcome.ok, f"{key}: {outcome.summary}"
    assert night.evidence["watch-queue"]["services"] == {"new-api": 1, "new-worker": 1}
    for key in ("deploy-services", "rollout"):
        outcome = night.run(key)
        assert outcome.ok, f"{key}: {outcome.summary}"
    assert {one["service"] for one in night.evidence["check-images"]["images"]} == {
        *("new-api", "new-worker", "new-frontend")
    }
    address = night.systems["site"]["url"]
    wait_for(lambda: http.request(address, "/solutions/wordpress-plugin").ok)
    for key in ("stop-old-writers", "archive-flask"):
        outcome = night.run(key, **({"counted_at": []} if key == "archive-flask" else {}))
        assert outcome.ok, f"{key}: {outcome.summary}"
    kept = night.evidence["archive-flask"]["kept"]
    assert {one["name"] for one in kept["files"]} == {"status.json", "config", "old-app.log"}
    for key in ("bring-old-back", "stop-new-stack"):
        outcome = night.run(key)
        assert outcome.ok, f"{key}: {outcome.summary}"
    with pytest.raises(Unreachable):
        http.request(address, "/")
