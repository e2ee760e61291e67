"""A Kubernetes canary ingress by the API server: the share of the new stack is an annotation of it."""

from __future__ import annotations

from typing import Any

from integrations.clients.http import Reply
from integrations.clients.proxies.driver import Proxy, Weights, changed_meanwhile, no_member
from integrations.errors import Problem

CANARY = "nginx.ingress.kubernetes.io/canary"
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"


class Kubernetes(Proxy):
    """``url``: the API server; ``token``; ``namespace``; ``pool``: name of the canary ingress, which leads to
    the service ``new`` beside a main ingress that leads to ``old`` (ingress-nginx)."""

    def read(self) -> tuple[Weights, Any]:
        """The canary's weight, and the resource version it was read at."""
        ingress = self.asked("GET").json()
        notes = ingress["metadata"].get("annotations") or {}
        rules = ingress["spec"].get("rules", [])
        paths = [path for rule in rules for path in rule.get("http", {}).get("paths", [])]
        services = sorted({path["backend"]["service"]["name"] for path in paths})
        if services != [self.system["new"]] or notes.get(CANARY) != "true":
            raise no_member(self.system, services)
        return Weights.to_new(int(notes.get(WEIGHT, "0"))), ingress["metadata"]["resourceVersion"]

    def set(self, weights: Weights, mark: Any) -> None:
        """Refused by the API server when the resource version has moved on."""
        change = {"metadata": {"resourceVersion": mark, "annotations": {WEIGHT: str(weights.new)}}}
        self.asked("PATCH", change)

    def commands(self, weights: Weights) -> list[str]:
        """The one request."""
        return [f"PATCH {self.path()}: {WEIGHT}: “{weights.new}”, at the resource version just read"]

    def path(self) -> str:
        """Where the ingress is at the API server."""
        namespace = self.system.get("namespace") or "default"
        return f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses/{self.system['pool']}"

    def asked(self, method: str, change: Any = None) -> Reply:
        """Reads it, or changes it by a merge patch. Raises `Problem`; nothing has changed then."""
        headers = {"Authorization": f"Bearer {self.system['token']}"}
        if change is not None:
            headers["Content-Type"] = "application/merge-patch+json"
        reply = self.caller.ask(self.system["url"], self.path(), method=method, send=change, headers=headers)
        if reply.status == 409:
            raise changed_meanwhile(self.where)
        if not reply.ok:
            raise Problem(
                f"The Kubernetes API answered {reply.status}: {reply.says()}",
                means="Nothing was changed.",
                next="401, 403: the token may not get and patch ingresses; 404: check pool: and namespace:.",
            )
        return reply
