"""How far the rollout of a Kubernetes workload is, by the rules of ``kubectl rollout status``.

The rules are those of kubectl's own source: github.com/kubernetes/kubectl, pkg/polymorphichelpers/
rollout_status.go. A workload has ready pods of its older version while its newer pods never start, so no sum
of ready pods is a rollout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.clients.platform.kubernetes_objects import as_dict, as_int, as_list

NOT_OBSERVED = "the platform has not seen the latest change yet"
ON_DELETE = "its update strategy is OnDelete: delete its older pods, so that the platform replaces them"


@dataclass(frozen=True)
class Rollout:
    """``wanted`` replicas, and how many of them are ``ready`` in the newest version.

    ``waits`` says what the rollout still waits for; it is "" where the platform calls it complete, and only
    then are ``ready`` and ``wanted`` equal. ``notes`` are facts beside that.
    """

    wanted: int
    ready: int
    waits: str = ""
    notes: Sequence[str] = ()


def read_rollout(workload: Mapping[str, Any]) -> Rollout:
    """The rollout of a Deployment, StatefulSet or DaemonSet as ``kubectl get --output json`` prints it."""
    spec, status = as_dict(workload.get("spec")), as_dict(workload.get("status"))
    readers = {"StatefulSet": _stateful_set, "DaemonSet": _daemon_set}
    found = readers.get(str(workload.get("kind")), _deployment)(spec, status)
    generation = as_int(as_dict(workload.get("metadata")).get("generation"))
    if as_int(status.get("observedGeneration")) < generation:
        return Rollout(found.wanted, 0, NOT_OBSERVED, found.notes)
    if found.waits and found.ready >= found.wanted:
        return Rollout(found.wanted, max(0, found.wanted - 1), found.waits, found.notes)
    return found


def _deployment(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Rollout:
    wanted = as_int(spec.get("replicas"), 1)
    updated, available = as_int(status.get("updatedReplicas")), as_int(status.get("availableReplicas"))
    old = max(0, as_int(status.get("replicas"), updated) - updated)
    waits = ""
    if any(one.get("reason") == "ProgressDeadlineExceeded" for one in as_list(status.get("conditions"))):
        waits = "it exceeded its progress deadline"
    elif updated < wanted:
        waits = f"{updated} of {wanted} replicas are of the newest version"
        if spec.get("paused"):
            waits += "; the rollout is paused: kubectl rollout resume"
    elif old:
        waits = f"{old} replica(s) of the older version have not ended"
    elif available < updated:
        waits = f"{available} of {updated} replicas of the newest version are available"
    notes = [] if wanted else ["no replica is wanted"]
    return Rollout(wanted, max(0, min(updated, available - old)), waits, notes)


def _stateful_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Rollout:
    wanted, ready = as_int(spec.get("replicas"), 1), as_int(status.get("readyReplicas"))
    updated, strategy = as_int(status.get("updatedReplicas")), as_dict(spec.get("updateStrategy"))
    partition = as_int(as_dict(strategy.get("rollingUpdate")).get("partition"))
    waits, notes = "", [] if wanted else ["no replica is wanted"]
    if ready < wanted:
        waits = f"{ready} of {wanted} replicas are ready"
    elif strategy.get("type") == "OnDelete":
        waits = ON_DELETE if updated < wanted else ""
    elif updated < wanted - partition:
        waits = f"{updated} of {wanted - partition} replicas are of the newest version"
    elif not partition and status.get("updateRevision") != status.get("currentRevision"):
        waits = f"{updated} of {wanted} replicas are of the newest version"
    if partition and wanted:
        notes.append(f"its partition keeps {min(partition, wanted)} replica(s) at the older version")
    return Rollout(wanted, min(ready, wanted), waits, notes)


def _daemon_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Rollout:
    wanted = as_int(status.get("desiredNumberScheduled"))
    updated, available = as_int(status.get("updatedNumberScheduled")), as_int(status.get("numberAvailable"))
    waits = ""
    if updated < wanted:
        waits = f"{updated} of {wanted} nodes have the newest version"
        if as_dict(spec.get("updateStrategy")).get("type") == "OnDelete":
            waits += f"; {ON_DELETE}"
    elif available < wanted:
        waits = f"it is available at {available} of {wanted} nodes"
    notes = [] if wanted else ["no node is chosen for it"]
    return Rollout(wanted, min(updated, available, wanted), waits, notes)
