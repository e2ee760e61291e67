"""How a service stands on its platform, in the same words for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from integrations.errors import Problem


@dataclass(frozen=True)
class Standing:
    """One service: its state in the platform's word, replicas wanted and ready, its image (name@digest
    where the platform tells it), restarts so far (None: it does not tell), and what it says of it."""

    name: str
    state: str
    replicas: int
    ready: int
    image: str = ""
    restarts: int | None = None
    message: str = ""

    @property
    def is_up(self) -> bool:
        """Whether all that was wanted is ready, and something was wanted."""
        return self.replicas > 0 and self.ready >= self.replicas

    @property
    def is_down(self) -> bool:
        """Whether nothing of it runs and nothing is wanted."""
        return self.replicas == 0 and self.ready == 0 and self.state not in ("running", "stopping")

    def as_facts(self) -> dict[str, Any]:
        """JSON, without its name."""
        return {name: value for name, value in asdict(self).items() if name != "name"}

    def __str__(self) -> str:
        return f"{self.name}: {self.state}, {self.ready} of {self.replicas} ready {self.message}".strip()


def of_command(text: str) -> dict[str, Standing]:
    """``{"services": {name: {"state", "replicas", "ready", "image", "restarts", "message"}}}``."""
    found = _json(text).get("services")
    if not isinstance(found, dict):
        raise _unreadable("it has no “services”")
    known = ("state", "replicas", "ready", "image", "restarts", "message")
    try:
        return {
            name: Standing(name, **{key: value for key, value in one.items() if key in known})
            for name, one in found.items()
        }
    except (TypeError, AttributeError) as error:
        raise _unreadable(str(error)) from None


def of_compose(text: str) -> dict[str, Standing]:
    """What ``docker compose ps --all --format json`` prints: an object a line, or (older) one array."""
    services: dict[str, list[Mapping[str, Any]]] = {}
    for row in _rows(text):
        services.setdefault(str(row["Service"]), []).append(row)
    return {
        name: Standing(
            name,
            state=str(rows[-1]["State"]),
            replicas=sum(row["State"] != "exited" for row in rows),
            ready=sum(row["State"] == "running" and row.get("Health", "") in ("", "healthy") for row in rows),
            image=str(rows[-1].get("Image", "")),
            message=str(rows[-1].get("Status", "")),
        )
        for name, rows in services.items()
    }


def of_kubectl(text: str) -> dict[str, Standing]:
    """What ``kubectl get deployments,pods --output json`` prints. A pod that is ending still works, and
    still writes: the deployment itself no longer counts it."""
    items = _json(text).get("items", [])
    pods: dict[str, list[Mapping[str, Any]]] = {}
    for pod in (one for one in items if one.get("kind") == "Pod"):
        pods.setdefault(_deployment_of(pod), []).append(pod)
    found = (_of_deployment(one, pods) for one in items if one.get("kind", "Deployment") == "Deployment")
    return {one.name: one for one in found}


def _of_deployment(one: Mapping[str, Any], pods: Mapping[str, list[Mapping[str, Any]]]) -> Standing:
    name, spec, status = one["metadata"]["name"], one["spec"], one.get("status", {})
    current = status.get("observedGeneration") == one["metadata"].get("generation")
    ready = status.get("readyReplicas", 0) if current else 0
    mine, wanted = pods.get(name, []), spec.get("replicas", 1)
    alive = [pod for pod in mine if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")]
    bad = [c for c in status.get("conditions", []) if c.get("status") == "False"]
    said = [str(c.get("message", "")) for c in bad]
    if not wanted and alive:
        said.append(f"{len(alive)} pod(s) still run")
    return Standing(
        name,
        state="available" if ready else "stopping" if alive and not wanted else "progressing",
        replicas=wanted,
        ready=min(ready, status.get("updatedReplicas", 0)),
        image=_image(name, spec["template"]["spec"]["containers"]),
        restarts=sum(map(_restarts, mine)) if mine else None,
        message=" ".join(said),
    )


def _image(name: str, containers: list[Mapping[str, Any]]) -> str:
    """That of the container with the deployment's name; of the first where none has it."""
    named = [one for one in containers if one.get("name") == name]
    return str((named or containers)[0]["image"])


def _restarts(pod: Mapping[str, Any]) -> int:
    containers = pod.get("status", {}).get("containerStatuses", [])
    return sum(int(one.get("restartCount", 0)) for one in containers)


def _deployment_of(pod: Mapping[str, Any]) -> str:
    """The deployment whose replica set made this pod; “” for one of something else."""
    about = pod["metadata"]
    owners = [one["name"] for one in about.get("ownerReferences", []) if one.get("kind") == "ReplicaSet"]
    mark = about.get("labels", {}).get("pod-template-hash", "")
    return str(owners[0]).removesuffix(f"-{mark}") if owners and mark else ""


def _rows(text: str) -> Iterator[Mapping[str, Any]]:
    for line in text.splitlines():
        if line.strip():
            found = _parsed(line)
            yield from found if isinstance(found, list) else [found]


def _json(text: str) -> dict[str, Any]:
    found = _parsed(text)
    if not isinstance(found, dict):
        raise _unreadable("it is no JSON object")
    return found


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise _unreadable("it is no JSON") from None


def _unreadable(why: str) -> Problem:
    return Problem(
        f"What the platform says of its services cannot be read: {why}.",
        means="It is not known how they stand.",
        next="Run the status command of the preview by hand; it has to print JSON.",
    )
