"""A stand-in for a Kubernetes API server that knows ingresses, and for the controller that obeys them.

``python -m tests.integrations.sandbox.kubernetes PORT FILE``; FILE holds token, namespace, ingresses and the
address of each service (“name:port”). Under ``/apis`` it is as strict as the API server: bearer token,
merge patches only, resource versions, its own errors. Any other path goes to the service that the ingress
names, canary weight and all, and comes back with ``X-Stack``: the server that answered.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from cutover.embedded import free_port
from integrations.clients import http
from integrations.clients.proxies.kubernetes import CANARY, WEIGHT
from integrations.errors import Unreachable
from integrations.sandbox.serving import Answer, Asked, serve
from tests.integrations.sandbox.estates import until

API = "/apis/networking.k8s.io/v1/namespaces"
TOKEN = "token-of-the-tests"


class Cluster:
    """One namespace's ingresses."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.token, self.namespace, self.services = known["token"], known["namespace"], known["services"]
        self.versions = itertools.count(1000)
        self.ingresses = {one["metadata"]["name"]: one for one in known["ingresses"]}
        for one in self.ingresses.values():
            one["metadata"]["resourceVersion"] = str(next(self.versions))
        self.lock, self.asked = threading.Lock(), itertools.count()

    def __call__(self, asked: Asked) -> Answer:
        if not asked.path.startswith("/apis/"):
            return self.through(asked)
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return status(401, "Unauthorized", "Unauthorized")
        place, _, name = asked.path.rpartition("/")
        if place != f"{API}/{self.namespace}/ingresses":
            return status(403, "Forbidden", f"ingresses.networking.k8s.io is forbidden: {asked.path}")
        if name not in self.ingresses:
            return status(404, "NotFound", f'ingresses.networking.k8s.io "{name}" not found')
        if asked.method == "GET":
            return Answer(200, self.ingresses[name])
        with self.lock:
            return self.patch(name, asked)

    def patch(self, name: str, asked: Asked) -> Answer:
        if asked.method != "PATCH":
            return status(405, "MethodNotAllowed", "the server does not allow this method")
        if asked.headers.get("content-type") != "application/merge-patch+json":
            return status(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        now, patch = self.ingresses[name], asked.json()
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
        self.ingresses[name] = then
        return Answer(200, then)

    def through(self, asked: Asked) -> Answer:
        """As ingress-nginx: so many of a hundred go to the canary."""
        number = next(self.asked) % 100
        main, share = None, None
        for one in self.ingresses.values():
            notes = one["metadata"].get("annotations", {})
            if notes.get(CANARY) == "true":
                share = (int(notes.get(WEIGHT, "0")), one)
            else:
                main = one
        chosen = share[1] if share and (number * 37) % 100 < share[0] else main
        service = chosen["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        url = self.services.get(f"{service['name']}:{service['port']['number']}")
        if url is None:
            return Answer(503, "<h1>503 Service Temporarily Unavailable</h1>")
        try:
            reply = http.ask(url, asked.path, timeout=3)
        except Unreachable:
            return Answer(502, "<h1>502 Bad Gateway</h1>")
        return Answer(reply.status, reply.body, {"X-Stack": reply.headers["server"].strip()})


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
    """What the API server would say against it."""
    if not spec.get("rules") and not spec.get("defaultBackend"):
        return "spec: either `defaultBackend` or `rules` must be specified"
    for rule in spec.get("rules") or []:
        for path in rule["http"]["paths"]:
            service = path.get("backend", {}).get("service", {})
            if not service.get("name"):
                return "spec.rules.http.paths.backend.service.name: Required value"
            if set(service.get("port", {})) not in ({"number"}, {"name"}):
                return "spec.rules.http.paths.backend.service.port: port name or number is required"
            if path.get("pathType") not in ("Prefix", "Exact", "ImplementationSpecific"):
                return "spec.rules.http.paths.pathType: Required value"
    return ""


def ingress(name: str, service: str, weight: int | None = None) -> dict[str, Any]:
    """A manifest; with a weight it is a canary."""
    backend = {"service": {"name": service, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    notes = {} if weight is None else {CANARY: "true", WEIGHT: str(weight)}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "prod", "annotations": notes},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": "x.example.org", "http": {"paths": [path]}}],
        },
    }


@contextmanager
def cluster(folder: Path, services: Mapping[str, str], *ingresses: dict[str, Any]) -> Iterator[str]:
    """Its address, while it runs."""
    port, file = free_port(), folder / "cluster.json"
    known = {"token": TOKEN, "namespace": "prod", "ingresses": ingresses, "services": services}
    file.write_text(json.dumps(known))
    argv = [sys.executable, "-m", "tests.integrations.sandbox.kubernetes", str(port), str(file)]
    child = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: child.poll() is not None or _answers(url))
        yield url
    finally:
        child.terminate()
        child.wait(15)


def _answers(url: str) -> bool:
    try:
        http.ask(url, "/", timeout=2)
    except Unreachable:
        return False
    return True


if __name__ == "__main__":
    serve(int(sys.argv[1]), Cluster(json.loads(Path(sys.argv[2]).read_text())), name="kubernetes")
