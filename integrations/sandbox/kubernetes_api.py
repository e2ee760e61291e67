"""A stand-in for the API server of a Kubernetes cluster: one namespace's ingresses, and nothing else.

As strict as the original towards whoever asks: bearer token, merge patches only, resource versions, its own
validation and its own errors. What an ingress leads to is the business of `ingress_controller`.
"""

from __future__ import annotations

import ipaddress
import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

from integrations.sandbox.serving import Answer, Asked

API = "/apis/networking.k8s.io/v1/namespaces"
FIRST_VERSION = 1000

Object = dict[str, Any]
Keep = Callable[[list[Object]], None]


def _forgotten(ingresses: list[Object]) -> None:
    """Nobody writes them down."""


class ApiServer:
    """Answers whoever has the token; ``keep`` is given all ingresses whenever one of them has changed."""

    def __init__(
        self, token: str, namespace: str, ingresses: Iterable[Object], keep: Keep = _forgotten
    ) -> None:
        self.token, self.namespace, self.keep = token, namespace, keep
        self.known = {one["metadata"]["name"]: deepcopy(one) for one in ingresses}
        self.lock = threading.Lock()
        kept = [int(one["metadata"].get("resourceVersion", 0)) for one in self.known.values()]
        self.versions = itertools.count(max([FIRST_VERSION, *(number + 1 for number in kept)]))
        for one in self.known.values():
            one["metadata"].setdefault("resourceVersion", str(next(self.versions)))

    def ingresses(self) -> list[Object]:
        """All of them as they are now, for whoever obeys them; not to be changed."""
        return list(self.known.values())

    def __call__(self, asked: Asked) -> Answer:
        """What the API server says to it."""
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return status(401, "Unauthorized", "Unauthorized")
        namespace, _, rest = asked.path.removeprefix(f"{API}/").partition("/")
        kind, _, name = rest.partition("/")
        if not asked.path.startswith(f"{API}/") or kind != "ingresses" or not name or "/" in name:
            return status(404, "NotFound", "the server could not find the requested resource")
        if namespace != self.namespace:
            return status(403, "Forbidden", f"ingresses.networking.k8s.io is forbidden: {asked.path}")
        if name not in self.known:
            return status(404, "NotFound", f'ingresses.networking.k8s.io "{name}" not found')
        if asked.method == "GET":
            return Answer(200, self.known[name])
        if asked.method != "PATCH":
            return status(405, "MethodNotAllowed", "the server does not allow this method")
        with self.lock:
            return self._patched(name, asked)

    def _patched(self, name: str, asked: Asked) -> Answer:
        if asked.headers.get("content-type") != "application/merge-patch+json":
            return status(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        try:
            patch = asked.json()
        except ValueError as error:
            return status(400, "BadRequest", str(error))
        now = self.known[name]
        version = patch.get("metadata", {}).pop("resourceVersion", None)
        if version not in (None, now["metadata"]["resourceVersion"]):
            said = f'Operation cannot be fulfilled on ingresses.networking.k8s.io "{name}": '
            return status(409, "Conflict", f"{said}the object has been modified; please apply your changes")
        then = merged(deepcopy(now), patch)
        wrong = invalid(then["spec"])
        if wrong:
            return status(422, "Invalid", f'Ingress.networking.k8s.io "{name}" is invalid: {wrong}')
        if then != now:
            then["metadata"]["resourceVersion"] = str(next(self.versions))
            self.keep([then if one is now else one for one in self.ingresses()])
            self.known[name] = then
        return Answer(200, then)


def status(code: int, reason: str, message: str) -> Answer:
    """An error as the API server sends it."""
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return Answer(code, {**said, "message": message, "reason": reason, "code": code})


def merged(now: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    now = now if isinstance(now, dict) else {}
    for name, value in patch.items():
        if value is None:
            now.pop(name, None)
        else:
            now[name] = merged(now.get(name), value)
    return now


def invalid(spec: Mapping[str, Any]) -> str:
    """What the API server would say against it; empty when it is valid."""
    if not spec.get("rules") and not spec.get("defaultBackend"):
        return "spec: either `defaultBackend` or `rules` must be specified"
    for rule in spec.get("rules") or []:
        if _is_address(rule.get("host", "")):
            return "spec.rules.host: must be a DNS name, not an IP address"
        for path in (rule.get("http") or {}).get("paths") or []:
            service = path.get("backend", {}).get("service", {})
            if not service.get("name"):
                return "spec.rules.http.paths.backend.service.name: Required value"
            if set(service.get("port", {})) not in ({"number"}, {"name"}):
                return "spec.rules.http.paths.backend.service.port: port name or number is required"
            if path.get("pathType") not in ("Prefix", "Exact", "ImplementationSpecific"):
                return "spec.rules.http.paths.pathType: Required value"
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
