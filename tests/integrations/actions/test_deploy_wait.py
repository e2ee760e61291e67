"""Waiting for a rollout: a restart since the deployment is red (what goes well is in `test_deploy_apply`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, deploy_wait, registry
from integrations.errors import Cancelled, Problem
from integrations.sandbox import services_control
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.engines import Engines
from tests.integrations.sandbox.platforms import answering, free_port, platform

WAIT = registry()["deploy.wait"]


def test_a_service_that_restarted_since_the_deployment_is_red(
    tmp_path: Path, new_context: Callable[..., Context]
) -> None:
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


@pytest.fixture
def rolled_out(tmp_path: Path, new_context: Callable[..., Context]) -> Iterator[Callable[..., Any]]:
    """Binds the action to a platform on which “api” runs, as if “images” had been deployed there."""
    folder = tmp_path / "services"
    with platform(folder) as settings:
        digest = answering("api", "one", free_port()).keep(folder)
        services_control.know(folder, "api", digest, running=True)
        services_control.wait(folder)

        def bind_params(images: dict[str, str] | None = None, **more: str) -> Any:
            release = {"images": images or {"api": f"api@{digest}"}, "previous": {}, "now": {}}
            context = new_context({"engine": {**settings, **more}}, deploy={"release": release})
            return WAIT.bind({"platform": "engine", "deployed": "deploy"}, context)

        yield bind_params


def test_a_service_that_the_platform_does_not_know_is_waited_for_and_named(
    rolled_out: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy_wait, "PATIENCE", 0.5)
    report = Recorder()
    outcome = WAIT.run(rolled_out({"apj": f"api@sha256:{'0' * 64}"}), report)
    assert not outcome.ok
    assert "apj: not known to the platform" in outcome.summary
    assert report.facts["services"] == {"apj": None}


def test_a_platform_that_counts_no_restarts_is_reported_as_such(
    rolled_out: Callable[..., Any], tmp_path: Path
) -> None:
    params = rolled_out()
    (image,) = params.context.evidence["deploy"]["release"]["images"].values()
    status = {"services": {"api": {"state": "running", "replicas": 1, "ready": 1, "image": image}}}
    file = tmp_path / "status.json"
    file.write_text(json.dumps(status))
    outcome = WAIT.run(rolled_out(status=f"cat {file}"), Recorder())
    assert outcome.ok
    assert "does not say whether api restarted" in outcome.summary


def test_the_preview_names_the_digest_and_a_cancel_ends_the_wait(rolled_out: Callable[..., Any]) -> None:
    params = rolled_out({"api": f"api@sha256:{'0' * 64}"})
    assert f"Wait until api runs api@sha256:{'0' * 64}." in WAIT.preview(params).lines
    assert WAIT.probe(params, {}).status == ProbeStatus.NOT_DONE
    with pytest.raises(Cancelled):
        WAIT.run(params, Recorder(cancel_when=lambda report: bool(report.steps)))


def test_without_a_deployment_there_is_nothing_to_wait_for(new_context: Callable[..., Context]) -> None:
    context = new_context({"engine": {"kind": "platform", "driver": "command", "status": "true"}})
    with pytest.raises(Problem, match="has deployed nothing yet"):
        WAIT.run(WAIT.bind({"platform": "engine", "deployed": "deploy"}, context), Recorder())


def test_a_new_pod_that_cannot_pull_its_image_is_red_while_the_old_one_serves(
    tmp_path: Path, new_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in github.com/kubernetes/kubernetes/issues/100192: one of one is ready, and it is the old one."""
    monkeypatch.setattr(deploy_wait, "PATIENCE", 0.5)
    engines = Engines(tmp_path / "bin", monkeypatch)
    image = f"api@sha256:{'1' * 64}"
    engines.runs("api", 1, image)
    file = engines.at / "deployments.json"
    known = json.loads(file.read_text())
    deployment, pod = known["items"]
    deployment["status"] = {"replicas": 2, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    waiting = {"waiting": {"reason": "ImagePullBackOff"}}
    pod["status"]["containerStatuses"][0]["state"] = waiting
    file.write_text(json.dumps(known))
    said = {"type": "Warning", "reason": "Failed", "message": "manifest unknown"}
    about = {"kind": "Pod", "name": "api-abc-0"}
    (engines.at / "events.json").write_text(json.dumps({"items": [{**said, "involvedObject": about}]}))
    release = {"images": {"api": image}, "previous": {}, "now": {}}
    systems = {"engine": {"kind": "platform", "driver": "kubectl"}}
    params = WAIT.bind(
        {"platform": "engine", "deployed": "deploy"}, new_context(systems, deploy={"release": release})
    )
    outcome = WAIT.run(params, Recorder())
    assert not outcome.ok
    assert "api: ImagePullBackOff" in outcome.summary
    assert "The platform reports: Failed: manifest unknown." in outcome.summary
