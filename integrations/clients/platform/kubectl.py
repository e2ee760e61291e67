"""Deployments of one Kubernetes namespace, by kubectl (kubernetes.io/docs/reference/kubectl)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from integrations.clients.platform.container_starts import ContainerStart, parse_release
from integrations.clients.platform.kubernetes_objects import (
    as_dict,
    as_int,
    as_list,
    name_of,
    workload_of,
)
from integrations.clients.platform.manifests import starts_in_files, starts_of_workload
from integrations.clients.platform.platform import Platform
from integrations.clients.platform.pod_reasons import ENDED, explain_conditions, explain_events, explain_pods
from integrations.clients.platform.rollouts import read_rollout
from integrations.clients.platform.service_status import (
    BETWEEN,
    ServiceStatus,
    parse_object,
    unreadable_status,
)
from integrations.drivers import driver
from integrations.errors import Problem

#: kind in ``deployments:`` → the kind of the object
KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}


@driver(
    "platform",
    "kubectl",
    summary="kubectl",
    settings={
        **{"namespace": "", "context": "", "file": "a manifest, or a folder of them"},
        "deployments": "`service=deployment/container` each, where they have other names than the service; "
        "`service=statefulset/name/container` for another kind of workload",
    },
    public=("namespace", "context", "file", "deployments"),
)
class KubectlPlatform(Platform):
    """Workloads of one namespace.

    Without ``deployments:`` a service is a deployment of its name, and the container has the deployment's.
    """

    def apply_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """One ``set image`` for each deployment."""
        return [
            [
                *self._kubectl(),
                *("set", "image", self._target(name), f"{self._container(name)}={image}"),
            ]
            for name, image in images.items()
        ]

    def provision_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """The manifests of ``file:``, then the images by digest."""
        apply = [*self._kubectl(), "apply", "--filename", self.system["file"]]
        return [apply, *self.apply_commands(images)]

    def start_commands(
        self, names: Sequence[str], replicas: Mapping[str, int] | None = None
    ) -> list[list[str]]:
        """Scales to as many as ran; where that is not known to one, and an autoscaler takes it from there."""
        counts = {name: max(1, (replicas or {}).get(name, 1)) for name in names}
        same = {count: [name for name in names if counts[name] == count] for count in counts.values()}
        return [command for count, each in same.items() for command in self._scale_commands(each, count)]

    def stop_commands(self, names: Sequence[str]) -> list[list[str]]:
        """Scales to no replica: Kubernetes restarts only what is wanted."""
        return self._scale_commands(names, 0)

    def status_command(self) -> list[str]:
        """The workloads of the namespace and their pods, which tell restarts and what is still ending."""
        others = {kind for kind, _, _ in self._workloads().values()} - {"deployment"}
        kinds = ["deployments", *(f"{kind}s" for kind in sorted(others)), "pods"]
        return [*self._kubectl(), "get", ",".join(kinds), "--output", "json"]

    def read_warnings(self, name: str, attempt: str) -> list[str]:
        """The latest warnings among the events of a service: mounts, quotas, probes, images."""
        command = [*self._kubectl(), "get", "events", "--field-selector", "type=Warning", "--output", "json"]
        events = as_list(parse_object(self.read_output(command, attempt)).get("items"))
        return explain_events(events, self._pods(name, attempt), self._workload(name)[1])

    def rights_commands(self, names: Sequence[str]) -> list[list[str]]:
        """``kubectl auth can-i`` for what ``set image`` and ``scale`` patch.

        kubernetes.io/docs/reference/kubectl/generated/kubectl_auth/kubectl_auth_can-i
        """
        ask = [*self._kubectl(), "auth", "can-i", "patch"]
        targets = [self._target(name) for name in names]
        return [[*ask, each, *more] for each in targets for more in ((), ("--subresource=scale",))]

    def logs_command(self, name: str, lines: int) -> list[str]:
        """The log of one of its pods."""
        target = [self._target(name), "--all-containers", f"--tail={lines}"]
        return [*self._kubectl(), "logs", *target]

    def kept_logs(self, name: str, lines: int, attempt: str) -> dict[str, list[str]]:
        """The log of each pod; of the deployment where it has none, which says why."""
        pods = self._pods(name, attempt)
        tail = ("--all-containers", f"--tail={lines}")
        names = [name_of(pod) for pod in pods]
        found = {f"{pod}.log": [*self._kubectl(), "logs", f"pod/{pod}", *tail] for pod in names}
        return found or super().kept_logs(name, lines, attempt)

    def image_digests(self, services: Sequence[ServiceStatus], attempt: str) -> dict[str, list[str]]:
        """As the nodes run them; what is named by its digest needs no pod."""
        found = super().image_digests(services, attempt)
        for name in (name for name, digests in found.items() if not digests):
            container = self._container(name)
            pods = self._pods(name, attempt)
            run = [each for pod in pods for each in _named(_container_statuses(pod), container)]
            found[name] = sorted({str(each["imageID"]) for each in run if each.get("imageID")})
        return found

    def _pods(self, name: str, attempt: str) -> list[Mapping[str, Any]]:
        items = as_list(parse_object(self.read_output(self.status_command(), attempt)).get("items"))
        pods = (one for one in items if one.get("kind") == "Pod")
        return [pod for pod in pods if workload_of(pod) == self._workload(name)[1]]

    def describe_commands(self, images: Mapping[str, str]) -> list[list[str]]:
        """The deployments as they are in the cluster, then each image."""
        return [self.status_command(), *(self.inspect_command(image) for image in images.values())]

    def parse_status(self, text: str) -> dict[str, ServiceStatus]:
        """From workloads and pods.

        A pod that is ending still works and still writes, though its deployment no longer counts it.
        """
        items = parse_object(text).get("items")
        if not isinstance(items, list):
            raise unreadable_status("it has no “items”")
        pods: dict[str, list[Mapping[str, Any]]] = {}
        for pod in (one for one in as_list(items) if one.get("kind") == "Pod"):
            pods.setdefault(workload_of(pod), []).append(pod)
        services = {(KINDS[kind], name): service for service, (kind, name, _) in self._workloads().items()}
        found: dict[str, ServiceStatus] = {}
        for one in as_list(items):
            kind, named = str(one.get("kind", "Deployment")), name_of(one)
            service = services.get((kind, named), named if kind == "Deployment" else "")
            if service:
                found[service] = _status(one, pods, service, self._container(service))
        return found

    def container_starts(self, images: Mapping[str, str], attempt: str) -> Iterator[ContainerStart]:
        """The deployments in the cluster, which keep their command when the image is set; then the files."""
        reader = self.image_reader(attempt)
        workloads = {(KINDS[kind], name) for kind, name, _ in map(self._workload, images)}
        containers = {self._container(name): image for name, image in images.items()}
        for one in as_list(parse_release(self.read_output(self.status_command(), attempt)).get("items")):
            if (str(one.get("kind", "Deployment")), name_of(one)) in workloads:
                yield from starts_of_workload(one, "kubectl get deployments", reader, containers)
        file = self.system.get("file")
        if file:
            yield from starts_in_files(Path(self.system.get("folder") or ".", file), reader)

    def _scale_commands(self, names: Sequence[str], replicas: int) -> list[list[str]]:
        daemons = [name for name in names if self._workload(name)[0] == "daemonset"]
        if daemons:
            raise Problem(
                f"{', '.join(daemons)}: a daemon set cannot be started or stopped by a number of replicas.",
                means="It runs on every node that its node selector chooses. Nothing was changed.",
                next="Change its node selector by hand, or take it out of services: of the item.",
            )
        return [[*self._kubectl(), "scale", f"--replicas={replicas}", *map(self._target, names)]]

    def _workloads(self) -> dict[str, tuple[str, str, str]]:
        """Service → kind, name and container, as ``deployments:`` has them. Raises `Problem`."""
        found = {}
        for service, value in self.mapping("deployments").items():
            words = value.split("/")
            kind, name = (words.pop(0), words[0]) if len(words) == 3 else ("deployment", words[0])
            if kind not in KINDS or len(words) > 2:
                raise Problem(
                    f"deployments: of the system “{self.system.name}” cannot be read: “{service}={value}”.",
                    means="Nothing was started.",
                    next=f"Write “service=name/container” or “service=kind/name/container”; kinds: "
                    f"{', '.join(KINDS)}.",
                )
            found[service] = (kind, name, words[1] if len(words) == 2 else name)
        return found

    def _workload(self, name: str) -> tuple[str, str, str]:
        return self._workloads().get(name, ("deployment", name, name))

    def _target(self, name: str) -> str:
        kind, workload, _ = self._workload(name)
        return f"{kind}/{workload}"

    def _container(self, name: str) -> str:
        return self._workload(name)[2]

    def _kubectl(self) -> list[str]:
        return ["kubectl", *self._flag("context", "--context"), *self._flag("namespace", "--namespace")]


def _status(
    one: Mapping[str, Any], pods: Mapping[str, list[Mapping[str, Any]]], name: str, container: str
) -> ServiceStatus:
    """``name``: of the service; ``container``: the one whose image counts."""
    mine, rollout = pods.get(name_of(one), []), read_rollout(one)
    alive = [pod for pod in mine if as_dict(pod.get("status")).get("phase") not in ENDED]
    messages = [*explain_conditions(as_dict(one.get("status"))), *explain_pods(mine)]
    messages += [*rollout.notes, *filter(None, [rollout.waits])]
    if not rollout.wanted and alive:
        messages.append(f"{len(alive)} pod(s) still run")
    state = "available" if rollout.wanted and not rollout.waits else "progressing"
    if not rollout.wanted:
        state = "stopping" if alive else "stopped"
    return ServiceStatus(
        name,
        state=state,
        replicas=rollout.wanted,
        ready=rollout.ready,
        image=BETWEEN.join(_run_images(one, alive, container)),
        restarts=sum(map(_restarts, mine)) if mine else None,
        message="; ".join(dict.fromkeys(messages)),
    )


def _run_images(one: Mapping[str, Any], alive: Sequence[Mapping[str, Any]], container: str) -> list[str]:
    """The image of the template, and those of pods that a complete rollout may have left as they were.

    That is so with a partition or with OnDelete. A deployment replaces all of its pods, or is not ready.
    """
    template = as_dict(as_dict(one.get("spec")).get("template"))
    specs = [as_dict(template.get("spec"))]
    if one.get("kind") in ("StatefulSet", "DaemonSet"):
        staying = [pod for pod in alive if "deletionTimestamp" not in as_dict(pod.get("metadata"))]
        specs += [as_dict(pod.get("spec")) for pod in staying]
    found = [_named(as_list(spec.get("containers")), container) for spec in specs]
    return list(dict.fromkeys(str(each[0].get("image", "")) for each in found if each))


def _named(containers: list[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """The containers of that name; all of them where none has it."""
    return [one for one in containers if one.get("name") == name] or containers


def _container_statuses(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return as_list(as_dict(pod.get("status")).get("containerStatuses"))


def _restarts(pod: Mapping[str, Any]) -> int:
    return sum(as_int(one.get("restartCount")) for one in _container_statuses(pod))
