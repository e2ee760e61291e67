"""Web, two worker hosts, database and Redis on hosts of their own; one of them disappears in mid-attempt."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from checklists import services
from checklists.models import Attempt, Cutover, Member
from checklists.states import Reconciliation
from tests import servers
from tests.by_hand import by_hand
from tests.checklists.executor.conftest import found, running, wait_for_status
from tests.checklists.histories import person
from tests.hosts import Host, Network
from tests.waiting import wait_for

Queue = Callable[..., Attempt]
COMMAND = [sys.executable, "-m", "tests.checklists.executor.panel"]
WEB = [sys.executable, "-m", "uvicorn", "cutover.asgi:application", "--host", "0.0.0.0", "--lifespan", "off"]


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as made:
        yield made


@pytest.fixture
def hosts(transactional_db: None, network: Network, tmp_path: Path) -> Iterator[dict[str, Host]]:
    """The whole panel, with the timings of production."""
    named = {name: network.add(name) for name in ("database", "redis", "web", "worker-1", "worker-2")}
    log = tmp_path / "hosts.log"
    folder = servers.POSTGRES.socket_url().split("host=")[1].split("&")[0]
    socket = next(path for path in Path(folder).glob(".s.PGSQL.*") if path.suffix != ".lock")
    named["database"].forward(5432, str(socket), log)
    named["redis"].forward(6379, urlsplit(servers.VALKEY.url).path, log)
    for name in ("web", "worker-1", "worker-2"):
        environment = _environment(named, tmp_path / name)
        if name == "web":
            named[name].start(WEB, environment, log)
            named[name].start([*COMMAND, "reaper"], environment, log)
            named[name].start([*COMMAND, "dispatcher"], environment, log)
        worker = "probes,control" if name == "web" else "steps,probes"
        named[name].start([*COMMAND, "worker", "--queues", worker, "--concurrency", "2"], environment, log)
    yield named
    print(log.read_text()[-6000:])


def _environment(named: dict[str, Host], data: Path) -> dict[str, str]:
    """Each host has a data folder of its own: no lock of one is seen by another."""
    url = urlsplit(servers.application_url(connection.settings_dict["NAME"]))
    login = url.netloc.rpartition("@")[0]
    database = urlunsplit(url._replace(netloc=f"{login}@{named['database'].address}:5432"))
    redis = f"redis://default:not-asked-for-here@{named['redis'].address}:6379/0"
    own = {
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "CUTOVER_DATA": str(data),
        "ALLOWED_HOSTS": "localhost",
    }
    return {**os.environ, **own, "CUTOVER_TIMES": "look_again=2"}


def health(network: Network, web: Host) -> dict[str, Any]:
    status, body = network.fetch(f"http://{web.address}:8000/health/ready")
    return json.loads(body)["checks"] if status else {}


def local_probers(network: Network, web: Host) -> str:
    """What the health page says of them, once all is well."""
    said = health(network, web).get("local prober", {})
    return str(said["words"]) if said.get("ok") else ""


def test_a_host_that_disappears_is_found_out_declared_dead_probed_and_decided(
    network: Network, hosts: dict[str, Host], cutover: Cutover, queue: Queue
) -> None:
    with by_hand():
        for name in ("ama", "kofi"):
            Member.objects.create(cutover=cutover, person=person(name), part="LEAD")
    attempt = running(queue("test.once", do="sleep", seconds=300))
    lost, other = (
        attempt.owner["host"],
        {"worker-1": "worker-2", "worker-2": "worker-1"}[attempt.owner["host"]],
    )
    both = wait_for(
        lambda: (said := health(network, hosts["web"]).get("local prober", {}))["ok"] and said["words"]
    )
    assert "on worker-1 within" in both
    assert "on worker-2 within" in both
    hosts[lost].cut()
    hosts[lost].kill()
    began = time.monotonic()
    wait_for_status(attempt, "UNKNOWN", timeout=60)
    assert time.monotonic() - began <= 30  # the promise, not a benchmark
    attempt = found(attempt)
    assert attempt.finding["dead"] == ""  # the same kernel, and nobody there who could know
    with pytest.raises(services.CommandRefused, match="Nobody has proven"):
        services.reconcile_attempt(
            attempt=attempt, by=person("ama"), found=Reconciliation.PARTIAL, note="I looked."
        )
    asked = services.declare_host_dead(cutover=cutover, host=lost, reason="Unplugged.", by=person("ama"))
    services.confirm_change(request=asked, by=person("kofi"))
    wait_for(lambda: Attempt.objects.get(pk=attempt.pk).finding["dead"])
    finding = Attempt.objects.get(pk=attempt.pk).finding
    assert finding["dead"].startswith(f"ama and kofi declared the host {lost} dead")
    assert finding["seen"] == "PARTIAL"
    services.reconcile_attempt(
        attempt=attempt, by=person("kofi"), found=Reconciliation.PARTIAL, note="The journal has one line."
    )
    again = wait_for_status(queue("test.once", again=attempt.item))
    assert (again.status, again.owner["host"]) == ("SUCCEEDED", other)
