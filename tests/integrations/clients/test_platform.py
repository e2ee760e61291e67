"""The commands of each platform, and the parsing of what they print."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cutover.data_folder import PROJECT
from integrations.clients.platform import get_platform
from integrations.clients.platform.command import STATUS_FIELDS
from integrations.clients.platform.helm import HelmPlatform
from integrations.errors import Problem
from integrations.systems import System
from tests.allowed import allow
from tests.integrations.sandbox.engines import Engines


def system(driver: str, **settings: str) -> System:
    return System("engine", "platform", {"driver": driver, **settings}, {})


def test_compose_stops_without_touching_volumes_and_reads_both_of_its_formats() -> None:
    driver = get_platform(system("compose", file="deploy/compose.yaml", release="covenant"))
    start = ["docker", "compose", "--file", "deploy/compose.yaml", "--project-name", "covenant"]
    assert driver.stop_commands(["api", "worker"]) == [[*start, "stop", "api", "worker"]]
    assert driver.status_command() == [*start, "ps", "--all", "--format", "json"]
    rows = [
        {
            "Service": "api",
            "State": "running",
            "Health": "healthy",
            "Image": "api@sha256:1",
            "Status": "Up 3 s",
        },
        {"Service": "worker", "State": "exited", "Image": "w", "Status": "Exited (1)"},
        {"Service": "web", "State": "running", "Health": "starting", "Image": "web"},
    ]
    for text in (json.dumps(rows), "\n".join(map(json.dumps, rows))):
        found = driver.parse_status(text)
        assert found["api"].is_up
        assert found["worker"].is_down
        assert not found["web"].is_up


def test_kubectl_counts_only_the_replicas_of_the_newest_generation() -> None:
    def deployment(observed: int) -> str:
        spec = {"replicas": 2, "template": {"spec": {"containers": [{"image": "api@sha256:1"}]}}}
        status = {"observedGeneration": observed, "availableReplicas": 2, "updatedReplicas": 2}
        item = {"metadata": {"name": "api", "generation": 7}, "spec": spec, "status": status}
        return json.dumps({"items": [item]})

    driver = get_platform(system("kubectl", namespace="prod", context="main"))
    assert driver.parse_status(deployment(7))["api"].is_up
    assert not driver.parse_status(deployment(6))["api"].is_up
    start = ["kubectl", "--context", "main", "--namespace", "prod"]
    assert driver.stop_commands(["api"]) == [[*start, "scale", "--replicas=0", "deployment/api"]]


def test_kubectl_reports_pods_that_are_ending_and_restarts() -> None:
    def cluster(replicas: int, *restarts: int) -> str:
        images = [{"name": "proxy", "image": "proxy:1"}, {"name": "api", "image": "api@sha256:1"}]
        spec = {"replicas": replicas, "template": {"spec": {"containers": images}}}
        status = {"observedGeneration": 7, "availableReplicas": replicas, "updatedReplicas": replicas}
        item = {"kind": "Deployment", "metadata": {"name": "api", "generation": 7}, "spec": spec}
        pods = [
            {
                "kind": "Pod",
                "metadata": {
                    "name": f"api-5d-{number}",
                    "labels": {"pod-template-hash": "5d"},
                    "ownerReferences": [{"kind": "ReplicaSet", "name": "api-5d"}],
                },
                "status": {"phase": "Running", "containerStatuses": [{"restartCount": count}]},
            }
            for number, count in enumerate(restarts)
        ]
        return json.dumps({"items": [{**item, "status": status}, *pods]})

    driver = get_platform(system("kubectl"))
    assert driver.status_command() == ["kubectl", "get", "deployments,pods", "--output", "json"]
    running = driver.parse_status(cluster(2, 1, 3))["api"]
    assert (running.is_up, running.restarts, running.image) == (True, 4, "api@sha256:1")
    ending = driver.parse_status(cluster(0, 0))["api"]
    assert not ending.is_down, "a pod that is ending may still write"
    assert "1 pod(s) still run" in str(ending)
    assert driver.parse_status(cluster(0))["api"].is_down


def test_helm_installs_by_digest_and_rolls_itself_back() -> None:
    driver = get_platform(
        system("helm", release="covenant", chart="deploy/helm", namespace="prod", values="v.yaml")
    )
    (command,) = driver.apply_commands({"backend": "registry.example.org/backend@sha256:1"})
    assert command[:5] == ["helm", "upgrade", "--install", "covenant", "deploy/helm"]
    assert "--atomic" in command
    assert (
        "backend.image.repository=registry.example.org/backend,backend.image.tag=pinned@sha256:1" in command
    )


@pytest.mark.parametrize(
    ("image", "set_to"),
    [
        ("host:5000/x/backend@sha256:1", "host:5000/x/backend,backend.image.tag=pinned@sha256:1"),
        ("host:5000/x/backend:sha-12ab@sha256:1", "host:5000/x/backend,backend.image.tag=sha-12ab@sha256:1"),
    ],
)
def test_helm_sets_the_keys_of_the_chart(image: str, set_to: str) -> None:
    settings = {"release": "r", "chart": "c", "chart_keys": "api=backend, worker=worker"}
    (command,) = get_platform(system("helm", **settings)).apply_commands({"api": image})
    assert command[-1] == f"backend.image.repository={set_to}"
    digest = get_platform(system("helm", **settings, image_values="digest"))
    assert digest.apply_commands({"api": image})[0][-1].endswith(",backend.image.digest=sha256:1")
    for wrong in ({"image_values": "sha"}, {"chart_keys": "api"}):
        with pytest.raises(Problem, match=r"is “sha”|cannot be read"):
            get_platform(system("helm", **{**settings, **wrong})).apply_commands({"api": image})


def chart(folder: Path, values: str, image: str) -> HelmPlatform:
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "Chart.yaml").write_text("name: x\n")
    (folder / "values.yaml").write_text(values)
    pod = f"spec: {{template: {{spec: {{containers: [{{name: backend, image: {image!r}}}]}}}}}}"
    (folder / "templates" / "backend.yaml").write_text(f"kind: Deployment\nmetadata: {{name: b}}\n{pod}\n")
    found = get_platform(system("helm", release="r", chart=str(folder), chart_keys="api=backend"))
    assert isinstance(found, HelmPlatform)
    return found


def test_a_value_that_the_chart_ignores_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Engines(tmp_path / "bin", monkeypatch)
    images = {"api": f"registry.example.org/backend@sha256:{'a' * 64}"}
    values = "backend: {image: {repository: x, tag: latest}}\nworker: {image: {repository: x}}\n"
    reference = "{{ .Values.backend.image.repository }}:{{ .Values.backend.image.tag }}"
    chart(tmp_path / "good", values, reference).refuse_ignored_images(images)
    for name, text in {
        "other": values.replace("backend", "web"),
        "empty": "",
        "untagged": "backend: {image: {}}",
    }.items():
        with pytest.raises(Problem, match=r"has no value .*backend\.image\.tag") as refused:
            chart(tmp_path / name, text, reference).refuse_ignored_images(images)
        assert "Helm would ignore it" in refused.value.means
    with pytest.raises(Problem, match="would not run the image of api"):
        chart(tmp_path / "fixed", values, "registry.example.org/backend:latest").refuse_ignored_images(images)


def test_deployments_and_containers_may_have_other_names_than_the_service() -> None:
    driver = get_platform(system("kubectl", deployments="api=night-backend/backend worker=night-worker"))
    assert driver.apply_commands({"api": "x@sha256:1"}) == [
        ["kubectl", "set", "image", "deployment/night-backend", "backend=x@sha256:1"]
    ]
    assert driver.stop_commands(["worker"])[0][-1] == "deployment/night-worker"
    assert "deployment/night-backend" in driver.logs_command("api", 5)
    containers = [{"name": "proxy", "image": "p"}, {"name": "backend", "image": "x@sha256:1"}]
    one = {
        "metadata": {"name": "night-backend"},
        "spec": {"replicas": 0, "template": {"spec": {"containers": containers}}},
    }
    found = driver.parse_status(json.dumps({"items": [one]}))
    assert (list(found), found["api"].image) == (["api"], "x@sha256:1")


def test_two_containers_of_a_service_with_two_images_run_neither_alone() -> None:
    rows = [{"Service": "api", "State": "running", "Image": f"api@sha256:{number}"} for number in (1, 2)]
    found = get_platform(system("compose")).parse_status(json.dumps(rows))["api"]
    assert found.image == "api@sha256:1 and api@sha256:2"
    kept = get_platform(system("compose")).configuration_commands(["api"], {"api": found.image})
    assert [kept[f"image-api-{n}.json"][-1] for n in (1, 2)] == ["api@sha256:1", "api@sha256:2"]
    with pytest.raises(Problem, match="has no Service"):
        get_platform(system("compose")).parse_status('[{"State": "running"}]')


def test_a_command_template_is_split_into_words_and_no_shell_reads_it() -> None:
    allow("/srv/ctl")
    driver = get_platform(system("command", stop="/srv/ctl --at 'a b' stop {services}"))
    assert driver.stop_commands(["x; rm -rf /"]) == [["/srv/ctl", "--at", "a b", "stop", "x; rm -rf /"]]


def test_a_command_that_is_not_given_is_named() -> None:
    driver = get_platform(system("command", archive="", stop=""))
    for names in (["api"], []):
        with pytest.raises(Problem, match="no command stop: of the system “engine”"):
            driver.archive_commands(names)
    with pytest.raises(Problem, match="no setting “start”"):
        driver.start_commands(["api"])


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"services": []}', '{"services": {"a": {"x": 1}}}'])
def test_an_unreadable_status_is_reported(text: str) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        get_platform(system("command")).parse_status(text)


def documented() -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """The examples of ``status`` and ``describe`` in the reference, and what it says of each member."""
    page = (PROJECT / "docs/reference/runbook-file.md").read_text()
    section = page.partition("### A platform of your own commands")[2].partition("\n## ")[0]
    status, describe = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", section, re.S))
    return status, describe, dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.M))


def test_the_documented_status_is_accepted_and_means_what_the_reference_says() -> None:
    status, _, members = documented()
    found = get_platform(system("command")).parse_status(json.dumps(status))
    assert (found["api"].is_up, found["api"].is_down) == (True, False)
    assert (found["old-app"].is_up, found["old-app"].is_down) == (False, True)
    assert tuple(members) == STATUS_FIELDS
    assert set(status["services"]["api"]) == set(members), "the example shows all of them"
    for member, meaning in members.items():
        others = {name: value for name, value in status["services"]["api"].items() if name != member}
        text = json.dumps({"services": {"api": {**others, "node": "ignored"}}})
        if meaning.startswith("required"):
            with pytest.raises(Problem, match=f"cannot be read.*{member}"):
                get_platform(system("command")).parse_status(text)
        else:
            assert get_platform(system("command")).parse_status(text)["api"].is_up
    for word in re.findall(r"`(\w+)`", members["state"]):
        ending = {"state": word, "replicas": 0, "ready": 0}
        text = json.dumps({"services": {"api": ending}})
        assert not get_platform(system("command")).parse_status(text)["api"].is_down, word


def test_the_documented_description_of_images_is_accepted(tmp_path: Path) -> None:
    _, describe, _ = documented()
    (tmp_path / "described.json").write_text(json.dumps(describe))
    driver = get_platform(system("command", describe=f"cat {tmp_path / 'described.json'}"))
    image = describe["services"]["api"]["image"]
    (start,) = driver.read_container_starts({"api": image})
    assert (start.name, start.image, start.words) == ("api", image, ["node", "dist/main.js"])


def test_an_engine_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Problem, match="docker is not installed"):
        get_platform(system("compose")).read_status()


def test_an_unknown_driver_is_named_with_the_known_ones() -> None:
    with pytest.raises(Problem, match="does not speak") as refused:
        get_platform(system("nomad"))
    assert "compose" in refused.value.next


def test_every_platform_tells_what_its_archive_keeps_and_then_scales_to_zero() -> None:
    names, images = ["api"], {"api": "api@sha256:1"}
    settings = {
        "release": "night",
        "chart": "c",
        "namespace": "prod",
        "status": "cat x",
        "stop": "true",
        "logs": "",
    }
    expected = {
        "compose": {"status.json", "compose.json", "image-api.json"},
        "kubectl": {"status.json"},
        "helm": {"status.json", "helm-values.yaml", "helm-manifest.yaml"},
        "command": {"status.json"},
    }
    for driver, files in expected.items():
        platform = get_platform(system(driver, **settings))
        assert set(platform.configuration_commands(names, images)) == files
        assert platform.archive_commands(names) == platform.stop_commands(names)
    helm = get_platform(system("helm", **settings)).configuration_commands(names, images)
    assert helm["helm-values.yaml"] == [
        *("helm", "get", "values", "night", "--namespace", "prod", "--all"),
    ]
    own = get_platform(system("compose", **settings, archive="true {services}"))
    assert own.archive_commands(names)[0][1:] == ["api"]
