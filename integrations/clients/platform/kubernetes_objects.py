"""Reads values out of Kubernetes objects as kubectl prints them as JSON, whatever is missing there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.clients.platform.service_status import unreadable_status


def as_dict(value: Any) -> Mapping[str, Any]:
    """An object; an empty one where there is none: the API leaves out what is empty.

    Raises `Problem` for another type, which the API never sends: read as empty, it would hide what fails.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise unreadable_status("an object was expected, and something else stands there")
    return value


def as_list(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; an empty list where there is none. Raises `Problem` for another type."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise unreadable_status("a list of objects was expected, and something else stands there")
    return value


def as_int(value: Any, default: int = 0) -> int:
    """A whole number; the default where there is none: the API leaves zero out.

    Raises `Problem` for another type, and for numbers that count no pods.
    """
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise unreadable_status("a count was expected, and something else stands there")
    return value


def name_of(one: Mapping[str, Any]) -> str:
    """The name of an object; "" where it has none."""
    return str(as_dict(one.get("metadata")).get("name") or "")


def workload_of(pod: Mapping[str, Any]) -> str:
    """The deployment, stateful set or daemon set that created this pod; "" for a pod of something else.

    A deployment creates pods by a replica set, whose name is the deployment's and the hash of the template.
    """
    metadata = as_dict(pod.get("metadata"))
    mark = str(as_dict(metadata.get("labels")).get("pod-template-hash") or "")
    for owner in as_list(metadata.get("ownerReferences")):
        name = str(owner.get("name") or "")
        if owner.get("kind") in ("StatefulSet", "DaemonSet"):
            return name
        if owner.get("kind") == "ReplicaSet" and mark:
            return name.removesuffix(f"-{mark}")
    return ""
