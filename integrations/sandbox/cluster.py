"""The sandbox's second door: a small Kubernetes cluster through whose ingress partners and phones come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from integrations.sandbox.private_files import write_private
from integrations.sandbox.state import SandboxState

NAMESPACE, INGRESS = "covenant", "covenant-connect"
OLD, NEW = "flask:80", "frontend:3000"  # the chart's ingress leads to the front end only


class Cluster:
    """Its API server and its ingress on two ports of the sandbox; ``folder`` is its own."""

    def __init__(self, folder: Path, state: SandboxState) -> None:
        self.folder, self.token, self.ports = folder, state.cluster_token, state.ports

    @property
    def file(self) -> Path:
        """What the cluster knows: token, services, ingresses."""
        return self.folder / "cluster.json"

    @property
    def url(self) -> str:
        """The address that partners and phones use."""
        return f"http://127.0.0.1:{self.ports['ingress']}"

    def lay_out(self) -> None:
        """Writes the cluster down as it is before the night; one that is there stays as it was led."""
        if self.file.exists():
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        services = {OLD: self._behind("old-app"), NEW: self._behind("new-frontend")}
        known = {"token": self.token, "namespace": NAMESPACE, "services": services}
        write_private(self.file, json.dumps({**known, "ingresses": [ingress(INGRESS, OLD)]}, indent=1))

    def _behind(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def environment(self) -> dict[str, str]:
        """What `cluster_server` is told."""
        ports = {"PORT": "ingress", "API_PORT": "cluster", "METRICS_PORT": "ingress-metrics"}
        return {variable: str(self.ports[name]) for variable, name in ports.items()}

    def variables(self) -> dict[str, str]:
        """By which the runbook's systems for this door are reached."""
        return {
            "INGRESS_URL": self.url,
            "INGRESS_API_URL": f"http://127.0.0.1:{self.ports['cluster']}",
            "INGRESS_TOKEN": self.token,
            "INGRESS_METRICS": f"http://127.0.0.1:{self.ports['ingress-metrics']}/metrics",
            "INGRESS_NAMESPACE": NAMESPACE,
            "INGRESS_NAME": INGRESS,
            "INGRESS_OLD": OLD,
            "INGRESS_NEW": NEW,
        }


def ingress(name: str, service: str, namespace: str = NAMESPACE) -> dict[str, Any]:
    """A manifest that leads every request to a service, “name:port”."""
    to, _, port = service.partition(":")
    backend = {"service": {"name": to, "port": {"number": int(port)}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
        },
    }
