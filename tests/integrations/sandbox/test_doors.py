"""Through the sandbox's doors its two stacks are told apart by the shipped markers, and are counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.clients import http
from integrations.clients.http import HttpClient
from integrations.clients.proxies import Weights, get_proxy
from integrations.sandbox.legacy.access import API
from integrations.systems import Systems
from integrations.traffic.traffic_probe import AnswerCounts, TrafficProbe
from tests.customer_runbook import customer_runbook
from tests.integrations.clients import proxies
from tests.integrations.clients.proxies import Stacks
from tests.integrations.sandbox import kubernetes
from tests.integrations.sandbox.environments import SandboxEnvironment, running
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def stacks(environment: SandboxEnvironment) -> Iterator[Stacks]:
    database = environment.url(API, environment.migrated())
    old, new = environment.process("old-app"), environment.process("new-api", DATABASE_URL=database)
    with running(old) as a, running(new) as b:
        yield Stacks(a, b)


def systems_of(stacks: Stacks, public: str, door: dict[str, str]) -> Systems:
    shipped = customer_runbook()["systems"]
    sections: dict[str, dict[str, Any]] = {
        "old": {**shipped["old-app"], "url": stacks.old},
        "new": {**shipped["api"], "url": stacks.new},
        "public": {"kind": "http", "url": public},
        "door": door,
    }
    return Systems(sections, {})


def ten_answers(systems: Systems) -> AnswerCounts:
    probe = TrafficProbe(HttpClient.of(systems), systems["public"], systems["old"], systems["new"])
    found = AnswerCounts()
    for _ in range(10):
        probe.send_request(found)
    return found


@pytest.mark.parametrize("kind", sorted(proxies.KINDS))
def test_load_balancers_leave_the_markers_alone(stacks: Stacks, kind: str, tmp_path: Path) -> None:
    with proxies.KINDS[kind](tmp_path, stacks) as (public, settings):
        systems = systems_of(stacks, public, settings)
        proxy = get_proxy(systems["door"], systems)
        before = proxy.read_requests()
        found = ten_answers(systems)
        assert (found.old, found.errors) == (10, 0)
        assert proxy.read_requests().old.total == before.old.total + 10
        proxy.set(Weights(50, 50), proxy.read()[1])
        # After a reload, nginx's workers of before may still take some requests.
        wait_for(lambda: ten_answers(systems).new > 2, message="the new stack gets no share")
        found = ten_answers(systems)
        assert found.old + found.new == 10


def test_the_ingress_leaves_the_markers_alone(stacks: Stacks, tmp_path: Path) -> None:
    services = {"flask:80": stacks.old, "backend:3000": stacks.new}
    for service, expected in (("flask", (10, 0, 0)), ("backend", (0, 10, 0))):
        people = kubernetes.ingress("web", service)
        if service == "backend":
            people["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] = {"number": 3000}
        with kubernetes.running(tmp_path, services, people) as cluster:
            found = ten_answers(systems_of(stacks, cluster.door, {"kind": "proxy"}))
        assert (found.old, found.new, found.unknown) == expected


def test_neither_stack_counts_requests_or_names_itself(stacks: Stacks) -> None:
    for base in (stacks.old, stacks.new):
        assert http.request(base, "/requests").status == 404
    assert "server" not in http.request(stacks.new, "/health/live").headers
    assert http.request(stacks.old, "/").headers["server"].startswith("Werkzeug/")
