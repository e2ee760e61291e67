"""Waiting for a rollout: a restart since the deployment is red (what goes well is in `test_deploy_apply`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from integrations.actions import registry
from integrations.actions.base import Context
from integrations.errors import Problem
from integrations.sandbox import services_control
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.platforms import answering, free_port, platform

WAIT = registry()["deploy.wait"]


def test_a_service_that_restarted_since_is_red(tmp_path: Path, new_context: Callable[..., Context]) -> None:
    folder = tmp_path / "services"
    with platform(folder) as settings:
        digest = answering("api", "one", free_port()).keep(folder)
        services_control.know(folder, "api", digest, running=True)
        services_control.wait(folder)
        image = f"api@{digest}"
        release = {"images": {"api": image}, "previous": {}, "now": {"api": {"restarts": -1}}}
        context = new_context({"engine": settings}, deploy={"release": release})
        outcome = WAIT.run(WAIT.bind({"platform": "engine", "deployed": "deploy"}, context), Recorder())
    assert not outcome.ok
    assert "restarted since" in outcome.summary


def test_without_a_deployment_there_is_nothing_to_wait_for(new_context: Callable[..., Context]) -> None:
    context = new_context({"engine": {"kind": "platform", "driver": "command", "status": "true"}})
    with pytest.raises(Problem, match="has deployed nothing yet"):
        WAIT.run(WAIT.bind({"platform": "engine", "deployed": "deploy"}, context), Recorder())
