"""Images that migrate when they start are red on every platform, and so are unknown start commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.actions import Context, Outcome, ProbeStatus, registry
from integrations.errors import Cancelled, Problem
from integrations.sandbox import services_archive
from integrations.sandbox.services import Release
from tests.allowed import allow
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.engines import Engines

Make = Callable[..., Context]
ACTION, APPLY = registry()["image.check"], registry()["deploy.apply"]
API, WORKER = (
    f"registry.example.org/backend@sha256:{'a' * 64}",
    f"registry.example.org/worker@sha256:{'b' * 64}",
)
MIGRATES = ["sh", "-c", "npx prisma migrate deploy && node dist/src/main.js"]
STARTS = ["node", "dist/src/main.js"]


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    found = Engines(tmp_path / "bin", monkeypatch)
    found.knows({API: {"Entrypoint": None, "Cmd": MIGRATES}, WORKER: {"Entrypoint": STARTS, "Cmd": None}})
    return found


def compose(folder: Path, **services: dict[str, Any]) -> dict[str, str]:
    (folder / "compose.yaml").write_text(yaml.safe_dump({"services": services}))
    return {"kind": "platform", "driver": "compose", "file": "compose.yaml", "folder": str(folder)}


def check(
    make: Make, settings: dict[str, str], images: dict[str, str], **more: Any
) -> tuple[Outcome, dict[str, Any]]:
    report = Recorder()
    systems = {"engine": settings, "source": {"kind": "folder", "path": more.pop("source", "/nowhere")}}
    params = ACTION.bind({"platform": "engine", "images": images, **more}, make(systems))
    return ACTION.run(params, report), report.facts


def test_an_image_that_migrates_by_itself_is_red_with_the_remedy(
    engines: Engines, tmp_path: Path, new_context: Make
) -> None:
    outcome, facts = check(new_context, compose(tmp_path, api={"image": API}), {"api": API})
    assert not outcome.ok
    assert "api migrates the database when it starts" in outcome.summary
    assert "node dist/src/main.js" in outcome.summary
    assert facts["images"] == []
    assert facts["containers"][0]["migrates"]


def test_a_command_in_the_compose_file_overrides_the_images_own(
    engines: Engines, tmp_path: Path, new_context: Make
) -> None:
    settings = compose(tmp_path, api={"image": API, "command": STARTS}, worker={"image": WORKER})
    outcome, facts = check(new_context, settings, {"api": API, "worker": WORKER})
    assert outcome.ok, outcome.summary
    assert {one["digest"] for one in facts["images"]} == {f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"}
    hook = [{"command": ["npx", "prisma", "migrate", "deploy"]}]
    settings = compose(tmp_path, worker={"image": WORKER, "post_start": hook})
    assert "post_start" in check(new_context, settings, {"worker": WORKER})[0].summary
    settings = compose(tmp_path, worker={"image": WORKER, "entrypoint": MIGRATES})
    assert not check(new_context, settings, {"worker": WORKER})[0].ok


def test_deploy_apply_accepts_only_the_images_that_passed(
    engines: Engines, tmp_path: Path, new_context: Make
) -> None:
    settings = compose(tmp_path, worker={"image": WORKER})
    _, facts = check(new_context, settings, {"worker": WORKER})
    context = new_context({"engine": settings}, check=facts)
    raw = {"platform": "engine", "checked": "check"}
    with pytest.raises(Problem, match="has not checked the image of api"):
        APPLY.run(APPLY.bind({**raw, "images": {"api": API}}, context), Recorder())
    outcome = APPLY.run(APPLY.bind({**raw, "images": {"worker": WORKER}}, context), Recorder())
    assert "has not checked" not in outcome.summary


def test_an_image_that_was_not_pulled_is_red(engines: Engines, tmp_path: Path, new_context: Make) -> None:
    engines.knows({})
    outcome, facts = check(new_context, compose(tmp_path, api={"image": API}), {"api": API})
    assert not outcome.ok
    assert "is not known" in outcome.summary
    assert "No such image" in outcome.summary
    assert facts["images"] == []


def test_an_image_without_a_digest_is_red_without_a_command(tmp_path: Path, new_context: Make) -> None:
    settings = compose(tmp_path, api={"image": "api:latest"})
    for image in ("api:latest", "api@sha256:12"):
        outcome, _ = check(new_context, settings, {"api": image})
        assert not outcome.ok
        assert "not named by its digest" in outcome.summary


def test_files_that_name_another_image_are_red(engines: Engines, tmp_path: Path, new_context: Make) -> None:
    settings = compose(tmp_path, api={"image": "backend:latest", "command": STARTS, "entrypoint": ["env"]})
    outcome, _ = check(new_context, settings, {"api": API})
    assert not outcome.ok
    assert "would not run" in outcome.summary
    assert "backend:latest" in outcome.summary


def test_scripts_are_followed_only_with_the_source(
    engines: Engines, tmp_path: Path, new_context: Make
) -> None:
    engines.knows({API: {"Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["npm", "run", "start:prod"]}})
    scripts = {"start:prod": "node dist/src/main.js"}
    (tmp_path / "package.json").write_text(json.dumps({"scripts": scripts}))
    settings, source = compose(tmp_path, api={"image": API}), str(tmp_path)
    assert "cannot be analysed" in check(new_context, settings, {"api": API})[0].summary
    seen = {"folder": "source", "trusted": ["docker-entrypoint.sh"], "source": source}
    assert check(new_context, settings, {"api": API}, **seen)[0].ok
    scripts["prestart:prod"] = "prisma migrate deploy"
    (tmp_path / "package.json").write_text(json.dumps({"scripts": scripts}))
    assert "migrates the database" in check(new_context, settings, {"api": API}, **seen)[0].summary


CHART = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: backend}
spec:
  template:
    spec:
      containers:
        - name: backend
          image: "{{ .Values.backend.image.repository }}:{{ .Values.backend.image.tag }}"
          COMMAND
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: redis}
spec: {template: {spec: {containers: [{name: redis, image: "redis:7"}]}}}
"""
HOOK = """
kind: Job
metadata: {name: migrate, annotations: {helm.sh/hook: pre-upgrade}}
spec:
  template:
    spec:
      initContainers: [{name: wait, image: busybox, command: [sleep, "1"]}]
      containers: [{name: migrations, image: backend, command: [npx, prisma], args: [migrate, deploy]}]
"""


def chart(folder: Path, command: str, **more: str) -> dict[str, str]:
    templates = folder / "chart" / "templates"
    templates.mkdir(parents=True, exist_ok=True)
    (folder / "chart" / "Chart.yaml").write_text("name: covenant\n")
    (templates / "backend.yaml").write_text(CHART.replace("COMMAND", command))
    for name, text in more.items():
        (templates / f"{name}.yaml").write_text(text)
    settings = {"release": "covenant", "chart": str(folder / "chart"), "namespace": "prod"}
    return {"kind": "platform", "driver": "helm", **settings}


def test_the_rendered_chart_is_analysed_with_its_hooks(
    engines: Engines, tmp_path: Path, new_context: Make
) -> None:
    settings = chart(tmp_path, "command: [node, dist/src/main.js]")
    raw = {"ignore": ["redis"]}
    outcome, facts = check(new_context, settings, {"backend": API}, **raw)
    assert outcome.ok, outcome.summary
    assert [one["service"] for one in facts["images"]] == ["backend"]
    assert "is not known" in check(new_context, settings, {"backend": API})[0].summary  # redis
    chart(tmp_path, "args: [node, dist/src/main.js]")
    assert check(new_context, settings, {"backend": API}, **raw)[0].ok
    chart(tmp_path, "")
    assert "migrates the database" in check(new_context, settings, {"backend": API}, **raw)[0].summary
    chart(tmp_path, "command: [node, dist/src/main.js]", hook=HOOK)
    outcome, _ = check(new_context, settings, {"backend": API}, **raw)
    assert "migrations migrates the database" in outcome.summary
    assert "hook pre-upgrade" in outcome.summary


def test_deployments_of_the_cluster_keep_their_command_and_manifests_are_read(
    engines: Engines, tmp_path: Path, new_context: Make
) -> None:
    def deploy(**container: Any) -> None:
        pod = {"containers": [{"name": "backend", "image": "old", **container}]}
        item = {"kind": "Deployment", "metadata": {"name": "backend"}, "spec": {"template": {"spec": pod}}}
        (engines.at / "deployments.json").write_text(json.dumps({"items": [item]}))

    settings = {"kind": "platform", "driver": "kubectl", "namespace": "prod", "folder": str(tmp_path)}
    deploy()
    assert "migrates the database" in check(new_context, settings, {"backend": API})[0].summary
    deploy(command=STARTS)
    assert check(new_context, settings, {"backend": API})[0].ok
    deploy(command=STARTS, lifecycle={"postStart": {"exec": {"command": MIGRATES}}})
    assert "postStart" in check(new_context, settings, {"backend": API})[0].summary
    (tmp_path / "jobs.yaml").write_text(HOOK)
    outcome, _ = check(new_context, {**settings, "file": "jobs.yaml"}, {"backend": API})
    assert "jobs.yaml: Job migrate, container migrations" in outcome.summary


def described(folder: Path, answer: Any) -> dict[str, str]:
    program = folder / "describe"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint({json.dumps(answer)!r})\n")
    program.chmod(0o755)
    allow(program)
    return {"kind": "platform", "driver": "command", "describe": f"{program} {{images}}", "status": "true"}


def test_a_platform_of_commands_is_read_with_its_describe_command(tmp_path: Path, new_context: Make) -> None:
    answer = {"services": {"api": {"image": API, "start": STARTS}}}
    assert check(new_context, described(tmp_path, answer), {"api": API})[0].ok
    answer["services"]["api"]["start"] = MIGRATES
    assert "migrates" in check(new_context, described(tmp_path, answer), {"api": API})[0].summary
    answer["services"]["api"] = {"image": API}
    assert "is not known" in check(new_context, described(tmp_path, answer), {"api": API})[0].summary
    assert (
        "would not run" in check(new_context, described(tmp_path, {"services": {}}), {"api": API})[0].summary
    )
    with pytest.raises(Problem, match="cannot be read"):
        check(new_context, described(tmp_path, []), {"api": API})


def test_releases_of_the_sandboxs_platform_have_start_commands(tmp_path: Path, new_context: Make) -> None:
    command = services_archive.lay_out(tmp_path)
    allow(command)
    settings = {"kind": "platform", "driver": "command", "describe": f"{command} describe {{images}}"}
    starts = f"new-api@{Release('new-api', [sys.executable, '-m', 'api']).keep(tmp_path)}"
    migrates = f"new-api@{Release('new-api', MIGRATES).keep(tmp_path)}"
    assert check(new_context, settings, {"new-api": starts})[0].ok
    assert "migrates the database" in check(new_context, settings, {"new-api": migrates})[0].summary
    with pytest.raises(Problem, match="ended with code 1"):
        check(new_context, settings, {"new-api": API})


def test_the_preview_names_the_commands_and_runs_none(tmp_path: Path, new_context: Make) -> None:
    systems = {"engine": chart(tmp_path, "")}
    preview = ACTION.preview(
        ACTION.bind({"platform": "engine", "images": {"backend": API}}, new_context(systems))
    )
    assert preview.lines[0].startswith("helm template covenant ")
    assert "--atomic" not in preview.lines[0]
    assert preview.lines[1] == f"docker image inspect {API}"


def test_a_cancel_ends_it_between_two_containers(tmp_path: Path, new_context: Make) -> None:
    systems = {"engine": described(tmp_path, {"services": {"api": {"image": API, "start": STARTS}}})}
    params = ACTION.bind({"platform": "engine", "images": {"api": API}}, new_context(systems))
    with pytest.raises(Cancelled):
        ACTION.run(params, Recorder(cancel_when=lambda report: True))
    assert ACTION.probe(params, {}).status == ProbeStatus.NOT_DONE


def test_a_missing_engine_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_context: Make
) -> None:
    Engines(tmp_path / "bin", monkeypatch, "kubectl")
    with pytest.raises(Problem, match="helm is not installed"):
        check(new_context, chart(tmp_path, ""), {"backend": API})
