"""Why pods of a Kubernetes workload do not become ready, in the platform's own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from integrations.clients.platform.kubernetes_objects import as_dict, as_int, as_list, name_of, workload_of

ENDED = ("Succeeded", "Failed")  # phases of a pod whose containers no longer run
LONGEST = 300  # characters of one message
EVENTS = 3  # that are passed on


def explain_conditions(status: Mapping[str, Any]) -> list[str]:
    """What the conditions of a workload say: those that are not fulfilled, and pods that were refused.

    “ReplicaFailure” is the one condition that is bad when true: a quota or an admission rule refuses pods.
    """
    return [
        _cut(one.get("message") or one.get("reason"))
        for one in as_list(status.get("conditions"))
        if str(one.get("status")) == ("True" if one.get("type") == "ReplicaFailure" else "False")
    ]


def explain_pods(pods: Iterable[Mapping[str, Any]]) -> list[str]:
    """Why containers wait, ended or are not ready, and why pods have no node; each sentence once."""
    return list(dict.fromkeys(reason for pod in pods for reason in _explain_pod(pod) if reason))


def _explain_pod(pod: Mapping[str, Any]) -> list[str]:
    status = as_dict(pod.get("status"))
    if status.get("phase") in ENDED:
        return []
    found = [
        f"{one.get('reason') or 'not scheduled'}: {_cut(one.get('message'))}"
        for one in as_list(status.get("conditions"))
        if one.get("type") == "PodScheduled" and one.get("status") == "False"
    ]
    for part in ("initContainerStatuses", "containerStatuses"):
        found += [_explain_container(one) for one in as_list(status.get(part))]
    return found


def _explain_container(container: Mapping[str, Any]) -> str:
    name, state = container.get("name") or "a container", as_dict(container.get("state"))
    waiting, ended = as_dict(state.get("waiting")), as_dict(state.get("terminated"))
    if waiting.get("reason"):
        last = _describe_end(as_dict(as_dict(container.get("lastState")).get("terminated")))
        said = f" ({_cut(waiting['message'])})" if waiting.get("message") else ""
        return f"{name}: {waiting['reason']}{last}{said}"
    if as_int(ended.get("exitCode")):
        return f"{name}{_describe_end(ended)}"
    if state.get("running") is not None and container.get("ready") is False:
        if container.get("started") is False:
            return f"{name}: runs, but its startup probe has not succeeded"
        last = _describe_end(as_dict(as_dict(container.get("lastState")).get("terminated")))
        return f"{name}: runs, but its readiness probe has not succeeded{last and f'; before it{last}'}"
    return ""


def _describe_end(ended: Mapping[str, Any]) -> str:
    """“, ended with exit code 137 (OOMKilled)”; "" where it did not end."""
    if "exitCode" not in ended:
        return ""
    reason = str(ended.get("reason") or "")
    said = f": {_cut(ended['message'])}" if ended.get("message") else ""
    return f", ended with exit code {ended['exitCode']}{f' ({reason})' if reason else ''}{said}"


def explain_events(
    events: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]], workload: str
) -> list[str]:
    """The latest warnings about a workload, its replica sets and the pods that it has now, newest first."""
    mine = {name_of(pod) for pod in pods if workload_of(pod) == workload}
    own = [one for one in events if one.get("type") == "Warning" and _is_about(one, mine, workload)]
    own.sort(key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""), reverse=True)
    said = dict.fromkeys(f"{one.get('reason')}: {_cut(one.get('message'))}" for one in own)
    return list(said)[:EVENTS]


def _is_about(event: Mapping[str, Any], pods: set[str], workload: str) -> bool:
    about = as_dict(event.get("involvedObject"))
    name = str(about.get("name") or "")
    if about.get("kind") == "Pod":
        return name in pods
    return workload == (name.rpartition("-")[0] if about.get("kind") == "ReplicaSet" else name)


def _cut(message: Any) -> str:
    text = " ".join(str(message or "").split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
