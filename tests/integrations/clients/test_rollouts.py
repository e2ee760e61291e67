"""Rollouts by kubectl's own rule, and the pod's own reason in the message."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from integrations.clients.platform import ServiceStatus, get_platform
from integrations.errors import Problem
from integrations.systems import System
from tests.allowed import allow

NEW, OLD = "registry.example.org/api@sha256:" + "2" * 64, "registry.example.org/api@sha256:" + "1" * 64
RULES = [  # status of a Deployment that wants 2 replicas; whether `kubectl rollout status` ends
    ({"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}, True),
    ({"replicas": 3, "updatedReplicas": 1, "readyReplicas": 2, "availableReplicas": 2}, False),  # K1
    (
        {"replicas": 4, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2},
        False,
    ),  # maxSurge 100 %
    ({"replicas": 3, "updatedReplicas": 2, "readyReplicas": 3, "availableReplicas": 3}, False),  # one to end
    (
        {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 1},
        False,
    ),  # minReadySeconds
    ({"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}, False),  # paused: no new pod
    ({}, False),
]


def system(**settings: str) -> System:
    return System("engine", "platform", {"driver": "kubectl", **settings}, {})


def workload(kind: str = "Deployment", name: str = "api", **more: Any) -> dict[str, Any]:
    """A workload as the API prints it; ``spec`` and ``status`` are added to what all have."""
    template = {"spec": {"containers": [{"name": name, "image": NEW}]}}
    return {
        "kind": kind,
        "metadata": {"name": name, "generation": 3},
        "spec": {"template": template, "replicas": 2, **more.get("spec", {})},
        "status": {"observedGeneration": 3, **more.get("status", {})},
    }


def pod(
    name: str = "api-5d-1",
    *,
    image: str = NEW,
    owner: str = "ReplicaSet",
    containers: list[dict[str, Any]] | None = None,
    **status: Any,
) -> dict[str, Any]:
    named = "api-5d" if owner == "ReplicaSet" else "api"
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {"pod-template-hash": "5d"},
            "ownerReferences": [{"kind": owner, "name": named}],
        },
        "spec": {"containers": [{"name": "api", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": containers or [], **status},
    }


def read(*items: dict[str, Any], **settings: str) -> ServiceStatus:
    return get_platform(system(**settings)).parse_status(json.dumps({"items": list(items)}))["api"]


@pytest.mark.parametrize(("status", "is_up"), RULES)
def test_a_deployment_is_ready_when_kubectl_calls_its_rollout_complete(
    status: dict[str, int], is_up: bool
) -> None:
    assert read(workload(status=status)).is_up is is_up
    assert not read(workload(status={**status, "observedGeneration": 2})).is_up


def test_no_replica_that_is_wanted_is_not_ready_and_a_paused_rollout_says_so() -> None:
    none = read(workload(spec={"replicas": 0}))
    assert (none.is_up, none.is_down) == (False, True)
    assert "no replica is wanted" in str(none)
    paused = workload(spec={"paused": True}, status={"replicas": 2, "availableReplicas": 2})
    assert "the rollout is paused: kubectl rollout resume" in str(read(paused))


STATEFUL = "api=statefulset/api/api"
WHOLE = {"readyReplicas": 2, "updatedReplicas": 2, "currentRevision": "b", "updateRevision": "b"}
HALF = {"readyReplicas": 2, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"}


@pytest.mark.parametrize(
    ("strategy", "status", "is_up"),
    [
        ({"type": "RollingUpdate"}, WHOLE, True),
        ({"type": "RollingUpdate"}, HALF, False),
        ({"type": "RollingUpdate"}, {**WHOLE, "readyReplicas": 1}, False),
        ({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}, HALF, True),
        ({"type": "OnDelete"}, HALF, False),
        ({"type": "OnDelete"}, WHOLE, True),
    ],
)
def test_a_stateful_set_follows_its_update_strategy(
    strategy: dict[str, Any], status: dict[str, Any], is_up: bool
) -> None:
    one = workload("StatefulSet", spec={"updateStrategy": strategy}, status=status)
    assert read(one, deployments=STATEFUL).is_up is is_up


def test_pods_that_a_partition_keeps_back_are_another_image() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    one = workload("StatefulSet", spec={"updateStrategy": strategy}, status=HALF)
    pods = [pod(f"api-{n}", image=image, owner="StatefulSet") for n, image in enumerate((OLD, NEW))]
    found = read(one, *pods, deployments=STATEFUL)
    assert found.images == [NEW, OLD]
    assert "its partition keeps 1 replica(s) at the older version" in str(found)
    assert get_platform(system()).image_digests([found], "") == {"api": [NEW, OLD]}


@pytest.mark.parametrize(
    ("strategy", "updated", "available", "is_up"),
    [
        ("RollingUpdate", 3, 3, True),
        ("RollingUpdate", 3, 2, False),
        ("RollingUpdate", 1, 3, False),
        ("OnDelete", 1, 3, False),
    ],
)
def test_a_daemon_set_is_counted_by_nodes(strategy: str, updated: int, available: int, is_up: bool) -> None:
    status = {"desiredNumberScheduled": 3, "updatedNumberScheduled": updated, "numberAvailable": available}
    one = workload("DaemonSet", spec={"updateStrategy": {"type": strategy}}, status=status)
    settings = {"deployments": "api=daemonset/api/api"}
    assert read(one, **settings).is_up is is_up
    with pytest.raises(Problem, match="a daemon set cannot be started or stopped"):
        get_platform(system(**settings)).stop_commands(["api"])


WAITING = {"name": "api", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
REASONS = [
    (
        [
            {
                "name": "api",
                "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling x"}},
            }
        ],
        {},
        "api: ImagePullBackOff (Back-off pulling x)",
    ),
    (
        [{**WAITING, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}],
        {},
        "api: CrashLoopBackOff, ended with exit code 137 (OOMKilled)",
    ),
    (
        [{"name": "api", "ready": False, "started": True, "state": {"running": {}}}],
        {},
        "api: runs, but its readiness probe has not succeeded",
    ),
    (
        [{"name": "api", "ready": False, "started": False, "state": {"running": {}}}],
        {},
        "api: runs, but its startup probe has not succeeded",
    ),
    (
        [],
        {
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/3 nodes are available: 3 Insufficient memory.",
                }
            ]
        },
        "Unschedulable: 0/3 nodes are available: 3 Insufficient memory.",
    ),
    (
        [],
        {
            "initContainerStatuses": [
                {"name": "wait", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}
            ]
        },
        "wait, ended with exit code 1 (Error)",
    ),
]


@pytest.mark.parametrize(("containers", "status", "said"), REASONS)
def test_the_reason_of_the_pod_is_in_the_message(
    containers: list[dict[str, Any]], status: dict[str, Any], said: str
) -> None:
    stuck = workload(status={"replicas": 3, "updatedReplicas": 1, "availableReplicas": 2})
    assert said in str(read(stuck, pod(containers=containers, **status)))


def test_a_quota_that_refuses_pods_is_told_by_the_condition_that_is_bad_when_true() -> None:
    quota = 'pods "api-5d-x" is forbidden: exceeded quota: compute'
    conditions = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": quota},
        {"type": "Progressing", "status": "True", "message": "ReplicaSet is progressing."},
    ]
    found = str(read(workload(status={"conditions": conditions})))
    assert quota in found
    assert "is progressing" not in found


def test_a_workload_of_another_kind_is_named_in_every_command() -> None:
    platform = get_platform(system(deployments="api=statefulset/night-api/backend"))
    assert platform.status_command()[2] == "deployments,statefulsets,pods"
    assert platform.apply_commands({"api": NEW})[0][3:] == ["statefulset/night-api", f"backend={NEW}"]
    assert platform.stop_commands(["api"])[0][-1] == "statefulset/night-api"
    assert read(workload(name="api"), deployments="").name == "api"
    with pytest.raises(Problem, match="cannot be read"):
        get_platform(system(deployments="api=job/x/y")).status_command()


WRONG = ["", "[]", "{}", '{"items": null}', "<html>", '"x"', "null", "[" * 50_000]
TORN = [
    [None, 1, "x", []],
    [{"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"replicas": None, "template": []}}],
    [{"kind": "Deployment", "metadata": {"name": "api"}, "status": {"conditions": {}, "replicas": "2"}}],
    [{"kind": "Pod"}, {"kind": "Pod", "metadata": {"ownerReferences": 1}, "status": {"conditions": [1]}}],
    [workload(), pod(containers=[{"state": [], "lastState": 1, "restartCount": None}])],
]


@pytest.mark.parametrize("text", WRONG)
@pytest.mark.parametrize("driver", ["kubectl", "helm", "compose", "command"])
def test_what_is_no_status_is_a_message(driver: str, text: str) -> None:
    platform = get_platform(System("engine", "platform", {"driver": driver}, {}))
    if driver == "compose" and text in ("", "[]"):
        assert platform.parse_status(text) == {}
        return
    with pytest.raises(Problem, match="cannot be read"):
        platform.parse_status(text)


@pytest.mark.parametrize("metadata", [{}, {"metadata": None, "spec": None}, {"metadata": {"name": "api"}}])
def test_an_object_with_missing_parts_is_not_ready(metadata: dict[str, Any]) -> None:
    items = [{"kind": "Deployment", **metadata}]
    found = get_platform(system()).parse_status(json.dumps({"items": items}))
    assert not any(service.is_up for service in found.values())


@pytest.mark.parametrize("items", TORN)
def test_an_object_with_wrong_parts_cannot_be_read(items: list[Any]) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        get_platform(system()).parse_status(json.dumps({"items": items}))


DESCRIBED = [
    '{"items": [1, {"kind": "Deployment", "metadata": {"name": "api"}, "spec": []}]}',
    '{"items": [{"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": {"spec": 1}}}]}',
    '{"services": [1]}',
    '{"services": {"api": 1}}',
    '{"services": {"api": {"post_start": 1}}}',
    '{"services": {"api": {"image": 1, "start": "x"}}}',
    "[]",
    "null",
    "[" * 9000,
]


@pytest.mark.parametrize("driver", ["kubectl", "helm", "compose", "command"])
@pytest.mark.parametrize("text", DESCRIBED)
def test_a_description_of_another_form_is_a_message(
    driver: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "said").write_text(text)
    for name in ("kubectl", "helm", "docker"):
        (tmp_path / name).write_text(f"#!/bin/sh\n/bin/cat {tmp_path}/said\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    allow("/bin/cat")
    settings = {"driver": driver, "release": "r", "chart": "c", "describe": f"/bin/cat {tmp_path}/said"}
    platform = get_platform(System("engine", "platform", settings, {}))
    with suppress(Problem):
        assert all(start.name for start in platform.read_container_starts({"api": NEW}))
