"""The sandbox's Kubernetes cluster for tests, with ingresses and services of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.clients.proxies.kubernetes import CANARY, WEIGHT
from integrations.sandbox import cluster
from tests.integrations.sandbox.environments import answers
from tests.ports import free_port
from tests.waiting import wait_for

TOKEN = "token-of-the-tests"
NAMESPACE = "prod"


@dataclass(frozen=True)
class Running:
    """A cluster that runs: its API server, and where people come in."""

    api: str
    door: str
    metrics: str
    file: Path


def ingress(name: str, service: str, weight: int | None = None) -> dict[str, Any]:
    """A manifest that leads to port 80 of a service; with a weight it is a canary."""
    made = cluster.ingress(name, f"{service}:80", NAMESPACE)
    if weight is not None:
        made["metadata"]["annotations"] = {CANARY: "true", WEIGHT: str(weight)}
    return made


@contextmanager
def running(folder: Path, services: Mapping[str, str], *ingresses: dict[str, Any]) -> Iterator[Running]:
    """A new cluster while it runs."""
    file = folder / "cluster.json"
    known = {"token": TOKEN, "namespace": NAMESPACE, "services": services, "ingresses": ingresses}
    file.write_text(json.dumps(known))
    with started(file) as found:
        yield found


@contextmanager
def started(file: Path) -> Iterator[Running]:
    """The cluster of that file while it runs; it must end by itself."""
    ports = {name: str(free_port()) for name in ("PORT", "API_PORT", "METRICS_PORT")}
    argv = [sys.executable, "-m", "integrations.sandbox.cluster_server", str(file)]
    child = subprocess.Popen(argv, env={**os.environ, **ports}, stderr=subprocess.DEVNULL)
    api, door, metrics = (f"http://127.0.0.1:{ports[name]}" for name in ("API_PORT", "PORT", "METRICS_PORT"))
    found = Running(api, door, f"{metrics}/metrics", file)
    try:
        wait_for(lambda: child.poll() is not None or (answers(found.api) and answers(found.door)))
        assert child.poll() is None, f"the cluster ended with {child.returncode}"
        yield found
    finally:
        child.terminate()
        assert child.wait(90) == 0
