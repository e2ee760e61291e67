"""The sandbox starts the new API on a copy as the shipped runbook says; a defect ends it there, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from checklists.runbook import read_definitions
from integrations.clients import http, postgres
from integrations.environment.api_process import ApiProcess
from integrations.errors import Problem
from integrations.sandbox import services_control
from integrations.sandbox.repairs import AppliedRepairs, Profile, load_repairs
from integrations.sandbox.variables import build_variables
from integrations.systems import Systems
from tests.allowed import allow
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.environments import SandboxEnvironment

RUNBOOK = Path(__file__).resolve().parents[3] / "checklists/runbooks/covenant-connect.yaml"


def api_on_copy(environment: SandboxEnvironment, command: str = "") -> ApiProcess:
    variables = build_variables(environment.sandbox)
    variables["COPY_API_COMMAND"] = command or variables["COPY_API_COMMAND"]
    allow(variables["COPY_API_COMMAND"])
    system = Systems(read_definitions(RUNBOOK.read_text()).systems, variables)["api-on-copy"]
    copy = environment.admin(environment.migrated())
    return ApiProcess(system, copy, postgres.with_database(copy, "postgres"))


def test_it_reads_the_copy_and_takes_no_jobs(environment: SandboxEnvironment, tmp_path: Path) -> None:
    api = api_on_copy(environment)
    assert api.list_changes()["SKIP_TASKS_QUEUE"] == "true"
    assert "REDIS_URL" in api.read_settings()
    with api.run(Recorder(), attempt="1", folder=tmp_path) as url:
        assert len(http.request(url, "/churches").json()) == 1


def test_the_api_as_it_is_ends_there_already(environment: SandboxEnvironment, tmp_path: Path) -> None:
    recorded = AppliedRepairs(tmp_path / "repairs.json")
    recorded.begin(Profile.RECORDED)
    settings = {"REPAIRS_FILE": str(recorded.path)}
    command = services_control.write_command(tmp_path, "api", ["integrations.sandbox.new_api"], settings)
    run = api_on_copy(environment, str(command)).run(Recorder(), attempt="1", folder=tmp_path)
    with pytest.raises(Problem) as ended, run:
        raise AssertionError("it must not answer")
    assert load_repairs()["api-ends-at-start"].is_reported_by("rehearse-alignment", ended.value.what)
