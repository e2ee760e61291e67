"""What the engines print is read as they print it, and their commands are exactly these."""

from __future__ import annotations

import json

import pytest

from integrations.clients.platform import driver_of, standing
from integrations.errors import Problem
from integrations.systems import System


def system(driver: str, **settings: str) -> System:
    return System("engine", "platform", {"driver": driver, **settings}, {})


def test_compose_stops_without_touching_volumes_and_reads_both_of_its_formats() -> None:
    driver = driver_of(system("compose", file="deploy/compose.yaml", release="covenant"))
    start = ["docker", "compose", "--file", "deploy/compose.yaml", "--project-name", "covenant"]
    assert driver.stop(["api", "worker"]) == [[*start, "stop", "api", "worker"]]
    assert driver.look() == [*start, "ps", "--all", "--format", "json"]
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
        found = driver.read(text)
        assert found["api"].is_up
        assert found["worker"].is_down
        assert not found["web"].is_up


def test_kubectl_counts_only_the_replicas_of_the_newest_generation() -> None:
    def deployment(observed: int) -> str:
        spec = {"replicas": 2, "template": {"spec": {"containers": [{"image": "api@sha256:1"}]}}}
        status = {"observedGeneration": observed, "readyReplicas": 2, "updatedReplicas": 2}
        item = {"metadata": {"name": "api", "generation": 7}, "spec": spec, "status": status}
        return json.dumps({"items": [item]})

    driver = driver_of(system("kubectl", namespace="prod", context="main"))
    assert driver.read(deployment(7))["api"].is_up
    assert not driver.read(deployment(6))["api"].is_up
    start = ["kubectl", "--context", "main", "--namespace", "prod"]
    assert driver.stop(["api"]) == [[*start, "scale", "--replicas=0", "deployment/api"]]


def test_kubectl_tells_what_is_still_ending_and_how_often_it_restarted() -> None:
    def cluster(replicas: int, *restarts: int) -> str:
        images = [{"name": "proxy", "image": "proxy:1"}, {"name": "api", "image": "api@sha256:1"}]
        spec = {"replicas": replicas, "template": {"spec": {"containers": images}}}
        status = {"observedGeneration": 7, "readyReplicas": replicas, "updatedReplicas": replicas}
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

    driver = driver_of(system("kubectl"))
    assert driver.look() == ["kubectl", "get", "deployments,pods", "--output", "json"]
    running = driver.read(cluster(2, 1, 3))["api"]
    assert (running.is_up, running.restarts, running.image) == (True, 4, "api@sha256:1")
    ending = driver.read(cluster(0, 0))["api"]
    assert not ending.is_down, "a pod that is ending may still write"
    assert "1 pod(s) still run" in str(ending)
    assert driver.read(cluster(0))["api"].is_down


def test_helm_installs_by_digest_and_takes_itself_back() -> None:
    driver = driver_of(
        system("helm", release="covenant", chart="deploy/helm", namespace="prod", values="v.yaml")
    )
    (command,) = driver.apply({"backend": "registry.example.org/backend@sha256:1"})
    assert command[:5] == ["helm", "upgrade", "--install", "covenant", "deploy/helm"]
    assert "--atomic" in command
    assert "backend.image.repository=registry.example.org/backend,backend.image.digest=sha256:1" in command


def test_a_command_template_is_split_into_words_and_no_shell_reads_it() -> None:
    driver = driver_of(system("command", stop="ctl --at 'a b' stop {services}", status="ctl status"))
    assert driver.stop(["x; rm -rf /"]) == [["ctl", "--at", "a b", "stop", "x; rm -rf /"]]


def test_a_command_that_is_not_given_is_named() -> None:
    driver = driver_of(system("command", archive="", stop="ctl stop {services}"))
    for names in (["api"], []):
        with pytest.raises(Problem, match="no command archive:"):
            driver.archive(names)
    with pytest.raises(Problem, match="no setting “start”"):
        driver.start(["api"])


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"services": []}', '{"services": {"a": {"x": 1}}}'])
def test_a_status_that_cannot_be_read_is_said_so(text: str) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        standing.of_command(text)


def test_an_engine_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Problem, match="docker is not installed"):
        driver_of(system("compose")).standing()


def test_a_driver_that_nobody_knows_is_named_with_those_there_are() -> None:
    with pytest.raises(Problem, match="does not speak") as refused:
        driver_of(system("nomad"))
    assert "compose" in refused.value.next
